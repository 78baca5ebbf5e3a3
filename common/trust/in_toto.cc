#include "common/trust/in_toto.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/trust/json_fields.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";

}  // namespace

std::string FormatInToto(std::string_view droplet_sha256, std::string_view predicate_type,
                         nlohmann::json predicate) {
  nlohmann::json subject = {{"name", "droplet"}, {"digest", {{"sha256", droplet_sha256}}}};
  return FormatJson({{"_type", kStatementType},
                     {"subject", nlohmann::json::array({std::move(subject)})},
                     {"predicateType", predicate_type},
                     {"predicate", std::move(predicate)}});
}

StatusOr<InToto> ParseInToto(std::string_view payload, std::string_view predicate_type) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(payload, "in-toto statement",
                                                                     UnknownFields::kIgnore));
  JsonReader root = document.Root();
  root.OneOf("_type", {kStatementType});
  const std::string found_type = root.String("predicateType");
  std::string sha256;
  std::vector<JsonReader> subjects = root.Objects("subject");
  if (subjects.size() == 1) {
    sha256 = subjects[0].Object("digest").Hex("sha256", kSha256Bytes);
  } else {
    root.Mistake("subject", "must be one droplet");
  }
  root.Object("predicate");
  SLUICE_RETURN_IF_ERROR(document.Finish());
  if (found_type != predicate_type) {
    return NamedError(
        StatusCode::kInvalidArgument, "wrong-predicate-type",
        absl::StrCat("in-toto statement: its predicate is not ", ToAbsl(predicate_type)));
  }
  return InToto{std::move(document), std::move(sha256)};
}

}  // namespace sluice::trust
