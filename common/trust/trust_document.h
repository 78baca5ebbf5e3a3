// Who is who and who may what: the one document, signed by the trust root, from which everybody
// knows everybody's keys.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/signing_key.h"
#include "common/trust/card.h"
#include "common/trust/reference.h"

namespace sluice::trust {

// What an operator may do in a space. Whoever may do anything there may also read there.
enum class Action { kRead, kPromote, kActivate, kCancel, kRollback, kExport };
std::string_view ActionName(Action action);           // "read", "promote", ...
StatusOr<Action> ParseAction(std::string_view name);  // InvalidArgument "bad-action"

struct Grant {
  std::set<Action> actions;
  std::vector<SpacePattern> targets;
};

struct TrustedAgent {
  crypto::VerifyingKey identity;
  crypto::CurvePublicKey curve;
};

struct TrustedFoundation {
  std::vector<TrustedAgent> agents;  // at least one; more than one while an agent is replaced
  std::string foundation_class;      // "dev", "prod": for thresholds
  int64_t epoch = 1;                 // raised by the root to begin counters anew
};

struct TrustedOperator {
  std::vector<crypto::VerifyingKey> keys;
  std::vector<crypto::CurvePublicKey> curves;
  std::vector<Grant> grants;
};

// The document's content. Edits return the next one, whose version is higher by 1.
struct TrustContent {
  std::string federation;  // [a-z0-9-]{1,63}
  int64_t version = 1;
  absl::Time expires;
  int64_t root_threshold = 1;
  std::vector<crypto::VerifyingKey> root_keys;
  std::optional<crypto::CurvePublicKey> coordinator_curve;
  std::map<std::string, TrustedFoundation> foundations;
  std::map<std::string, TrustedOperator> operators;
  std::set<std::string> revoked_keys;     // public keys of any kind, as text
  std::set<std::string> denied_droplets;  // SHA-256 in hexadecimal
  // Foundation class -> action -> signatures needed. Values above 1 are refused for now
  // ("threshold-not-supported").
  std::map<std::string, std::map<std::string, int64_t>> thresholds;

  // Version 1, with nobody in it but the root and the coordinator.
  static TrustContent Init(std::string federation, const crypto::VerifyingKey& root,
                           const CoordinatorCard& coordinator, absl::Time expires);
  // AlreadyExists "name-taken" (an operator of that name with the same key gets the new grants
  // instead), InvalidArgument "key-in-use" when another holds one of the card's keys,
  // PermissionDenied "key-revoked".
  StatusOr<TrustContent> AddOperator(const OperatorCard& card, std::vector<Grant> grants) const;
  // The card names the foundation. Another agent for a foundation that has one is added beside it.
  StatusOr<TrustContent> AddFoundation(const AgentCard& card, std::string foundation_class) const;
};

// Checks and signs. InvalidArgument "json-field" (and as ParseTrustContent()) when the content is
// not one that a reader would accept; PermissionDenied "not-a-root-key" when `root` is not in it.
StatusOr<std::string> SignTrustContent(const TrustContent& content, const crypto::SigningKey& root);

// From a verified payload. Names as JsonDocument::Finish(), "threshold-not-supported",
// "key-in-use".
StatusOr<TrustContent> ParseTrustContent(std::string_view payload);

// Whose a CURVE key is: what ZAP asks.
struct CurveHolder {
  enum class Role { kAgent, kOperator, kCoordinator };
  Role role;
  std::string name;  // foundation, operator's name, or "coordinator"
  auto operator<=>(const CurveHolder&) const = default;
};

// A verified document. Immutable: share it as shared_ptr<const TrustDocument> between threads.
class TrustDocument {
 public:
  // `roots` are the keys that the reader was configured with. An expired document is accepted: it
  // stays a floor, and lets running transfers end; AcceptOrder() refuses what is new. Names as
  // ParseEnvelope(), VerifyEnvelope() and ParseTrustContent(); PermissionDenied "not-a-root-key"
  // when the signer is not a root of the document itself.
  static StatusOr<TrustDocument> Open(std::string_view envelope,
                                      std::span<const crypto::VerifyingKey> roots);
  // As Open(), with the path in each message.
  static StatusOr<TrustDocument> Load(const Files& files, const std::string& path,
                                      std::span<const crypto::VerifyingKey> roots);

  const TrustContent& content() const { return content_; }
  const std::string& federation() const { return content_.federation; }
  int64_t version() const { return content_.version; }
  bool ExpiredAt(absl::Time now) const { return now >= content_.expires; }
  const std::string& envelope() const { return envelope_; }  // as it was signed
  const std::string& sha256() const { return sha256_; }      // of envelope(), hexadecimal

  // The foundation whose agent's identity this is; nothing when unknown or revoked.
  std::optional<FoundationName> FindAgent(const crypto::VerifyingKey& identity) const;
  // The agents of a foundation that are not revoked; empty when it is unknown.
  std::vector<TrustedAgent> AgentsOf(const FoundationName& foundation) const;
  // The operator's name; nothing when unknown or revoked.
  std::optional<std::string> OperatorByKey(const crypto::VerifyingKey& key) const;
  // All operators' keys that are not revoked: what may sign orders.
  std::vector<crypto::VerifyingKey> OperatorKeys() const;
  // Those that are revoked too, each with its operator's name, which is "" once the operator was
  // taken out: what was signed before a revocation stays valid as history, and gives no right.
  std::map<crypto::VerifyingKey, std::string> OperatorKeysOfAllTime() const;
  // By key id, which is what an envelope tells. Ids are hints: for the choice of message only.
  bool RevokedKeyId(std::string_view key_id) const;

  // Nothing when unknown, when it or its owner's signing key is revoked.
  std::optional<CurveHolder> CurveRole(const crypto::CurvePublicKey& curve) const;

  bool Revoked(std::string_view key_text) const;
  bool DropletDenied(std::string_view sha256) const;

  // Whether a grant of the operator covers the action in that space.
  bool Permits(std::string_view operator_name, Action action, const FoundationName& foundation,
               std::string_view organization, std::string_view space) const;
  // Whether any grant of the operator reaches into the foundation at all.
  bool KnowsFoundation(std::string_view operator_name, const FoundationName& foundation) const;

 private:
  TrustDocument(TrustContent content, std::string envelope);
  TrustContent content_;
  std::string envelope_;
  std::string sha256_;
  std::map<crypto::VerifyingKey, std::string> agents_;     // not revoked -> foundation
  std::map<crypto::VerifyingKey, std::string> operators_;  // not revoked -> name
  std::map<crypto::CurvePublicKey, CurveHolder> curves_;   // not revoked
  std::set<std::string> revoked_key_ids_;
};

}  // namespace sluice::trust
