// Reads the fields of one JSON object without trusting any of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice::foundation {

// Unavailable "bad-answer" unless `text` is JSON: what answers may be a proxy.
StatusOr<nlohmann::json> ParseJson(std::string_view text);
// InvalidArgument "not-utf8" when a text in it is not UTF-8, which JSON cannot hold.
StatusOr<std::string> WriteJson(const nlohmann::json& json);

// Paths are keys joined by dots. A field that is required and missing, or has another type than
// asked for, makes status() a "bad-answer" that names the first such field; the getter then
// returns an empty value. null counts as missing. The JSON is borrowed.
class JsonFields {
 public:
  // `what` names the thing in errors: "droplet".
  JsonFields(const nlohmann::json& json, std::string_view what) : json_(json), what_(what) {}

  std::string Text(std::string_view path);          // required, not empty
  std::string OptionalText(std::string_view path);  // "" when missing
  std::optional<int64_t> Number(std::string_view path);
  bool Flag(std::string_view path, bool otherwise);
  std::vector<std::string> TextList(std::string_view path);
  std::optional<absl::Time> Time(std::string_view path);
  // An object or array; nullptr when missing.
  const nlohmann::json* Object(std::string_view path);
  const nlohmann::json* Array(std::string_view path);

  void Fail(std::string_view path, std::string_view problem);
  const Status& status() const { return status_; }

 private:
  // nullptr when missing or null.
  const nlohmann::json* Find(std::string_view path) const;

  const nlohmann::json& json_;
  const std::string_view what_;
  Status status_;
};

// What was read from the fields, or what was wrong with one of them.
template <typename T>
StatusOr<T> Finish(T record, const JsonFields& fields) {
  if (!fields.status().ok()) return fields.status();
  return record;
}

}  // namespace sluice::foundation
