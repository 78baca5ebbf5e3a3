// Lists of the API: filters, order, pages and links, with CC's rules for each.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/foundation/call.h"

namespace sluice::box {

class Listing {
 public:
  struct Row {
    const Record* record;
    std::string name;  // sorts by order_by=name; may be empty where that is not allowed
    std::function<nlohmann::json()> present;
  };
  struct Allowed {
    std::vector<std::string> filters;  // beside those that every list takes
    bool order_by_name = false;
    std::vector<std::string> includes = {};
  };

  // Refuses unknown parameters and bad values (400 10005).
  Listing(const Call& call, Allowed allowed);

  // True when the filter is absent or one of its values is `value`.
  bool Matches(const std::string& filter, const std::string& value, bool ignore_case = false) const;
  bool Has(const std::string& filter) const { return filters_.contains(filter); }
  bool Includes(const std::string& resource) const;
  // guids, created_ats, updated_ats and label_selector.
  bool MatchesRecord(const Record& record) const;

  // The page that was asked for, out of all matching `rows` in creation order.
  nlohmann::json Page(std::vector<Row> rows) const;

 private:
  std::string PageUrl(size_t page) const;
  void ReadParameter(const std::string& name, const std::string& value, const Allowed& allowed);

  const Call& call_;
  std::map<std::string, std::vector<std::string>> filters_;
  std::map<std::string, std::string> shown_;  // parameters as the page links repeat them
  size_t page_ = 1;
  size_t per_page_ = 50;
  std::string order_by_;
};

}  // namespace sluice::box
