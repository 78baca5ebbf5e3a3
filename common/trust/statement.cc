#include "common/trust/statement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/trust/agent_signature.h"
#include "common/trust/envelope.h"
#include "common/trust/in_toto.h"
#include "common/trust/json_fields.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kBuildpacksMax = 32;

nlohmann::json SourceJson(const AppReference& reference, const AppGuid& app_guid,
                          const DropletGuid& droplet_guid) {
  return {{"reference", reference.text()},
          {"app_guid", app_guid.value()},
          {"droplet_guid", droplet_guid.value()}};
}

Origin ReadOrigin(JsonReader reader) {
  return {.reference = ReadAppReference(reader, "reference"),
          .app_guid = ReadGuid<AppGuid>(reader, "app_guid"),
          .droplet_guid = ReadGuid<DropletGuid>(reader, "droplet_guid")};
}

std::vector<Buildpack> ReadBuildpacks(JsonReader& predicate) {
  std::vector<Buildpack> buildpacks;
  for (JsonReader& entry : predicate.Objects("buildpacks", kBuildpacksMax)) {
    buildpacks.push_back({.name = entry.OptionalLine("name", kNameBytesMax),
                          .buildpack_name = entry.OptionalLine("buildpack_name", kNameBytesMax),
                          .version = entry.OptionalLine("version", kNameBytesMax),
                          .detect_output = entry.OptionalString("detect_output")});
  }
  return buildpacks;
}

}  // namespace

StatusOr<Statement> ParseStatement(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(InToto in_toto, ParseInToto(payload, kDropletPredicateType));
  JsonReader predicate = in_toto.predicate();
  Statement statement;
  statement.sha256 = in_toto.droplet_sha256;
  statement.size_bytes = predicate.Integer("size_bytes", 1);
  statement.promotion = ReadPromotion(predicate, "promotion");
  statement.order_sha256 = predicate.Hex("order_sha256", kSha256Bytes);
  Origin source = ReadOrigin(predicate.Object("source"));
  statement.source = std::move(source.reference);
  statement.app_guid = std::move(source.app_guid);
  statement.droplet_guid = std::move(source.droplet_guid);
  statement.stack = predicate.OptionalLine("stack", kNameBytesMax);
  statement.buildpacks = ReadBuildpacks(predicate);
  statement.process_types = predicate.StringMap("process_types");
  statement.lifecycle = predicate.Line("lifecycle", kNameBytesMax);
  statement.droplet_created_at = predicate.Time("droplet_created_at");
  statement.signed_at = predicate.Time("signed_at");
  statement.origin = ReadOrigin(predicate.Object("origin"));
  SLUICE_RETURN_IF_ERROR(in_toto.document.Finish());
  return statement;
}

StatusOr<std::string> FormatStatement(const Statement& statement) {
  nlohmann::json buildpacks = nlohmann::json::array();
  for (const Buildpack& buildpack : statement.buildpacks) {
    buildpacks.push_back({{"name", buildpack.name},
                          {"buildpack_name", buildpack.buildpack_name},
                          {"version", buildpack.version},
                          {"detect_output", buildpack.detect_output}});
  }
  std::string payload = FormatInToto(
      statement.sha256, kDropletPredicateType,
      {{"size_bytes", statement.size_bytes},
       {"promotion", statement.promotion.value()},
       {"order_sha256", statement.order_sha256},
       {"source", SourceJson(statement.source, statement.app_guid, statement.droplet_guid)},
       {"stack", statement.stack},
       {"buildpacks", std::move(buildpacks)},
       {"process_types", statement.process_types},
       {"lifecycle", statement.lifecycle},
       {"droplet_created_at", sluice::FormatTime(statement.droplet_created_at)},
       {"signed_at", sluice::FormatTime(statement.signed_at)},
       {"origin", SourceJson(statement.origin.reference, statement.origin.app_guid,
                             statement.origin.droplet_guid)}});
  SLUICE_RETURN_IF_ERROR(ParseStatement(payload).status());
  return payload;
}

StatusOr<std::string> SignStatement(const Statement& statement,
                                    const crypto::SigningKey& agent_identity) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatStatement(statement));
  return SealEnvelope(kInTotoType, payload, agent_identity);
}

StatusOr<Statement> VerifyStatement(std::string_view envelope, const FoundationName& foundation,
                                    const TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload,
                          OpenAgentEnvelope(envelope, kInTotoType, trust, foundation));
  SLUICE_ASSIGN_OR_RETURN(Statement statement, ParseStatement(payload));
  if (statement.source.foundation != foundation) {
    return NamedError(StatusCode::kPermissionDenied, "wrong-foundation",
                      absl::StrCat("the agent of ", foundation.value(),
                                   " signed a statement about another foundation's droplet"));
  }
  return statement;
}

}  // namespace sluice::trust
