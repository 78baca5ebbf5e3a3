#include "common/trust/trust_document.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"
#include "common/trust/envelope.h"

namespace sluice::trust {

using crypto::CurvePublicKey;
using crypto::VerifyingKey;

TrustDocument::TrustDocument(TrustContent content, std::string envelope)
    : content_(std::move(content)),
      envelope_(std::move(envelope)),
      sha256_(crypto::Sha256Of(envelope_).hex()) {
  for (const auto& [name, foundation] : content_.foundations) {
    for (const TrustedAgent& agent : foundation.agents) {
      if (Revoked(agent.identity.text())) {
        revoked_key_ids_.insert(agent.identity.id());
        continue;
      }
      agents_.emplace(agent.identity, name);
      curves_.emplace(agent.curve, CurveHolder{CurveHolder::Role::kAgent, name});
    }
  }
  for (const auto& [name, trusted] : content_.operators) {
    bool any_key = false;
    for (const VerifyingKey& key : trusted.keys) {
      if (Revoked(key.text())) {
        revoked_key_ids_.insert(key.id());
        continue;
      }
      any_key = true;
      operators_.emplace(key, name);
    }
    if (!any_key) continue;
    for (const CurvePublicKey& curve : trusted.curves) {
      curves_.emplace(curve, CurveHolder{CurveHolder::Role::kOperator, name});
    }
  }
  if (content_.coordinator_curve.has_value()) {
    curves_.emplace(*content_.coordinator_curve,
                    CurveHolder{CurveHolder::Role::kCoordinator, "coordinator"});
  }
  std::erase_if(curves_, [this](const auto& entry) { return Revoked(entry.first.text()); });
  // A key that was taken out of the document is known as revoked all the same.
  for (const std::string& text : content_.revoked_keys) {
    for (const crypto::KeyKind kind : {crypto::KeyKind::kOperator, crypto::KeyKind::kAgent}) {
      const StatusOr<VerifyingKey> key = VerifyingKey::Parse(kind, text);
      if (key.ok()) revoked_key_ids_.insert(key->id());
    }
  }
}

StatusOr<TrustDocument> TrustDocument::Open(std::string_view envelope_text,
                                            std::span<const VerifyingKey> roots) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope,
                          ParseEnvelope(envelope_text, kTrustDocumentBytesMax));
  const StatusOr<VerifiedPayload> opened = VerifyEnvelope(envelope, kTrustDocumentType, roots, 1);
  if (ErrorName(opened.status()) == "unknown-key") {
    return NamedError(
        opened.status().code(), "unknown-key",
        "not signed by the trust root whose public key was given; compare trust.roots "
        "with what 'sluice keygen root' printed");
  }
  SLUICE_ASSIGN_OR_RETURN(const VerifiedPayload verified, opened);
  SLUICE_ASSIGN_OR_RETURN(TrustContent content, ParseTrustContent(verified.payload));
  const bool own_root = std::any_of(
      verified.signers.begin(), verified.signers.end(), [&content](const VerifyingKey& signer) {
        return std::count(content.root_keys.begin(), content.root_keys.end(), signer) > 0;
      });
  if (!own_root) {
    return NamedError(StatusCode::kPermissionDenied, "not-a-root-key",
                      "the trust document is signed by a key that it does not name as its root");
  }
  return TrustDocument(std::move(content), std::string(envelope_text));
}

StatusOr<TrustDocument> TrustDocument::Load(const Files& files, const std::string& path,
                                            std::span<const VerifyingKey> roots) {
  SLUICE_ASSIGN_OR_RETURN(const std::string envelope, files.Read(path, kTrustDocumentBytesMax));
  StatusOr<TrustDocument> document = Open(envelope, roots);
  if (!document.ok()) {
    return WithContext(document.status(), absl::StrCat("trust document ", path));
  }
  return document;
}

std::optional<FoundationName> TrustDocument::FindAgent(const VerifyingKey& identity) const {
  const auto found = agents_.find(identity);
  if (found == agents_.end()) return std::nullopt;
  return FoundationName(found->second);
}

std::vector<TrustedAgent> TrustDocument::AgentsOf(const FoundationName& foundation) const {
  std::vector<TrustedAgent> agents;
  const auto found = content_.foundations.find(foundation.value());
  if (found == content_.foundations.end()) return agents;
  for (const TrustedAgent& agent : found->second.agents) {
    if (agents_.contains(agent.identity)) agents.push_back(agent);
  }
  return agents;
}

std::optional<std::string> TrustDocument::OperatorByKey(const VerifyingKey& key) const {
  const auto found = operators_.find(key);
  if (found == operators_.end()) return std::nullopt;
  return found->second;
}

std::vector<VerifyingKey> TrustDocument::OperatorKeys() const {
  std::vector<VerifyingKey> keys;
  for (const auto& [key, name] : operators_) keys.push_back(key);
  return keys;
}

std::map<VerifyingKey, std::string> TrustDocument::OperatorKeysOfAllTime() const {
  std::map<VerifyingKey, std::string> keys;
  for (const auto& [name, trusted] : content_.operators) {
    for (const VerifyingKey& key : trusted.keys) keys.emplace(key, name);
  }
  for (const std::string& text : content_.revoked_keys) {  // keys of every kind
    const StatusOr<VerifyingKey> key = VerifyingKey::Parse(crypto::KeyKind::kOperator, text);
    if (key.ok()) keys.emplace(*key, "");
  }
  return keys;
}

bool TrustDocument::RevokedKeyId(std::string_view key_id) const {
  return revoked_key_ids_.contains(std::string(key_id));
}

std::optional<CurveHolder> TrustDocument::CurveRole(const CurvePublicKey& curve) const {
  const auto found = curves_.find(curve);
  if (found == curves_.end()) return std::nullopt;
  return found->second;
}

bool TrustDocument::Revoked(std::string_view key_text) const {
  return content_.revoked_keys.contains(std::string(key_text));
}

bool TrustDocument::DropletDenied(std::string_view sha256) const {
  return content_.denied_droplets.contains(std::string(sha256));
}

bool TrustDocument::Permits(std::string_view operator_name, Action action,
                            const FoundationName& foundation, std::string_view organization,
                            std::string_view space) const {
  const auto found = content_.operators.find(std::string(operator_name));
  if (found == content_.operators.end()) return false;
  for (const Grant& grant : found->second.grants) {
    if (action != Action::kRead && !grant.actions.contains(action)) continue;
    for (const SpacePattern& pattern : grant.targets) {
      if (pattern.Matches(foundation, organization, space)) return true;
    }
  }
  return false;
}

bool TrustDocument::KnowsFoundation(std::string_view operator_name,
                                    const FoundationName& foundation) const {
  const auto found = content_.operators.find(std::string(operator_name));
  if (found == content_.operators.end()) return false;
  for (const Grant& grant : found->second.grants) {
    for (const SpacePattern& pattern : grant.targets) {
      if (pattern.MatchesFoundation(foundation)) return true;
    }
  }
  return false;
}

}  // namespace sluice::trust
