#include "common/trust/receipt.h"

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

constexpr size_t kErrorBytesMax = 4096;

constexpr std::pair<Outcome, std::string_view> kOutcomes[] = {
    {Outcome::kUploaded, "uploaded"},     {Outcome::kActive, "active"},
    {Outcome::kVerified, "verified"},     {Outcome::kFailed, "failed"},
    {Outcome::kRefused, "refused"},       {Outcome::kCancelled, "cancelled"},
    {Outcome::kRolledBack, "rolled_back"}};

bool HoldsTheDroplet(Outcome outcome) {
  return outcome == Outcome::kUploaded || outcome == Outcome::kActive ||
         outcome == Outcome::kVerified;
}

Cost ReadCost(JsonReader reader) {
  Cost cost;
  cost.droplet_bytes = reader.Integer("droplet_bytes", 0);
  JsonReader bytes = reader.Object("bytes_by_path");
  cost.bytes_direct = bytes.Integer("direct", 0);
  cost.bytes_relay = bytes.Integer("relay", 0);
  cost.bytes_peer = bytes.Integer("peer", 0);
  cost.bytes_again = reader.Integer("bytes_again", 0);
  cost.bytes_not_sent = reader.Integer("bytes_not_sent", 0);
  JsonReader times = reader.Object("milliseconds");
  cost.transfer_milliseconds = times.Integer("transfer", 0);
  cost.upload_milliseconds = times.Integer("upload", 0);
  cost.job_milliseconds = times.Integer("job", 0);
  cost.activation_milliseconds = times.Integer("activation", 0);
  return cost;
}

nlohmann::json CostJson(const Cost& cost) {
  return {{"droplet_bytes", cost.droplet_bytes},
          {"bytes_by_path",
           {{"direct", cost.bytes_direct}, {"relay", cost.bytes_relay}, {"peer", cost.bytes_peer}}},
          {"bytes_again", cost.bytes_again},
          {"bytes_not_sent", cost.bytes_not_sent},
          {"milliseconds",
           {{"transfer", cost.transfer_milliseconds},
            {"upload", cost.upload_milliseconds},
            {"job", cost.job_milliseconds},
            {"activation", cost.activation_milliseconds}}}};
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  for (const auto& [value, name] : kOutcomes) {
    if (value == outcome) return name;
  }
  return "";
}

StatusOr<Outcome> ParseOutcome(std::string_view name) {
  for (const auto& [value, text] : kOutcomes) {
    if (text == name) return value;
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-outcome",
                    "an outcome is one of uploaded, active, verified, failed, refused, cancelled, "
                    "rolled_back");
}

StatusOr<Receipt> ParseReceipt(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(InToto in_toto, ParseInToto(payload, kPromotionPredicateType));
  JsonReader predicate = in_toto.predicate();
  Receipt receipt;
  receipt.sha256 = in_toto.droplet_sha256;
  receipt.promotion = ReadPromotion(predicate, "promotion");
  receipt.order_sha256 = predicate.Hex("order_sha256", kSha256Bytes);
  JsonReader target = predicate.Object("target");
  receipt.target = ReadAppReference(target, "reference");
  receipt.organization_guid = ReadGuid<OrganizationGuid>(target, "organization_guid");
  receipt.space_guid = ReadGuid<SpaceGuid>(target, "space_guid");
  receipt.app_guid = ReadGuid<AppGuid>(target, "app_guid", Presence::kMayBeEmpty);
  receipt.droplet_guid = ReadGuid<DropletGuid>(target, "droplet_guid", Presence::kMayBeEmpty);
  receipt.previous_droplet_guid =
      ReadGuid<DropletGuid>(target, "previous_droplet_guid", Presence::kMayBeEmpty);
  receipt.reported_sha256 = predicate.OptionalHex("reported_sha256", kSha256Bytes);
  const auto outcome = predicate.Checked("outcome", ParseOutcome(predicate.String("outcome")));
  receipt.outcome = outcome.value_or(Outcome::kFailed);
  if (HoldsTheDroplet(receipt.outcome) && receipt.reported_sha256 != receipt.sha256) {
    predicate.Mistake("reported_sha256", "must be the droplet's for this outcome");
  }
  receipt.bytes_transferred = predicate.Integer("bytes_transferred", 0);
  if (predicate.Has("cost")) receipt.cost = ReadCost(predicate.Object("cost"));
  receipt.started_at = predicate.Time("started_at");
  receipt.finished_at = predicate.Time("finished_at");
  receipt.error_name = predicate.OptionalLine("error_name", kErrorNameLengthMax);
  receipt.error = predicate.OptionalString("error", kErrorBytesMax);
  SLUICE_RETURN_IF_ERROR(in_toto.document.Finish());
  return receipt;
}

StatusOr<std::string> FormatReceipt(const Receipt& receipt) {
  std::string payload =
      FormatInToto(receipt.sha256, kPromotionPredicateType,
                   {{"promotion", receipt.promotion.value()},
                    {"order_sha256", receipt.order_sha256},
                    {"target",
                     {{"reference", receipt.target.text()},
                      {"organization_guid", receipt.organization_guid.value()},
                      {"space_guid", receipt.space_guid.value()},
                      {"app_guid", receipt.app_guid.value()},
                      {"droplet_guid", receipt.droplet_guid.value()},
                      {"previous_droplet_guid", receipt.previous_droplet_guid.value()}}},
                    {"reported_sha256", receipt.reported_sha256},
                    {"outcome", OutcomeName(receipt.outcome)},
                    {"bytes_transferred", receipt.bytes_transferred},
                    {"cost", CostJson(receipt.cost)},
                    {"started_at", sluice::FormatTime(receipt.started_at)},
                    {"finished_at", sluice::FormatTime(receipt.finished_at)},
                    {"error_name", receipt.error_name},
                    {"error", receipt.error.substr(0, kErrorBytesMax / 2)}});
  SLUICE_RETURN_IF_ERROR(ParseReceipt(payload).status());
  return payload;
}

StatusOr<std::string> SignReceipt(const Receipt& receipt,
                                  const crypto::SigningKey& agent_identity) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatReceipt(receipt));
  return SealEnvelope(kInTotoType, payload, agent_identity);
}

StatusOr<Receipt> VerifyReceipt(std::string_view envelope, const FoundationName& foundation,
                                const TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload,
                          OpenAgentEnvelope(envelope, kInTotoType, trust, foundation));
  SLUICE_ASSIGN_OR_RETURN(Receipt receipt, ParseReceipt(payload));
  if (receipt.target.foundation != foundation) {
    return NamedError(StatusCode::kPermissionDenied, "wrong-foundation",
                      absl::StrCat("the agent of ", foundation.value(),
                                   " signed a receipt for another foundation's target"));
  }
  return receipt;
}

}  // namespace sluice::trust
