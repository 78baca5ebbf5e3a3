#include "agent/jobs/transfer_terms.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"
#include "common/trust/envelope.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// Ways by target, in the order of targets.
class PathsByTarget {
 public:
  void Add(uint32_t target_index, transfer::Way way) {
    ChosenPath& path = paths_[target_index];
    path.target_index = target_index;
    path.ways.push_back(std::move(way));
  }
  std::vector<ChosenPath> InOrder() const {
    std::vector<ChosenPath> in_order;
    for (const auto& [index, path] : paths_) in_order.push_back(path);
    return in_order;
  }

 private:
  std::map<uint32_t, ChosenPath> paths_;
};

transfer::Way DirectWay(const v1::Route& route) {
  const auto kind = route.dial() ? transfer::WayKind::kDialled : transfer::WayKind::kAccepted;
  return {.kind = kind, .endpoint = route.endpoint(), .host = {}};
}

transfer::Way RelayWay(const v1::Route& route, const CoordinatorAddress& coordinator) {
  constexpr std::string_view kAnyHost = "tcp://*";
  transfer::Way way = {.kind = transfer::WayKind::kRelay,
                       .endpoint = route.endpoint(),
                       .host = {net::PeerRole::kCoordinator, "coordinator", coordinator.curve_key}};
  if (way.endpoint.starts_with(kAnyHost)) {
    way.endpoint = coordinator.endpoint.substr(0, coordinator.endpoint.rfind(':')) +
                   way.endpoint.substr(kAnyHost.size());
  }
  return way;
}

}  // namespace

StatusOr<transfer::TransferId> TransferIdOf(std::string_view order_sha256) {
  return transfer::TransferId::OfOrder(order_sha256);
}

StatusOr<transfer::StreamLayout> LayoutOf(std::string_view order_sha256,
                                          const trust::Artifact& artifact, uint32_t chunk_bytes) {
  SLUICE_ASSIGN_OR_RETURN(const transfer::TransferId transfer, TransferIdOf(order_sha256));
  return transfer::StreamLayout::Cut(transfer, static_cast<uint64_t>(artifact.size_bytes),
                                     chunk_bytes);
}

transfer::Rate RateOf(const trust::Order& order) {
  if (!order.bytes_per_second_max) return std::nullopt;
  return static_cast<uint64_t>(*order.bytes_per_second_max);
}

uint32_t ReceiverOf(const trust::Order& order, uint32_t target_index) {
  std::set<FoundationName> before = {order.source.reference.foundation};
  for (uint32_t i = 0; i < target_index; ++i) {
    const FoundationName& foundation = order.targets[i].reference.foundation;
    if (foundation == order.targets[target_index].reference.foundation) break;
    before.insert(foundation);
  }
  return static_cast<uint32_t>(before.size() - 1);  // the source's is none of the receivers
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

StatusOr<net::Peer> RecipientOf(const trust::OrderRecipient& recipient,
                                const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const crypto::CurvePublicKey curve,
                          crypto::CurvePublicKey::FromBytes(recipient.curve_key));
  const std::optional<trust::CurveHolder> holder = trust.CurveRole(curve);
  if (!holder.has_value() || holder->role != trust::CurveHolder::Role::kOperator) {
    return NamedError(StatusCode::kPermissionDenied, "recipient-not-admitted",
                      "the operator who is to receive the droplet is not in this agent's trust "
                      "document any more");
  }
  return net::Peer{
      .role = net::PeerRole::kOperator, .name = holder->name, .curve_key = recipient.curve_key};
}

std::vector<ChosenPath> PathsOf(const v1::JobCommand& command,
                                const CoordinatorAddress& coordinator) {
  PathsByTarget paths;
  for (const v1::Route& route : command.routes()) {
    if (route.path() == v1::PATH_KIND_DIRECT) paths.Add(route.target_index(), DirectWay(route));
    if (route.path() == v1::PATH_KIND_RELAY) {
      paths.Add(route.target_index(), RelayWay(route, coordinator));
    }
  }
  return paths.InOrder();
}

std::vector<ChosenPath> FellowPathsOf(const v1::JobCommand& command) {
  PathsByTarget paths;
  for (const v1::Route& route : command.routes()) {
    if (route.path() == v1::PATH_KIND_PEER) paths.Add(route.target_index(), DirectWay(route));
  }
  return paths.InOrder();
}

std::vector<transfer::Fellow> FellowsOf(const trust::Order& order, uint32_t target_index,
                                        const std::vector<ChosenPath>& paths,
                                        const trust::TrustDocument& trust) {
  const FoundationName& source = order.source.reference.foundation;
  const FoundationName& own = order.targets[target_index].reference.foundation;
  std::vector<transfer::Fellow> fellows;
  if (own == source) return fellows;
  std::set<FoundationName> met = {source, own};
  for (const ChosenPath& path : paths) {
    if (path.target_index >= order.targets.size()) continue;
    const FoundationName& foundation = order.targets[path.target_index].reference.foundation;
    const std::vector<trust::TrustedAgent> agents = trust.AgentsOf(foundation);
    if (agents.size() != 1 || !met.insert(foundation).second) continue;
    transfer::Fellow fellow;
    fellow.target_index = ReceiverOf(order, path.target_index);
    fellow.meeting.peer = PeerOf(foundation, agents.front());
    fellow.meeting.ways = path.ways;
    fellows.push_back(std::move(fellow));
  }
  return fellows;
}

}  // namespace sluice::agent
