#include "agent/authority.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/trust/trust_expiry.h"

namespace sluice::agent {

StatusOr<trust::AgentKey> LoadOwnKey(const Files& files, const std::string& key_file,
                                     const FoundationName& foundation) {
  SLUICE_ASSIGN_OR_RETURN(trust::AgentKey key, trust::LoadAgentKey(files, key_file));
  if (key.foundation == foundation) return key;
  return NamedError(StatusCode::kInvalidArgument, "wrong-key-file",
                    absl::StrCat(key_file, " is the key of foundation ", key.foundation.value(),
                                 ", the configuration is of ", foundation.value()));
}

Status CheckNamesUs(const trust::TrustDocument& trust, const trust::AgentKey& key) {
  if (!trust.content().coordinator_curve) {
    return NamedError(StatusCode::kFailedPrecondition, "no-coordinator",
                      "the trust document names no coordinator: sluice trust init writes one");
  }
  const auto agents = trust.AgentsOf(key.foundation);
  const bool named = std::any_of(agents.begin(), agents.end(), [&key](const auto& agent) {
    return agent.identity == key.identity.Public() && agent.curve == key.curve.public_key();
  });
  if (named) return absl::OkStatus();
  return NamedError(StatusCode::kPermissionDenied, "not-in-trust-document",
                    absl::StrCat("the trust document does not name this agent (key id ",
                                 key.identity.Public().id(), ") for foundation ",
                                 key.foundation.value(), ": sluice trust add-foundation"));
}

StatusOr<std::unique_ptr<Authority>> Authority::Open(const Files& files, Sources sources,
                                                     trust::AgentKey key, Journal& journal,
                                                     const Clock& clock) {
  std::unique_ptr<Authority> authority(
      new Authority(files, std::move(sources), std::move(key), journal, clock));
  SLUICE_RETURN_IF_ERROR(authority->Reload());
  return authority;
}

StatusOr<std::vector<std::string>> Authority::CheckTrust(Files& files, const Sources& sources,
                                                         const std::string& journal_path,
                                                         const Clock& clock) {
  SLUICE_ASSIGN_OR_RETURN(
      const trust::TrustDocument document,
      trust::TrustDocument::Load(files, sources.trust_document, sources.trust_roots));
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustFloor floor,
                          Journal::ReadTrustFloor(files, journal_path));
  SLUICE_RETURN_IF_ERROR(trust::CheckFollows(document, floor, sources.trust_document));
  return trust::ExpiryWarnings(document, clock.Now());
}

Authority::Authority(const Files& files, Sources sources, trust::AgentKey key, Journal& journal,
                     const Clock& clock)
    : files_(files),
      sources_(std::move(sources)),
      key_(std::move(key)),
      journal_(journal),
      clock_(clock) {}

Status Authority::Reload() {
  SLUICE_ASSIGN_OR_RETURN(Documents documents, Load());
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustFloor floor, journal_.TrustFloor());
  SLUICE_RETURN_IF_ERROR(trust::CheckFollows(*documents.trust, floor, sources_.trust_document));
  SLUICE_RETURN_IF_ERROR(journal_.KeepTrustFloor(trust::FloorOf(*documents.trust)));
  MutexLock lock(mutex_);
  documents_ = std::move(documents);
  return absl::OkStatus();
}

StatusOr<Authority::Documents> Authority::Load() const {
  Documents documents;
  SLUICE_ASSIGN_OR_RETURN(
      trust::TrustDocument trust,
      trust::TrustDocument::Load(files_, sources_.trust_document, sources_.trust_roots));
  SLUICE_RETURN_IF_ERROR(CheckNamesUs(trust, key_));
  documents.trust = std::make_shared<const trust::TrustDocument>(std::move(trust));
  trust::Policy policy;
  if (!sources_.policy_file.empty()) {
    SLUICE_ASSIGN_OR_RETURN(policy, trust::Policy::Load(files_, sources_.policy_file));
  }
  documents.policy = std::make_shared<const trust::Policy>(std::move(policy));
  return documents;
}

Authority::Documents Authority::InForce() const {
  MutexLock lock(mutex_);
  return documents_;
}

std::shared_ptr<const trust::TrustDocument> Authority::trust() const { return InForce().trust; }

std::string Authority::coordinator_curve() const {
  return trust()->content().coordinator_curve->bytes();
}

std::optional<net::Peer> Authority::FindPeer(std::string_view curve_key) const {
  const auto curve = crypto::CurvePublicKey::FromBytes(curve_key);
  if (!curve.ok()) return std::nullopt;
  const auto holder = trust()->CurveRole(*curve);
  // Operators have no business with agents: they speak through the coordinator.
  if (!holder || holder->role == trust::CurveHolder::Role::kOperator) return std::nullopt;
  const bool agent = holder->role == trust::CurveHolder::Role::kAgent;
  return net::Peer{.role = agent ? net::PeerRole::kAgent : net::PeerRole::kCoordinator,
                   .name = holder->name,
                   .curve_key = std::string(curve_key)};
}

Status Authority::Judge(const std::function<Status(trust::AcceptanceContext&)>& judge) const {
  const Documents documents = InForce();
  SLUICE_ASSIGN_OR_RETURN(const absl::Time floor, journal_.TimeFloor());
  Status unreadable;
  // A journal that cannot be read never makes an order acceptable.
  const auto ask = [&unreadable](auto answer, auto when_unreadable) {
    if (answer.ok()) return *answer;
    unreadable = answer.status();
    return when_unreadable;
  };
  trust::AcceptanceContext context;
  context.foundation = key_.foundation;
  context.trust = documents.trust.get();
  context.policy = documents.policy.get();
  context.now = clock_.Now();
  context.time_floor = floor;
  context.order_seen = [&](const std::string& id) { return ask(journal_.OrderIdSeen(id), true); };
  context.last_counter = [&](const trust::OrderTarget& target) {
    return ask(journal_.LastCounter(target.reference.text()), int64_t{0});
  };
  context.order_accepted = [&](const std::string& sha256) {
    return ask(journal_.OrderAccepted(sha256), false);
  };
  const Status judged = judge(context);
  return unreadable.ok() ? judged : unreadable;
}

StatusOr<trust::AcceptedOrder> Authority::AcceptOrder(std::string_view envelope) const {
  SLUICE_ASSIGN_OR_RETURN(const bool accepted_before,
                          journal_.OrderAccepted(trust::OrderSha256(envelope)));
  StatusOr<trust::AcceptedOrder> accepted = absl::UnknownError("not judged");
  const Status judged = Judge([&](trust::AcceptanceContext& context) {
    if (accepted_before) {
      context.order_seen = [](const std::string&) { return false; };
      context.last_counter = [last = std::move(context.last_counter)](const auto& target) {
        const int64_t used = last(target);
        return used == target.counter ? used - 1 : used;
      };
    }
    accepted = trust::AcceptOrder(envelope, context);
    return accepted.status();
  });
  if (!judged.ok()) return judged;
  return accepted;
}

StatusOr<trust::AcceptedRead> Authority::AcceptRead(std::string_view envelope) const {
  StatusOr<trust::AcceptedRead> accepted = absl::UnknownError("not judged");
  const Status judged = Judge([&](const trust::AcceptanceContext& context) {
    accepted = trust::AcceptRead(envelope, context);
    return accepted.status();
  });
  if (!judged.ok()) return judged;
  return accepted;
}

}  // namespace sluice::agent
