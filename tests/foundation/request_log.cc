#include "tests/foundation/request_log.h"

#include <chrono>
#include <nlohmann/json.hpp>

namespace sluice::box {
namespace {

bool IsGuid(const std::string& text) {
  return text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
         text[23] == '-';
}

std::string WithoutGuids(const std::string& path) {
  std::string result;
  for (size_t begin = 0; begin < path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string::npos) end = path.size();
    std::string segment = path.substr(begin, end - begin);
    result += IsGuid(segment) ? ":guid" : segment;
    if (end < path.size()) result += '/';
    begin = end + 1;
  }
  return result;
}

}  // namespace

void RequestLog::Record(const std::string& method, const std::string& path, int status) {
  std::lock_guard lock(mutex_);
  if (path == "/oauth/token") {
    ++token_;
  } else if (method == "GET" || method == "HEAD") {
    ++reading_;
  } else {
    ++mutating_;
  }
  ++by_path_[method + " " + WithoutGuids(path)];
  const auto at = std::chrono::steady_clock::now().time_since_epoch();
  latest_.push_back(
      {method, path, status, std::chrono::duration_cast<std::chrono::microseconds>(at).count()});
  if (latest_.size() > kKeptMax) latest_.pop_front();
}

void RequestLog::Clear() {
  std::lock_guard lock(mutex_);
  mutating_ = reading_ = token_ = 0;
  by_path_.clear();
  latest_.clear();
}

nlohmann::json RequestLog::Report() const {
  std::lock_guard lock(mutex_);
  nlohmann::json latest = nlohmann::json::array();
  for (const Entry& entry : latest_) {
    latest.push_back({{"method", entry.method},
                      {"path", entry.path},
                      {"status", entry.status},
                      {"at_microseconds", entry.at_microseconds}});
  }
  return {{"mutating", mutating_},
          {"reading", reading_},
          {"token", token_},
          {"by_path", by_path_},
          {"latest", latest}};
}

}  // namespace sluice::box
