#include "coordinator/daemon/trust_in_force.h"

#include <utility>

#include "common/crypto/curve_key.h"

namespace sluice::coordinator {
namespace {

net::PeerRole RoleOf(trust::CurveHolder::Role role) {
  switch (role) {
    case trust::CurveHolder::Role::kAgent:
      return net::PeerRole::kAgent;
    case trust::CurveHolder::Role::kOperator:
      return net::PeerRole::kOperator;
    case trust::CurveHolder::Role::kCoordinator:
      break;
  }
  return net::PeerRole::kCoordinator;
}

}  // namespace

TrustInForce::TrustInForce(std::shared_ptr<const trust::TrustDocument> document)
    : document_(std::move(document)) {}

std::shared_ptr<const trust::TrustDocument> TrustInForce::Get() const {
  MutexLock lock(mutex_);
  return document_;
}

void TrustInForce::Set(std::shared_ptr<const trust::TrustDocument> document) {
  MutexLock lock(mutex_);
  document_ = std::move(document);
}

net::PeerDirectory TrustInForce::Directory() const {
  return [this](std::string_view curve_key) { return PeerOf(*Get(), curve_key); };
}

std::optional<net::Peer> PeerOf(const trust::TrustDocument& trust, std::string_view curve_key) {
  const auto key = crypto::CurvePublicKey::FromBytes(curve_key);
  if (!key.ok()) return std::nullopt;
  const auto holder = trust.CurveRole(*key);
  if (!holder) return std::nullopt;
  return net::Peer{RoleOf(holder->role), holder->name, std::string(curve_key)};
}

StatusOr<std::shared_ptr<const trust::TrustDocument>> LoadTrust(
    const Files& files, const std::string& path, std::span<const crypto::VerifyingKey> roots,
    const trust::TrustFloor& floor) {
  SLUICE_ASSIGN_OR_RETURN(trust::TrustDocument document,
                          trust::TrustDocument::Load(files, path, roots));
  SLUICE_RETURN_IF_ERROR(trust::CheckFollows(document, floor, path));
  return std::make_shared<const trust::TrustDocument>(std::move(document));
}

}  // namespace sluice::coordinator
