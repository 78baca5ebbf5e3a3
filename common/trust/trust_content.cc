// The trust document's content as text and back, and its edits. Who signed it is
// trust_document.cc's.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/trust/envelope.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "common/trust/trust_document.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using crypto::CurvePublicKey;
using crypto::KeyKind;
using crypto::VerifyingKey;

constexpr size_t kRootKeysMax = 16;
constexpr size_t kAgentsPerFoundationMax = 8;
constexpr size_t kKeysPerOperatorMax = 16;
constexpr size_t kGrantsMax = 64;
constexpr int64_t kEpochMax = 1'000'000;

constexpr std::pair<Action, std::string_view> kActions[] = {
    {Action::kRead, "read"},     {Action::kPromote, "promote"},   {Action::kActivate, "activate"},
    {Action::kCancel, "cancel"}, {Action::kRollback, "rollback"}, {Action::kExport, "export"}};

// A CURVE key and a signing key of the same bytes are different keys.
class UsedKeys {
 public:
  // False when the key is in use already.
  bool Add(const VerifyingKey& key) { return signing_.insert(key.bytes()).second; }
  bool Add(const CurvePublicKey& key) { return curves_.insert(key.bytes()).second; }

 private:
  std::set<std::string> signing_;
  std::set<std::string> curves_;
};

// One key has one holder: otherwise its role would depend on who looks it up.
Status CheckKeysDistinct(const TrustContent& content) {
  UsedKeys used;
  bool distinct = true;
  for (const VerifyingKey& key : content.root_keys) distinct &= used.Add(key);
  if (content.coordinator_curve.has_value()) distinct &= used.Add(*content.coordinator_curve);
  for (const auto& [name, foundation] : content.foundations) {
    for (const TrustedAgent& agent : foundation.agents) {
      distinct &= used.Add(agent.identity);
      distinct &= used.Add(agent.curve);
    }
  }
  for (const auto& [name, trusted] : content.operators) {
    for (const VerifyingKey& key : trusted.keys) distinct &= used.Add(key);
    for (const CurvePublicKey& curve : trusted.curves) distinct &= used.Add(curve);
  }
  if (distinct) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "key-in-use",
                    "trust document: one key would have two holders; each needs keys of its own");
}

Status CheckThresholds(const TrustContent& content) {
  bool supported = content.root_threshold == 1;
  for (const auto& [foundation_class, actions] : content.thresholds) {
    for (const auto& [action, threshold] : actions) supported &= threshold == 1;
  }
  if (supported) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "threshold-not-supported",
                    "trust document: this version of Sluice counts one signature only; set every "
                    "threshold to 1");
}

nlohmann::json KeyTexts(const auto& keys) {
  nlohmann::json texts = nlohmann::json::array();
  for (const auto& key : keys) texts.push_back(key.text());
  return texts;
}

nlohmann::json GrantJson(const Grant& grant) {
  nlohmann::json actions = nlohmann::json::array();
  for (const Action action : grant.actions) actions.push_back(ActionName(action));
  return {{"actions", std::move(actions)}, {"targets", KeyTexts(grant.targets)}};
}

std::string FormatTrustContent(const TrustContent& content) {
  nlohmann::json foundations = nlohmann::json::object();
  for (const auto& [name, foundation] : content.foundations) {
    nlohmann::json agents = nlohmann::json::array();
    for (const TrustedAgent& agent : foundation.agents) {
      agents.push_back({{"identity", agent.identity.text()}, {"curve", agent.curve.text()}});
    }
    foundations[name] = {{"agents", std::move(agents)},
                         {"class", foundation.foundation_class},
                         {"epoch", foundation.epoch}};
  }
  nlohmann::json operators = nlohmann::json::object();
  for (const auto& [name, trusted] : content.operators) {
    nlohmann::json grants = nlohmann::json::array();
    for (const Grant& grant : trusted.grants) grants.push_back(GrantJson(grant));
    operators[name] = {{"keys", KeyTexts(trusted.keys)},
                       {"curves", KeyTexts(trusted.curves)},
                       {"grants", std::move(grants)}};
  }
  nlohmann::json value = {
      {"federation", content.federation},
      {"version", content.version},
      {"expires", sluice::FormatTime(content.expires)},
      {"root", {{"threshold", content.root_threshold}, {"keys", KeyTexts(content.root_keys)}}},
      {"foundations", std::move(foundations)},
      {"operators", std::move(operators)},
      {"revoked", {{"keys", content.revoked_keys}}},
      {"deny", {{"droplets", content.denied_droplets}}},
      {"thresholds", content.thresholds}};
  if (content.coordinator_curve.has_value()) {
    value["coordinator"] = {{"curve", content.coordinator_curve->text()}};
  }
  return FormatJson(value);
}

std::vector<VerifyingKey> ReadKeys(JsonReader& reader, std::string_view field, KeyKind kind,
                                   size_t count_max) {
  std::vector<VerifyingKey> keys;
  for (const std::string& text : reader.Strings(field, count_max)) {
    auto key = reader.Checked(field, VerifyingKey::Parse(kind, text));
    if (key.has_value()) keys.push_back(*std::move(key));
  }
  if (keys.empty()) reader.Mistake(field, "must hold at least one key");
  return keys;
}

TrustedFoundation ReadFoundationEntry(JsonReader& reader) {
  TrustedFoundation foundation;
  for (JsonReader& entry : reader.Objects("agents", kAgentsPerFoundationMax)) {
    const std::string identity_text = entry.String("identity");
    auto identity = entry.Checked("identity", VerifyingKey::Parse(KeyKind::kAgent, identity_text));
    const std::string curve_text = entry.String("curve");
    auto curve = entry.Checked("curve", CurvePublicKey::Parse(curve_text));
    if (identity.has_value() && curve.has_value()) {
      foundation.agents.push_back({*std::move(identity), *std::move(curve)});
    }
  }
  if (foundation.agents.empty()) reader.Mistake("agents", "must hold at least one agent");
  foundation.foundation_class = reader.String("class");
  if (!IsToken(foundation.foundation_class, 63, "-")) {
    reader.Mistake("class", "must be 1 to 63 letters, digits or '-'");
  }
  foundation.epoch = reader.Integer("epoch", 1, kEpochMax);
  return foundation;
}

Grant ReadGrant(JsonReader& reader) {
  Grant grant;
  for (const std::string& name : reader.Strings("actions", kGrantsMax)) {
    const auto action = reader.Checked("actions", ParseAction(name));
    if (action.has_value()) grant.actions.insert(*action);
  }
  for (const std::string& text : reader.Strings("targets", kGrantsMax)) {
    auto pattern = reader.Checked("targets", SpacePattern::Parse(text));
    if (pattern.has_value()) grant.targets.push_back(*std::move(pattern));
  }
  if (grant.actions.empty()) reader.Mistake("actions", "must hold at least one action");
  if (grant.targets.empty()) reader.Mistake("targets", "must hold at least one pattern");
  return grant;
}

TrustedOperator ReadOperatorEntry(JsonReader& reader) {
  TrustedOperator trusted;
  trusted.keys = ReadKeys(reader, "keys", KeyKind::kOperator, kKeysPerOperatorMax);
  for (const std::string& text : reader.Strings("curves", kKeysPerOperatorMax)) {
    auto curve = reader.Checked("curves", CurvePublicKey::Parse(text));
    if (curve.has_value()) trusted.curves.push_back(*std::move(curve));
  }
  for (JsonReader& entry : reader.Objects("grants", kGrantsMax)) {
    trusted.grants.push_back(ReadGrant(entry));
  }
  return trusted;
}

bool IsPublicKeyText(const std::string& text) {
  for (const KeyKind kind :
       {KeyKind::kRoot, KeyKind::kOperator, KeyKind::kAgent, KeyKind::kCurve}) {
    if (crypto::ParsePublicKey(kind, text).ok()) return true;
  }
  return false;
}

void ReadDenials(JsonReader& root, TrustContent& content) {
  JsonReader revoked = root.Object("revoked");
  for (std::string& text : revoked.Strings("keys")) {
    if (!IsPublicKeyText(text)) revoked.Mistake("keys", "must hold public keys");
    content.revoked_keys.insert(std::move(text));
  }
  JsonReader deny = root.Object("deny");
  for (std::string& digest : deny.Strings("droplets")) {
    const bool right =
        digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!right) deny.Mistake("droplets", "must hold SHA-256 as 64 lower-case hexadecimal digits");
    content.denied_droplets.insert(std::move(digest));
  }
}

void ReadThresholds(JsonReader& root, TrustContent& content) {
  for (auto& [foundation_class, actions] : root.ObjectMap("thresholds")) {
    for (const std::string& action : actions.FieldNames()) {
      actions.Checked(action, ParseAction(action));
      // 0 would accept what nobody signed.
      content.thresholds[foundation_class][action] = actions.Integer(action, 1);
    }
  }
}

}  // namespace

std::string_view ActionName(Action action) {
  for (const auto& [value, name] : kActions) {
    if (value == action) return name;
  }
  return "";
}

StatusOr<Action> ParseAction(std::string_view name) {
  for (const auto& [value, text] : kActions) {
    if (text == name) return value;
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-action",
                    "an action is one of read, promote, activate, cancel, rollback");
}

StatusOr<TrustContent> ParseTrustContent(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document,
                          JsonDocument::Parse(payload, "trust document", UnknownFields::kRefuse,
                                              {.bytes_max = kTrustDocumentBytesMax}));
  JsonReader root = document.Root();
  TrustContent content;
  content.federation = ReadFederation(root, "federation");
  content.version = root.Integer("version", 1);
  content.expires = root.Time("expires");
  JsonReader roots = root.Object("root");
  content.root_threshold = roots.Integer("threshold", 1);
  content.root_keys = ReadKeys(roots, "keys", KeyKind::kRoot, kRootKeysMax);
  if (root.Has("coordinator")) {
    JsonReader coordinator = root.Object("coordinator");
    const std::string text = coordinator.String("curve");
    content.coordinator_curve = coordinator.Checked("curve", CurvePublicKey::Parse(text));
  }
  for (auto& [name, entry] : root.ObjectMap("foundations")) {
    root.Checked("foundations", ParseFoundationName(name));
    content.foundations.emplace(name, ReadFoundationEntry(entry));
  }
  for (auto& [name, entry] : root.ObjectMap("operators")) {
    if (!IsToken(name, 64, "._-")) root.Mistake("operators", "hold a name that none can have");
    content.operators.emplace(name, ReadOperatorEntry(entry));
  }
  ReadDenials(root, content);
  ReadThresholds(root, content);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  SLUICE_RETURN_IF_ERROR(CheckThresholds(content));
  SLUICE_RETURN_IF_ERROR(CheckKeysDistinct(content));
  return content;
}

TrustContent TrustContent::Init(std::string federation, const VerifyingKey& root,
                                const CoordinatorCard& coordinator, absl::Time expires) {
  TrustContent content;
  content.federation = std::move(federation);
  content.expires = expires;
  content.root_keys = {root};
  content.coordinator_curve = coordinator.curve;
  return content;
}

StatusOr<TrustContent> TrustContent::AddOperator(const OperatorCard& card,
                                                 std::vector<Grant> grants) const {
  if (revoked_keys.contains(card.signing.text()) || revoked_keys.contains(card.curve.text())) {
    return NamedError(
        StatusCode::kPermissionDenied, "key-revoked",
        absl::StrCat("a key of operator ", card.name, " is revoked; make other keys"));
  }
  TrustContent next = *this;
  ++next.version;
  const auto known = next.operators.find(card.name);
  if (known != next.operators.end()) {
    TrustedOperator& trusted = known->second;
    const bool same = std::count(trusted.keys.begin(), trusted.keys.end(), card.signing) == 1 &&
                      std::count(trusted.curves.begin(), trusted.curves.end(), card.curve) == 1;
    if (!same) {
      return NamedError(StatusCode::kAlreadyExists, "name-taken",
                        absl::StrCat("there is an operator ", card.name,
                                     " with another key; choose another name"));
    }
    trusted.grants = std::move(grants);
    return next;
  }
  next.operators.emplace(card.name,
                         TrustedOperator{{card.signing}, {card.curve}, std::move(grants)});
  SLUICE_RETURN_IF_ERROR(CheckKeysDistinct(next));
  return next;
}

StatusOr<TrustContent> TrustContent::AddFoundation(const AgentCard& card,
                                                   std::string foundation_class) const {
  if (revoked_keys.contains(card.identity.text()) || revoked_keys.contains(card.curve.text())) {
    return NamedError(StatusCode::kPermissionDenied, "key-revoked",
                      absl::StrCat("a key of the agent of ", card.foundation.value(),
                                   " is revoked; make other keys"));
  }
  TrustContent next = *this;
  ++next.version;
  TrustedFoundation& foundation = next.foundations[card.foundation.value()];
  for (const TrustedAgent& agent : foundation.agents) {
    if (agent.identity != card.identity || agent.curve != card.curve) continue;
    return NamedError(StatusCode::kAlreadyExists, "agent-known",
                      absl::StrCat("the foundation ", card.foundation.value(),
                                   " has this agent already; nothing is to be done"));
  }
  foundation.agents.push_back({card.identity, card.curve});
  foundation.foundation_class = std::move(foundation_class);
  SLUICE_RETURN_IF_ERROR(CheckKeysDistinct(next));
  return next;
}

StatusOr<std::string> SignTrustContent(const TrustContent& content,
                                       const crypto::SigningKey& root) {
  const std::string payload = FormatTrustContent(content);
  SLUICE_ASSIGN_OR_RETURN(const TrustContent read, ParseTrustContent(payload));
  if (std::count(read.root_keys.begin(), read.root_keys.end(), root.Public()) == 0) {
    return NamedError(StatusCode::kPermissionDenied, "not-a-root-key",
                      "the signing key is no root of this trust document");
  }
  std::string envelope = SealEnvelope(kTrustDocumentType, payload, root);
  if (envelope.size() > kTrustDocumentBytesMax) {
    return NamedError(StatusCode::kResourceExhausted, "json-too-large",
                      absl::StrCat("the trust document would have ", envelope.size(), " bytes; ",
                                   kTrustDocumentBytesMax, " are allowed"));
  }
  return envelope;
}

}  // namespace sluice::trust
