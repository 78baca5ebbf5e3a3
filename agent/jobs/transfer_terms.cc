#include "agent/jobs/transfer_terms.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"
#include "common/trust/envelope.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {

StatusOr<transfer::TransferId> TransferIdOf(std::string_view order_sha256) {
  const crypto::Sha256Digest digest =
      crypto::Sha256Of(absl::StrCat("sluice transfer of order ", ToAbsl(order_sha256)));
  return transfer::TransferId::FromBytes(digest.bytes().substr(0, transfer::TransferId::kBytes));
}

StatusOr<transfer::StreamLayout> LayoutOf(std::string_view order_sha256,
                                          const trust::Artifact& artifact, uint32_t chunk_bytes) {
  SLUICE_ASSIGN_OR_RETURN(const transfer::TransferId transfer, TransferIdOf(order_sha256));
  return transfer::StreamLayout::Cut(transfer, static_cast<uint64_t>(artifact.size_bytes),
                                     chunk_bytes);
}

uint32_t ReceiverOf(const trust::Order& order, uint32_t target_index) {
  std::set<FoundationName> before;
  for (uint32_t i = 0; i < target_index; ++i) {
    const FoundationName& foundation = order.targets[i].reference.foundation;
    if (foundation == order.targets[target_index].reference.foundation) break;
    before.insert(foundation);
  }
  return static_cast<uint32_t>(before.size());
}

StatusOr<trust::TrustedAgent> SignerOf(std::string_view envelope, std::string_view payload_type,
                                       const FoundationName& foundation,
                                       const trust::TrustDocument& trust) {
  for (const trust::TrustedAgent& agent : trust.AgentsOf(foundation)) {
    if (trust::OpenEnvelope(envelope, payload_type, agent.identity).ok()) return agent;
  }
  return NamedError(StatusCode::kPermissionDenied, "unknown-agent",
                    absl::StrCat("not signed by an agent of ", foundation.value()));
}

net::Peer PeerOf(const FoundationName& foundation, const trust::TrustedAgent& agent) {
  return {
      .role = net::PeerRole::kAgent, .name = foundation.value(), .curve_key = agent.curve.bytes()};
}

std::vector<ChosenPath> PathsOf(const v1::JobCommand& command,
                                const CoordinatorAddress& coordinator) {
  constexpr std::string_view kAnyHost = "tcp://*";
  std::map<uint32_t, ChosenPath> paths;
  for (const v1::Route& route : command.routes()) {
    if (route.path() != v1::PATH_KIND_DIRECT && route.path() != v1::PATH_KIND_RELAY) continue;
    transfer::Way way;
    way.endpoint = route.endpoint();
    if (route.path() == v1::PATH_KIND_RELAY) {
      way.kind = transfer::WayKind::kRelay;
      way.host = {net::PeerRole::kCoordinator, "coordinator", coordinator.curve_key};
      if (way.endpoint.starts_with(kAnyHost)) {
        way.endpoint = coordinator.endpoint.substr(0, coordinator.endpoint.rfind(':')) +
                       way.endpoint.substr(kAnyHost.size());
      }
    } else {
      way.kind = route.dial() ? transfer::WayKind::kDialled : transfer::WayKind::kAccepted;
    }
    ChosenPath& path = paths[route.target_index()];
    path.target_index = route.target_index();
    path.ways.push_back(std::move(way));
  }
  std::vector<ChosenPath> in_order;
  for (auto& [index, path] : paths) in_order.push_back(std::move(path));
  return in_order;
}

}  // namespace sluice::agent
