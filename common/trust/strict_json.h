// A document of strict JSON, taken apart field by field: a JsonReader remembers every mistake with
// its path, so that one answer names them all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strict_json.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice::trust {

using sluice::FormatJson;
using sluice::JsonLimits;
using sluice::kJsonDepthMax;
using sluice::kJsonIntegerMax;
using sluice::ParseStrictJson;

inline constexpr size_t kEnvelopeBytesMax = kJsonBytesMax;
inline constexpr size_t kJsonStringBytesMax =
    16 * 1024;                                    // one text field, unless it says otherwise
inline constexpr size_t kJsonElementsMax = 4096;  // of one list or map

enum class UnknownFields { kRefuse, kIgnore };

class JsonReader;

// Owns a parsed document and the mistakes found while it is read.
class JsonDocument {
 public:
  // Names as ParseStrictJson(). `what` begins each message: "order", "trust document".
  static StatusOr<JsonDocument> Parse(std::string_view text, std::string what,
                                      UnknownFields unknown_fields = UnknownFields::kRefuse,
                                      const JsonLimits& limits = {});
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  JsonReader Root();

  // OK when every field read was there and right, and (kRefuse) no other field is. Otherwise
  // InvalidArgument "json-field" (missing, wrong type or value) or "json-unknown-field", with the
  // path of each mistake.
  Status Finish() const;

 private:
  friend class JsonReader;
  struct State;
  explicit JsonDocument(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One object of a document; borrowed from it. A getter that finds a mistake records it and returns
// an empty value, so that a reader goes on to the end and Finish() decides.
class JsonReader {
 public:
  bool Has(std::string_view field) const;

  std::string String(std::string_view field, size_t bytes_max = kJsonStringBytesMax);
  std::string OptionalString(std::string_view field, size_t bytes_max = kJsonStringBytesMax);
  // A string without control characters: safe to print on one line.
  std::string Line(std::string_view field, size_t bytes_max = kJsonStringBytesMax);
  std::string OptionalLine(std::string_view field, size_t bytes_max = kJsonStringBytesMax);
  std::string OneOf(std::string_view field, const std::vector<std::string_view>& choices);
  // Exactly `bytes` bytes in lower-case hexadecimal, returned as text.
  std::string Hex(std::string_view field, size_t bytes);
  std::string OptionalHex(std::string_view field, size_t bytes);  // "" when absent or ""
  int64_t Integer(std::string_view field, int64_t minimum, int64_t maximum = kJsonIntegerMax);
  bool Bool(std::string_view field);
  // RFC 3339, UTC, whole seconds, as FormatTime() writes it.
  absl::Time Time(std::string_view field);
  std::optional<absl::Time> OptionalTime(std::string_view field);
  std::vector<std::string> Strings(std::string_view field, size_t count_max = kJsonElementsMax);
  std::map<std::string, std::string> StringMap(std::string_view field);
  JsonReader Object(std::string_view field);
  std::vector<JsonReader> Objects(std::string_view field, size_t count_max = kJsonElementsMax);
  // A field whose value maps names to objects.
  std::vector<std::pair<std::string, JsonReader>> ObjectMap(std::string_view field);
  // The names of all fields of this object; they count as read.
  std::vector<std::string> FieldNames();

  // Records a mistake of the caller's own finding, unless one of that field is known already.
  void Mistake(std::string_view field, std::string_view what);
  // The value, or nothing and the status recorded as a mistake: for what the caller parses out of a
  // string field itself.
  template <typename T>
  std::optional<T> Checked(std::string_view field, StatusOr<T> value) {
    if (value.ok()) return *std::move(value);
    MistakeOf(field, value.status());
    return std::nullopt;
  }

 private:
  friend class JsonDocument;
  JsonReader(JsonDocument::State* state, const nlohmann::json* value, std::string path);
  const nlohmann::json* Field(std::string_view field, bool required);
  const nlohmann::json* StringField(std::string_view field, bool required, size_t bytes_max);
  void MistakeOf(std::string_view field, const Status& status);
  std::string PathOf(std::string_view field) const;

  JsonDocument::State* state_;
  const nlohmann::json* value_;  // an object; an empty one when a mistake was recorded
  std::string path_;
};

}  // namespace sluice::trust
