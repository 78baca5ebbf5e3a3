// Counts the requests that reached the API, so that a test can say "nothing was changed".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace sluice::box {

class RequestLog {
 public:
  static constexpr size_t kKeptMax = 2000;

  void Record(const std::string& method, const std::string& path, int status);
  void Clear();
  // {"mutating":n,"reading":n,"by_path":{"GET /v3/apps":n},
  // "latest":[{method,path,status,at_microseconds}]}, the latter by the machine's monotonic clock:
  // what happened first at which of several boxes can be told.
  // Guids in by_path are written ":guid". Token requests are counted apart, as "token".
  nlohmann::json Report() const;

 private:
  struct Entry {
    std::string method;
    std::string path;
    int status;
    int64_t at_microseconds;
  };
  mutable std::mutex mutex_;
  int mutating_ = 0;
  int reading_ = 0;
  int token_ = 0;
  std::map<std::string, int> by_path_;
  std::deque<Entry> latest_;
};

}  // namespace sluice::box
