#include "coordinator/cli/answer_reader.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/trust/read_request.h"

namespace sluice::cli {
namespace {

// Depth is bounded by the parser.
void DropNulls(nlohmann::json& value) {
  if (value.is_array()) {
    for (nlohmann::json& element : value) DropNulls(element);
  }
  if (!value.is_object()) return;
  for (auto field = value.begin(); field != value.end();) {
    if (field->is_null()) {
      field = value.erase(field);
    } else {
      DropNulls(*field);
      ++field;
    }
  }
}

Status BadAnswer(std::string_view foundation, const Status& why) {
  return NamedError(StatusCode::kInternal, "bad-answer",
                    absl::StrCat("the agent of ", ToAbsl(foundation),
                                 " answered what this version cannot read: ", why.message()));
}

}  // namespace

Status ReadAnswer(std::string_view foundation, std::string_view json,
                  const std::function<void(trust::JsonReader&)>& take) {
  const trust::JsonLimits limits{trust::kReadResultBytesMax, trust::kJsonDepthMax};
  StatusOr<nlohmann::json> value = trust::ParseStrictJson(json, limits);
  if (!value.ok()) return BadAnswer(foundation, value.status());
  DropNulls(*value);
  StatusOr<trust::JsonDocument> document = trust::JsonDocument::Parse(
      trust::FormatJson(*value), "answer", trust::UnknownFields::kIgnore, limits);
  if (!document.ok()) return BadAnswer(foundation, document.status());
  trust::JsonReader root = document->Root();
  take(root);
  const Status finished = document->Finish();
  return finished.ok() ? finished : BadAnswer(foundation, finished);
}

int64_t IntegerOr(trust::JsonReader& reader, std::string_view field, int64_t fallback) {
  return reader.Has(field) ? reader.Integer(field, 0) : fallback;
}

bool BoolOr(trust::JsonReader& reader, std::string_view field, bool fallback) {
  return reader.Has(field) ? reader.Bool(field) : fallback;
}

std::vector<std::string> StringsOrNone(trust::JsonReader& reader, std::string_view field) {
  return reader.Has(field) ? reader.Strings(field) : std::vector<std::string>{};
}

}  // namespace sluice::cli
