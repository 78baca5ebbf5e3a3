#include "common/trust/order.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr int64_t kStartupTimeoutSecondsMax = 24 * 60 * 60;
constexpr size_t kOrderIdBytes = 16;

constexpr std::pair<Strategy, std::string_view> kStrategies[] = {{Strategy::kRolling, "rolling"},
                                                                 {Strategy::kCanary, "canary"},
                                                                 {Strategy::kRestart, "restart"}};
constexpr std::pair<OnFailure, std::string_view> kOnFailures[] = {
    {OnFailure::kRollback, "rollback"},
    {OnFailure::kStop, "stop"},
    {OnFailure::kContinue, "continue"}};

// A counter is used up by what changes what an app holds or runs by itself; activate and cancel
// belong to an order that did.
bool UsesCounter(Action action) {
  return action == Action::kPromote || action == Action::kRollback;
}

OrderSource ReadSource(JsonReader reader) {
  return {.reference = ReadAppReference(reader, "reference"),
          .app_guid = ReadGuid<AppGuid>(reader, "app_guid"),
          .droplet_guid = ReadGuid<DropletGuid>(reader, "droplet_guid")};
}

Artifact ReadArtifact(JsonReader reader) {
  return {.sha256 = reader.Hex("sha256", kSha256Bytes),
          .size_bytes = reader.Integer("size_bytes", 1),
          .stack = reader.Line("stack", kNameBytesMax),
          .lifecycle = reader.Line("lifecycle", kNameBytesMax)};
}

OrderTarget ReadTarget(JsonReader& reader, Action action) {
  OrderTarget target;
  target.reference = ReadAppReference(reader, "reference");
  target.organization_guid = ReadGuid<OrganizationGuid>(reader, "organization_guid");
  target.space_guid = ReadGuid<SpaceGuid>(reader, "space_guid");
  target.app_guid = ReadGuid<AppGuid>(reader, "app_guid", Presence::kMayBeEmpty);
  target.create = reader.Bool("create");
  if (target.create != target.app_guid.empty()) {
    reader.Mistake("create", "must be true for an app without guid, and for no other");
  }
  target.counter =
      UsesCounter(action) ? reader.Integer("counter", 1) : reader.Integer("counter", 0, 0);
  target.droplet_guid = ReadGuid<DropletGuid>(reader, "droplet_guid", Presence::kMayBeEmpty);
  if (action != Action::kRollback && !target.droplet_guid.empty()) {
    reader.Mistake("droplet_guid", "belongs into a rollback only");
  }
  target.expected_current_droplet_guid =
      ReadGuid<DropletGuid>(reader, "expected_current_droplet_guid", Presence::kMayBeEmpty);
  return target;
}

void CheckOriginal(JsonReader& root, const Order& order) {
  const bool given = !order.original_order_sha256.empty();
  const bool begins = order.action == Action::kPromote || order.action == Action::kExport;
  if (begins && given) {
    root.Mistake("original_order_sha256", "has no place in an order that begins something");
  }
  if ((order.action == Action::kActivate || order.action == Action::kCancel) && !given) {
    root.Mistake("original_order_sha256", "must say which order is meant");
  }
}

OrderRecipient ReadRecipient(JsonReader reader) {
  OrderRecipient recipient;
  const auto curve = reader.Checked("curve", crypto::CurvePublicKey::Parse(reader.String("curve")));
  if (curve.has_value()) recipient.curve_key = curve->bytes();
  const auto suite =
      reader.Checked("suite", crypto::SealSuiteByName(reader.Line("suite", kNameBytesMax)));
  recipient.suite = suite.value_or(recipient.suite);
  recipient.public_key =
      reader.Checked("public_key", FromBase64(reader.String("public_key"))).value_or("");
  const size_t key_bytes = crypto::SealPublicKeyBytes(recipient.suite);
  if (recipient.public_key.size() != key_bytes) {
    reader.Mistake("public_key", absl::StrCat("must be ", key_bytes, " bytes in base64"));
  }
  return recipient;
}

void ReadRecipientOf(JsonReader& root, Order& order) {
  const bool given = root.Has("recipient");
  if (given) order.recipient = ReadRecipient(root.Object("recipient"));
  if (order.action == Action::kExport && !given) {
    root.Mistake("recipient", "must say to whom the droplet goes");
  }
  if (given && order.action != Action::kExport && order.action != Action::kCancel) {
    root.Mistake("recipient", "belongs into an export, and into the order that cancels it");
  }
}

void ReadTargets(JsonReader& root, Order& order) {
  std::set<AppReference> references;
  for (JsonReader& entry : root.Objects("targets", kOrderTargetsMax)) {
    order.targets.push_back(ReadTarget(entry, order.action));
    if (!references.insert(order.targets.back().reference).second) {
      entry.Mistake("reference", "names a target for the second time");
    }
    if (order.targets.back().reference == order.source.reference) {
      entry.Mistake("reference", "is the source itself");
    }
  }
  if (order.recipient.has_value() && !order.targets.empty()) {
    root.Mistake("targets", "have no place beside a recipient");
  }
  if (!order.recipient.has_value() && order.targets.empty()) {
    root.Mistake("targets", "must hold at least one target");
  }
}

nlohmann::json TargetJson(const OrderTarget& target) {
  return {{"reference", target.reference.text()},
          {"organization_guid", target.organization_guid.value()},
          {"space_guid", target.space_guid.value()},
          {"app_guid", target.app_guid.value()},
          {"counter", target.counter},
          {"create", target.create},
          {"droplet_guid", target.droplet_guid.value()},
          {"expected_current_droplet_guid", target.expected_current_droplet_guid.value()}};
}

}  // namespace

std::string_view StrategyName(Strategy strategy) {
  for (const auto& [value, name] : kStrategies) {
    if (value == strategy) return name;
  }
  return "";
}

StatusOr<Strategy> ParseStrategy(std::string_view name) {
  for (const auto& [value, text] : kStrategies) {
    if (text == name) return value;
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-strategy",
                    "a strategy is one of rolling, canary, restart");
}

std::string_view OnFailureName(OnFailure on_failure) {
  for (const auto& [value, name] : kOnFailures) {
    if (value == on_failure) return name;
  }
  return "";
}

StatusOr<OnFailure> ParseOnFailure(std::string_view name) {
  for (const auto& [value, text] : kOnFailures) {
    if (text == name) return value;
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-on-failure",
                    "on failure is one of rollback, stop, continue");
}

StatusOr<PromotionId> ParsePromotionId(std::string_view text) {
  if (IsToken(text, 64, "._-")) return PromotionId(std::string(text));
  return NamedError(StatusCode::kInvalidArgument, "bad-promotion-id",
                    "a promotion's id is 1 to 64 of A-Z a-z 0-9 . _ -");
}

StatusOr<Order> ParseOrder(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(payload, "order"));
  JsonReader root = document.Root();
  Order order;
  order.order_id = root.Hex("order_id", kOrderIdBytes);
  order.federation = ReadFederation(root, "federation");
  order.action =
      ParseAction(root.OneOf("action", {"promote", "activate", "cancel", "rollback", "export"}))
          .value_or(Action::kPromote);
  order.promotion = ReadPromotion(root, "promotion");
  order.trust_version = root.Integer("trust_version", 1);
  order.issued_at = root.Time("issued_at");
  order.expires_at = root.Time("expires_at");
  if (order.expires_at <= order.issued_at) root.Mistake("expires_at", "must be after issued_at");
  order.activate_before = root.OptionalTime("activate_before");
  order.source = ReadSource(root.Object("source"));
  order.artifact = ReadArtifact(root.Object("artifact"));
  ReadRecipientOf(root, order);
  ReadTargets(root, order);
  order.strategy =
      ParseStrategy(root.OneOf("strategy", {"rolling", "canary", "restart"})).value_or(Strategy{});
  order.activate = root.Bool("activate");
  order.startup_timeout_seconds =
      root.Integer("startup_timeout_seconds", 1, kStartupTimeoutSecondsMax);
  order.on_failure = ParseOnFailure(root.OneOf("on_failure", {"rollback", "stop", "continue"}))
                         .value_or(OnFailure{});
  if (root.Has("bytes_per_second_max")) {
    order.bytes_per_second_max = root.Integer("bytes_per_second_max", kBytesPerSecondMin);
    if (order.action != Action::kPromote && order.action != Action::kExport) {
      root.Mistake("bytes_per_second_max", "belongs into a promote or export order only");
    }
  }
  order.manifest_sha256 = root.OptionalHex("manifest_sha256", kSha256Bytes);
  order.reason = root.OptionalLine("reason", kReasonBytesMax);
  order.original_order_sha256 = root.OptionalHex("original_order_sha256", kSha256Bytes);
  CheckOriginal(root, order);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return order;
}

StatusOr<std::string> FormatOrder(const Order& order) {
  nlohmann::json targets = nlohmann::json::array();
  for (const OrderTarget& target : order.targets) targets.push_back(TargetJson(target));
  nlohmann::json value = {{"order_id", order.order_id},
                          {"federation", order.federation},
                          {"action", ActionName(order.action)},
                          {"promotion", order.promotion.value()},
                          {"trust_version", order.trust_version},
                          {"issued_at", sluice::FormatTime(order.issued_at)},
                          {"expires_at", sluice::FormatTime(order.expires_at)},
                          {"source",
                           {{"reference", order.source.reference.text()},
                            {"app_guid", order.source.app_guid.value()},
                            {"droplet_guid", order.source.droplet_guid.value()}}},
                          {"artifact",
                           {{"sha256", order.artifact.sha256},
                            {"size_bytes", order.artifact.size_bytes},
                            {"stack", order.artifact.stack},
                            {"lifecycle", order.artifact.lifecycle}}},
                          {"targets", std::move(targets)},
                          {"strategy", StrategyName(order.strategy)},
                          {"activate", order.activate},
                          {"startup_timeout_seconds", order.startup_timeout_seconds},
                          {"on_failure", OnFailureName(order.on_failure)},
                          {"manifest_sha256", order.manifest_sha256},
                          {"reason", order.reason},
                          {"original_order_sha256", order.original_order_sha256}};
  if (order.recipient.has_value()) {
    SLUICE_ASSIGN_OR_RETURN(const crypto::CurvePublicKey curve,
                            crypto::CurvePublicKey::FromBytes(order.recipient->curve_key));
    value["recipient"] = {{"curve", curve.text()},
                          {"suite", crypto::SealSuiteName(order.recipient->suite)},
                          {"public_key", ToBase64(order.recipient->public_key)}};
  }
  if (order.activate_before.has_value()) {
    value["activate_before"] = sluice::FormatTime(*order.activate_before);
  }
  if (order.bytes_per_second_max.has_value()) {
    value["bytes_per_second_max"] = *order.bytes_per_second_max;
  }
  std::string payload = FormatJson(value);
  SLUICE_RETURN_IF_ERROR(ParseOrder(payload).status());
  return payload;
}

StatusOr<std::string> SignOrder(const Order& order, const crypto::SigningKey& operator_key) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatOrder(order));
  return SealEnvelope(kOrderType, payload, operator_key);
}

std::string OrderSha256(std::string_view envelope) { return crypto::Sha256Of(envelope).hex(); }

StatusOr<Order> PeekOrder(std::string_view envelope_text) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(envelope_text));
  if (envelope.payload_type != kOrderType) {
    return NamedError(StatusCode::kInvalidArgument, "wrong-payload-type", "this is no order");
  }
  return ParseOrder(envelope.payload);
}

}  // namespace sluice::trust
