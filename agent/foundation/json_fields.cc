#include "agent/foundation/json_fields.h"

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

using nlohmann::json;

}  // namespace

StatusOr<json> ParseJson(std::string_view text) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return NamedError(StatusCode::kUnavailable, "bad-answer", "the answer is not JSON");
  }
  return parsed;
}

StatusOr<std::string> WriteJson(const json& value) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    return NamedError(StatusCode::kInvalidArgument, "not-utf8",
                      "a name or value to be sent to Cloud Controller is not UTF-8");
  }
}

const json* JsonFields::Find(std::string_view path) const {
  const json* current = &json_;
  while (true) {
    if (!current->is_object()) return nullptr;
    const size_t dot = path.find('.');
    const auto found = current->find(std::string(path.substr(0, dot)));
    if (found == current->end() || found->is_null()) return nullptr;
    current = &*found;
    if (dot == std::string_view::npos) return current;
    path.remove_prefix(dot + 1);
  }
}

void JsonFields::Fail(std::string_view path, std::string_view problem) {
  if (!status_.ok()) return;  // the first mistake says most
  status_ =
      NamedError(StatusCode::kUnavailable, "bad-answer",
                 absl::StrFormat("the answer's %s has a field %s that %s", what_, path, problem));
}

std::string JsonFields::OptionalText(std::string_view path) {
  const json* found = Find(path);
  if (found == nullptr) return "";
  if (found->is_string()) return found->get<std::string>();
  Fail(path, "is not text");
  return "";
}

std::string JsonFields::Text(std::string_view path) {
  std::string text = OptionalText(path);
  if (text.empty()) Fail(path, "is missing");
  return text;
}

std::optional<int64_t> JsonFields::Number(std::string_view path) {
  const json* found = Find(path);
  if (found == nullptr) return std::nullopt;
  if (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX) {
    Fail(path, "is too large a number");
    return std::nullopt;
  }
  if (found->is_number_integer()) return found->get<int64_t>();
  Fail(path, "is not a whole number");
  return std::nullopt;
}

bool JsonFields::Flag(std::string_view path, bool otherwise) {
  const json* found = Find(path);
  if (found == nullptr) return otherwise;
  if (found->is_boolean()) return found->get<bool>();
  Fail(path, "is neither true nor false");
  return otherwise;
}

std::vector<std::string> JsonFields::TextList(std::string_view path) {
  std::vector<std::string> texts;
  const json* found = Array(path);
  if (found == nullptr) return texts;
  for (const json& element : *found) {
    if (!element.is_string()) {
      Fail(path, "is not a list of texts");
      return {};
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::optional<absl::Time> JsonFields::Time(std::string_view path) {
  const std::string text = OptionalText(path);
  if (text.empty()) return std::nullopt;
  absl::Time time;
  std::string problem;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &problem)) return time;
  Fail(path, "is not a time");
  return std::nullopt;
}

const json* JsonFields::Object(std::string_view path) {
  const json* found = Find(path);
  if (found == nullptr || found->is_object()) return found;
  Fail(path, "is not an object");
  return nullptr;
}

const json* JsonFields::Array(std::string_view path) {
  const json* found = Find(path);
  if (found == nullptr || found->is_array()) return found;
  Fail(path, "is not a list");
  return nullptr;
}

}  // namespace sluice::foundation
