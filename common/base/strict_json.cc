#include "common/base/strict_json.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "nlohmann/json.hpp"

namespace sluice {
namespace {

using nlohmann::json;

Status RefusedJson(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

// Builds the value while it watches for what nlohmann's own builder lets pass. A callback that
// returns false ends the parse; `refused` then says why.
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  explicit StrictBuilder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override {
    return value < -kJsonIntegerMax ? BadNumber() : Add(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    return value > static_cast<uint64_t>(kJsonIntegerMax) ? BadNumber() : Add(value);
  }
  bool number_float(number_float_t, const string_t&) override { return BadNumber(); }
  bool string(string_t& value) override {
    return HasNul(value) ? Malformed("a NUL character in a string") : Add(std::move(value));
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(json::array()); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (HasNul(name)) return Malformed("a NUL character in a field's name");
    if (open_.back()->contains(name)) {
      refused_ = RefusedJson("json-duplicate-field", "a field occurs twice in one object");
      return false;
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Malformed(absl::StrCat("at byte ", position));
  }

  json& value() { return value_; }
  const Status& refused() const { return refused_; }

 private:
  static bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

  bool Malformed(std::string_view where) {
    refused_ = RefusedJson("json-malformed", absl::StrCat("not valid JSON: ", ToAbsl(where)));
    return false;
  }
  bool BadNumber() {
    refused_ = RefusedJson("json-number", "a number is not an integer within +-(2^53 - 1)");
    return false;
  }

  json* Place(json&& value) {
    if (open_.empty()) {
      value_ = std::move(value);
      return &value_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }
  bool Add(json&& value) {
    Place(std::move(value));
    return true;
  }
  bool Open(json&& container) {
    if (open_.size() >= static_cast<size_t>(limits_.depth_max)) {
      refused_ = RefusedJson("json-too-deep", absl::StrCat("nested deeper than the ",
                                                           limits_.depth_max, " levels allowed"));
      return false;
    }
    open_.push_back(Place(std::move(container)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  json value_;
  // From the outermost to the innermost container that is being filled. Only the innermost grows,
  // so the pointers stay valid.
  std::vector<json*> open_;
  std::string key_;
  Status refused_;
};

}  // namespace

StatusOr<json> ParseStrictJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return RefusedJson("json-too-large", absl::StrCat("JSON of ", text.size(), " bytes; ",
                                                      limits.bytes_max, " are allowed"));
  }
  // nlohmann skips a byte order mark, and takes a NUL for the end of the text.
  if (text.starts_with("\xef\xbb\xbf")) {
    return RefusedJson("json-malformed", "not valid JSON: it begins with a byte order mark");
  }
  if (text.find('\0') != std::string_view::npos) {
    return RefusedJson("json-malformed", "not valid JSON: a NUL byte");
  }
  StrictBuilder builder(limits);
  if (!json::sax_parse(text.begin(), text.end(), &builder)) {
    SLUICE_CHECK(!builder.refused().ok());
    return builder.refused();
  }
  if (!builder.value().is_object()) return RefusedJson("json-not-an-object", "not a JSON object");
  return std::move(builder.value());
}

std::string FormatJson(const json& value) {
  // nlohmann keeps fields sorted; text that is not UTF-8 (a server's odd message) must not throw.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sluice
