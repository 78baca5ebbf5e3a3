#include "common/image/bounded_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::image {
namespace {

using nlohmann::json;

// The deepest nesting of a text, whether or not it is JSON.
int DepthOf(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t index = 0; index < text.size(); ++index) {
    const char byte = text[index];
    if (in_string && byte == '\\') {
      ++index;
    } else if (byte == '"') {
      in_string = !in_string;
    } else if (!in_string && (byte == '{' || byte == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (byte == '}' || byte == ']')) {
      --depth;
    }
  }
  return deepest;
}

StatusOr<json> FieldOf(const json& object, const char* name, json::value_t type) {
  if (!object.is_object())
    return MalformedRunImage(absl::StrCat("no object where ", name, " belongs"));
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return json(type);
  if (found->type() != type) return MalformedRunImage(absl::StrCat(name, " is of another type"));
  return *found;
}

}  // namespace

Status MalformedRunImage(std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, "base-malformed", message);
}

StatusOr<json> ParseBoundedJson(std::string_view text, std::string_view what) {
  const auto refused = [what](std::string_view why) {
    return MalformedRunImage(absl::StrCat(ToAbsl(what), " ", ToAbsl(why)));
  };
  if (text.size() > kDocumentBytesMax) return refused("is too large");
  if (DepthOf(text) > kDocumentDepthMax) return refused("is nested too deeply");
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return refused("is not valid JSON");
  if (!value.is_structured()) return refused("is neither an object nor a list");
  return value;
}

StatusOr<std::string> FormatDocument(const json& value, std::string_view what) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    return NamedError(StatusCode::kInvalidArgument, "text-not-utf8",
                      absl::StrCat("a name or value of the ", ToAbsl(what),
                                   " is not UTF-8, which JSON asks for"));
  }
}

StatusOr<std::string> TextField(const json& object, const char* name) {
  SLUICE_ASSIGN_OR_RETURN(json value, FieldOf(object, name, json::value_t::string));
  return value.get<std::string>();
}

StatusOr<json> ListField(const json& object, const char* name) {
  return FieldOf(object, name, json::value_t::array);
}

StatusOr<json> ObjectField(const json& object, const char* name) {
  return FieldOf(object, name, json::value_t::object);
}

}  // namespace sluice::image
