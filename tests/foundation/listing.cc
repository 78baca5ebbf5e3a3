#include "tests/foundation/listing.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/foundation/digests.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

// Split at commas after one decoding; then each element is decoded again (CC does it so:
// cloud_controller_ng, app/messages/base_message.rb).
std::vector<std::string> ListValue(const std::string& value) {
  std::vector<std::string> elements;
  size_t begin = 0;
  while (true) {
    size_t end = value.find(',', begin);
    std::string element = value.substr(begin, end == std::string::npos ? end : end - begin);
    if (begin > 0) element.erase(0, element.find_first_not_of(' '));
    elements.push_back(PercentDecode(element, true));
    if (end == std::string::npos) return elements;
    begin = end + 1;
  }
}

std::string Quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

std::string Trimmed(const std::string& text) {
  size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// Commas inside parentheses belong to a set, not between requirements.
std::vector<std::string> Requirements(const std::string& selector) {
  std::vector<std::string> requirements(1);
  int depth = 0;
  for (char c : selector) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      requirements.emplace_back();
    } else {
      requirements.back() += c;
    }
  }
  return requirements;
}

bool InSet(const TextMap& labels, const std::string& key, const std::string& set) {
  auto label = labels.find(Trimmed(key));
  if (label == labels.end()) return false;
  size_t open = set.find('(');
  for (const std::string& value : ListValue(set.substr(open + 1, set.find(')') - open - 1))) {
    if (Trimmed(value) == label->second) return true;
  }
  return false;
}

bool Satisfies(const TextMap& labels, const std::string& requirement) {
  size_t at = requirement.find(" notin ");
  if (at != std::string::npos) {
    return !InSet(labels, requirement.substr(0, at), requirement.substr(at));
  }
  at = requirement.find(" in ");
  if (at != std::string::npos)
    return InSet(labels, requirement.substr(0, at), requirement.substr(at));
  at = requirement.find('=');
  if (at == std::string::npos) {
    std::string key = Trimmed(requirement);
    return key.starts_with("!") ? !labels.contains(key.substr(1)) : labels.contains(key);
  }
  bool negated = at > 0 && requirement[at - 1] == '!';
  std::string key = Trimmed(requirement.substr(0, negated ? at - 1 : at));
  size_t value_at = requirement.find_first_not_of('=', at);
  std::string value = value_at == std::string::npos ? "" : Trimmed(requirement.substr(value_at));
  auto label = labels.find(key);
  bool equal = label != labels.end() && label->second == value;
  return equal != negated;
}

bool MatchesTime(const std::map<std::string, std::vector<std::string>>& filters,
                 const std::string& name, std::time_t time) {
  std::string shown = Timestamp(time);  // sorts as text
  for (const auto& [filter, values] : filters) {
    if (!filter.starts_with(name)) continue;
    std::string operation = filter.substr(name.size());
    if (operation.empty() && std::find(values.begin(), values.end(), shown) == values.end()) {
      return false;
    }
    if (operation == "[gt]" && !(shown > values[0])) return false;
    if (operation == "[gte]" && !(shown >= values[0])) return false;
    if (operation == "[lt]" && !(shown < values[0])) return false;
    if (operation == "[lte]" && !(shown <= values[0])) return false;
  }
  return true;
}

}  // namespace

Listing::Listing(const Call& call, Allowed allowed) : call_(call) {
  std::vector<std::string> valid = {"page",        "per_page",    "order_by",      "guids",
                                    "created_ats", "updated_ats", "label_selector"};
  if (!allowed.includes.empty()) valid.emplace_back("include");
  valid.insert(valid.end(), allowed.filters.begin(), allowed.filters.end());
  std::vector<std::string> unknown;
  for (const auto& [name, value] : call.request.query) {
    std::string plain = name.substr(0, name.find('['));
    if (std::find(valid.begin(), valid.end(), plain) == valid.end()) unknown.push_back(name);
  }
  if (!unknown.empty()) {
    throw BadQuery("Unknown query parameter(s): " + Quoted(unknown) +
                   ". Valid parameters are: " + Quoted(valid));
  }
  for (const auto& [name, value] : call.request.query) ReadParameter(name, value, allowed);
}

void Listing::ReadParameter(const std::string& name, const std::string& value,
                            const Allowed& allowed) {
  if (name == "page") {
    long page = std::strtol(value.c_str(), nullptr, 10);
    if (page < 1) throw BadQuery("Page must be a positive integer");
    page_ = static_cast<size_t>(page);
    return;
  }
  if (name == "per_page") {
    long per_page = std::strtol(value.c_str(), nullptr, 10);
    if (per_page < 1 || per_page > 5000) throw BadQuery("Per page must be between 1 and 5000");
    per_page_ = static_cast<size_t>(per_page);
    return;
  }
  shown_[name] = value;
  if (name == "order_by") {
    std::vector<std::string> valid = {"created_at", "updated_at"};
    if (allowed.order_by_name) valid.emplace_back("name");
    std::string plain = value.substr(value.starts_with("-") || value.starts_with("+") ? 1 : 0);
    if (std::find(valid.begin(), valid.end(), plain) == valid.end()) {
      throw BadQuery("Order by can only be: " + Quoted(valid));
    }
    order_by_ = value;
    shown_[name] = value.starts_with("-") ? value : "+" + plain;
    return;
  }
  std::vector<std::string> values =
      name == "label_selector" ? Requirements(value) : ListValue(value);
  if (name == "include") {
    for (const std::string& resource : values) {
      if (std::find(allowed.includes.begin(), allowed.includes.end(), resource) ==
          allowed.includes.end()) {
        throw BadQuery("Invalid included resource: '" + resource +
                       "'. Valid included resources are: " + Quoted(allowed.includes));
      }
    }
  }
  filters_[name] = std::move(values);
}

bool Listing::Matches(const std::string& filter, const std::string& value, bool ignore_case) const {
  auto found = filters_.find(filter);
  if (found == filters_.end()) return true;
  return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& wanted) {
    return ignore_case ? EqualWithoutCase(wanted, value) : wanted == value;
  });
}

bool Listing::Includes(const std::string& resource) const {
  return Has("include") && Matches("include", resource);
}

bool Listing::MatchesRecord(const Record& record) const {
  if (!Matches("guids", record.guid)) return false;
  if (!MatchesTime(filters_, "created_ats", record.created_at)) return false;
  if (!MatchesTime(filters_, "updated_ats", record.updated_at)) return false;
  auto selector = filters_.find("label_selector");
  if (selector == filters_.end()) return true;
  return std::all_of(selector->second.begin(), selector->second.end(),
                     [&](const std::string& requirement) {
                       return Satisfies(record.metadata.labels, requirement);
                     });
}

std::string Listing::PageUrl(size_t page) const {
  std::map<std::string, std::string> parameters = shown_;  // keys sorted, as CC's links
  parameters["page"] = std::to_string(page);
  parameters["per_page"] = std::to_string(per_page_);
  std::string url = call_.foundation.api_url + call_.request.path;
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    url += separator + PercentEncode(name) + "=" + PercentEncode(value);
    separator = '&';
  }
  return url;
}

Json Listing::Page(std::vector<Row> rows) const {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.record->id < b.record->id; });
  if (!order_by_.empty()) {
    bool descending = order_by_.starts_with("-");
    auto key = [&](const Row& row) {
      if (order_by_.ends_with("name")) return row.name;
      return Timestamp(order_by_.ends_with("updated_at") ? row.record->updated_at
                                                         : row.record->created_at);
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
      return descending ? key(b) < key(a) : key(a) < key(b);
    });
  }
  size_t begin = std::min(rows.size(), (page_ - 1) * per_page_);
  size_t end = std::min(rows.size(), begin + per_page_);
  // With window functions, CC's default, a page beyond the end counts nothing.
  size_t total = begin >= rows.size() ? 0 : rows.size();
  size_t pages = total == 0 ? 1 : (total + per_page_ - 1) / per_page_;
  Json resources = Json::array();
  for (size_t i = begin; i < end; ++i) resources.push_back(rows[i].present());
  auto link = [&](bool exists, size_t page) {
    return exists ? Json{{"href", PageUrl(page)}} : Json(nullptr);
  };
  return {{"pagination",
           {{"total_results", total},
            {"total_pages", pages},
            {"first", link(true, 1)},
            {"last", link(true, pages)},
            {"next", link(page_ < pages, page_ + 1)},
            {"previous", link(page_ > 1, page_ - 1)}}},
          {"resources", resources}};
}

}  // namespace sluice::box
