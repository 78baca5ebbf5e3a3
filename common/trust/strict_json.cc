#include "common/trust/strict_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using nlohmann::json;

constexpr size_t kMistakesReportedMax = 8;

Status Refused(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

const json& EmptyObject() {
  static const json* const empty = new json(json::object());
  return *empty;
}

// Paths hold names that a stranger chose: escaped and cut they can do nothing to a terminal.
std::string Quoted(std::string_view path) {
  constexpr size_t kPathShownMax = 120;
  return FormatJson(json(std::string(path.substr(0, kPathShownMax))));
}

std::string Join(std::string_view path, std::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(ToAbsl(path), ".", ToAbsl(field));
}

// C0, DEL and C1 (U+0080 to U+009F, which UTF-8 writes as C2 80 to C2 9F): what moves a terminal's
// cursor or forges a line of a log.
bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0)
      return true;
  }
  return false;
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  });
}

// Nothing unless written exactly as FormatTime() does: one instant has one text.
std::optional<absl::Time> ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime("%Y-%m-%dT%H:%M:%SZ", text, &time, &error)) return std::nullopt;
  if (sluice::FormatTime(time) != text) return std::nullopt;
  return time;
}

}  // namespace

struct JsonDocument::State {
  struct MistakeEntry {
    std::string name;
    std::string text;
  };
  json value;
  std::string what;
  UnknownFields unknown_fields = UnknownFields::kRefuse;
  std::vector<MistakeEntry> mistakes;
  // Every object that was handed out for reading, with its path and the fields that were asked for.
  struct Visit {
    std::string path;
    std::set<std::string, std::less<>> fields;
  };
  std::map<const json*, Visit> visits;
};

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text, std::string what,
                                           UnknownFields unknown_fields, const JsonLimits& limits) {
  StatusOr<json> value = ParseStrictJson(text, limits);
  if (!value.ok()) return WithContext(value.status(), what);
  auto state = std::make_unique<State>();
  state->value = *std::move(value);
  state->what = std::move(what);
  state->unknown_fields = unknown_fields;
  return JsonDocument(std::move(state));
}

JsonReader JsonDocument::Root() { return {state_.get(), &state_->value, ""}; }

Status JsonDocument::Finish() const {
  std::vector<State::MistakeEntry> unknown;
  if (state_->unknown_fields == UnknownFields::kRefuse) {
    for (const auto& [value, visit] : state_->visits) {
      for (const auto& [field, unused] : value->items()) {
        if (visit.fields.contains(field)) continue;
        unknown.push_back({"json-unknown-field",
                           absl::StrCat("unknown field ", Quoted(Join(visit.path, field)))});
      }
    }
  }
  // Visits are in the order of addresses, which differs from run to run.
  std::sort(unknown.begin(), unknown.end(),
            [](const auto& a, const auto& b) { return a.text < b.text; });
  std::vector<State::MistakeEntry> mistakes = state_->mistakes;
  mistakes.insert(mistakes.end(), unknown.begin(), unknown.end());
  if (mistakes.empty()) return absl::OkStatus();
  std::vector<std::string> texts;
  for (const State::MistakeEntry& mistake : mistakes) {
    if (texts.size() == kMistakesReportedMax) {
      texts.push_back(absl::StrCat("and ", mistakes.size() - texts.size(), " more"));
      break;
    }
    texts.push_back(mistake.text);
  }
  return Refused(mistakes.front().name,
                 absl::StrCat(state_->what, ": ", absl::StrJoin(texts, "; ")));
}

JsonReader::JsonReader(JsonDocument::State* state, const json* value, std::string path)
    : state_(state), value_(value), path_(std::move(path)) {
  if (value_ != &EmptyObject()) state_->visits[value_].path = path_;
}

std::string JsonReader::PathOf(std::string_view field) const { return Join(path_, field); }

void JsonReader::Mistake(std::string_view field, std::string_view what) {
  // Below a mistake there is nothing that could be right.
  if (value_ == &EmptyObject()) return;
  const std::string path = absl::StrCat(Quoted(PathOf(field)), " ");
  for (const JsonDocument::State::MistakeEntry& known : state_->mistakes) {
    if (known.text.starts_with(path)) return;
  }
  state_->mistakes.push_back({"json-field", absl::StrCat(path, ToAbsl(what))});
}

void JsonReader::MistakeOf(std::string_view field, const Status& status) {
  Mistake(field, absl::StrCat("is refused: ", status.message()));
}

bool JsonReader::Has(std::string_view field) const { return value_->contains(std::string(field)); }

const json* JsonReader::Field(std::string_view field, bool required) {
  if (value_ == &EmptyObject()) return nullptr;
  state_->visits[value_].fields.emplace(field);
  const auto found = value_->find(std::string(field));
  if (found != value_->end()) return &*found;
  if (required) Mistake(field, "is missing");
  return nullptr;
}

const json* JsonReader::StringField(std::string_view field, bool required, size_t bytes_max) {
  const json* value = Field(field, required);
  if (value == nullptr) return nullptr;
  if (!value->is_string()) {
    Mistake(field, "must be text");
    return nullptr;
  }
  if (value->get_ref<const std::string&>().size() > bytes_max) {
    Mistake(field, absl::StrCat("is longer than ", bytes_max, " bytes"));
    return nullptr;
  }
  return value;
}

std::string JsonReader::String(std::string_view field, size_t bytes_max) {
  const json* value = StringField(field, true, bytes_max);
  return value == nullptr ? "" : value->get<std::string>();
}

std::string JsonReader::OptionalString(std::string_view field, size_t bytes_max) {
  const json* value = StringField(field, false, bytes_max);
  return value == nullptr ? "" : value->get<std::string>();
}

std::string JsonReader::Line(std::string_view field, size_t bytes_max) {
  const json* value = StringField(field, true, bytes_max);
  if (value == nullptr) return "";
  const std::string text = value->get<std::string>();
  if (!HasControlCharacter(text)) return text;
  Mistake(field, "holds a control character");
  return "";
}

std::string JsonReader::OptionalLine(std::string_view field, size_t bytes_max) {
  return Field(field, false) == nullptr ? "" : Line(field, bytes_max);
}

std::string JsonReader::OneOf(std::string_view field,
                              const std::vector<std::string_view>& choices) {
  const json* value = StringField(field, true, kJsonStringBytesMax);
  if (value == nullptr) return "";
  const std::string text = value->get<std::string>();
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  std::vector<std::string> names(choices.begin(), choices.end());
  Mistake(field, absl::StrCat("must be one of ", absl::StrJoin(names, ", ")));
  return "";
}

std::string JsonReader::Hex(std::string_view field, size_t bytes) {
  const json* value = StringField(field, true, kJsonStringBytesMax);
  if (value == nullptr) return "";
  const std::string text = value->get<std::string>();
  if (text.size() == bytes * 2 && IsLowerHex(text)) return text;
  Mistake(field, absl::StrCat("must be ", bytes * 2, " lower-case hexadecimal digits"));
  return "";
}

std::string JsonReader::OptionalHex(std::string_view field, size_t bytes) {
  const json* value = StringField(field, false, kJsonStringBytesMax);
  if (value == nullptr || value->get_ref<const std::string&>().empty()) return "";
  return Hex(field, bytes);
}

int64_t JsonReader::Integer(std::string_view field, int64_t minimum, int64_t maximum) {
  const json* value = Field(field, true);
  if (value == nullptr) return minimum;
  if (!value->is_number_integer()) {
    Mistake(field, "must be an integer");
    return minimum;
  }
  const auto number = value->get<int64_t>();
  if (number < minimum || number > maximum) {
    Mistake(field, absl::StrCat("must be from ", minimum, " to ", maximum));
    return minimum;
  }
  return number;
}

bool JsonReader::Bool(std::string_view field) {
  const json* value = Field(field, true);
  if (value == nullptr) return false;
  if (!value->is_boolean()) {
    Mistake(field, "must be true or false");
    return false;
  }
  return value->get<bool>();
}

absl::Time JsonReader::Time(std::string_view field) {
  const json* value = StringField(field, true, kJsonStringBytesMax);
  if (value == nullptr) return absl::InfinitePast();
  const std::optional<absl::Time> time = ParseTime(value->get<std::string>());
  if (!time.has_value()) Mistake(field, "must be a time like 2026-01-02T03:04:05Z");
  return time.value_or(absl::InfinitePast());
}

std::optional<absl::Time> JsonReader::OptionalTime(std::string_view field) {
  if (Field(field, false) == nullptr) return std::nullopt;
  return Time(field);
}

std::vector<std::string> JsonReader::Strings(std::string_view field, size_t count_max) {
  const json* value = Field(field, true);
  std::vector<std::string> strings;
  if (value == nullptr) return strings;
  const bool right = value->is_array() && value->size() <= count_max &&
                     std::all_of(value->begin(), value->end(), [](const json& element) {
                       return element.is_string() &&
                              element.get_ref<const std::string&>().size() <= kJsonStringBytesMax;
                     });
  if (!right) {
    Mistake(field, absl::StrCat("must be a list of at most ", count_max, " texts"));
    return strings;
  }
  for (const json& element : *value) strings.push_back(element.get<std::string>());
  return strings;
}

std::map<std::string, std::string> JsonReader::StringMap(std::string_view field) {
  std::map<std::string, std::string> map;
  JsonReader object = Object(field);
  for (const std::string& name : object.FieldNames()) map[name] = object.String(name);
  return map;
}

JsonReader JsonReader::Object(std::string_view field) {
  const json* value = Field(field, true);
  if (value != nullptr && value->is_object() && value->size() <= kJsonElementsMax) {
    return {state_, value, PathOf(field)};
  }
  if (value != nullptr) {
    Mistake(field, absl::StrCat("must be an object of at most ", kJsonElementsMax, " fields"));
  }
  return {state_, &EmptyObject(), PathOf(field)};
}

std::vector<JsonReader> JsonReader::Objects(std::string_view field, size_t count_max) {
  const json* value = Field(field, true);
  std::vector<JsonReader> objects;
  if (value == nullptr) return objects;
  const bool right =
      value->is_array() && value->size() <= count_max &&
      std::all_of(value->begin(), value->end(), [](const json& e) { return e.is_object(); });
  if (!right) {
    Mistake(field, absl::StrCat("must be a list of at most ", count_max, " objects"));
    return objects;
  }
  for (const json& element : *value) {
    objects.push_back({state_, &element, absl::StrCat(PathOf(field), "[", objects.size(), "]")});
  }
  return objects;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::ObjectMap(std::string_view field) {
  std::vector<std::pair<std::string, JsonReader>> objects;
  JsonReader map = Object(field);
  for (const std::string& name : map.FieldNames()) objects.emplace_back(name, map.Object(name));
  return objects;
}

std::vector<std::string> JsonReader::FieldNames() {
  std::vector<std::string> names;
  if (value_ == &EmptyObject()) return names;
  for (const auto& [name, unused] : value_->items()) {
    names.push_back(name);
    state_->visits[value_].fields.insert(name);
  }
  return names;
}

}  // namespace sluice::trust
