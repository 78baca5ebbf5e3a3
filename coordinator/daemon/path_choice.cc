#include "coordinator/daemon/path_choice.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/agent_registry.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

// The operator's process is nobody's to dial, and itself dials the coordinator alone.
Event ChooseForExport(const std::string& relay_endpoint, absl::Time now) {
  if (relay_endpoint.empty()) {
    return {now, NoPathFound{NamedError(
                     StatusCode::kFailedPrecondition, "no-path",
                     "an export goes through the coordinator's relay, and there is none: set "
                     "relay.listen in the coordinator's configuration")}};
  }
  RoutesChosen chosen;
  chosen.routes.push_back({.target_index = 0,
                           .path = ChosenRoute::Path::kRelay,
                           .source_dials = false,
                           .endpoint = relay_endpoint});
  return {now, std::move(chosen)};
}

Status NoPath(const std::string& source, const std::string& target) {
  return NamedError(
      StatusCode::kFailedPrecondition, "no-path",
      absl::StrCat("neither the agent of ", source, " nor that of ", target,
                   " listens for the other, and the coordinator has no relay: set bulk.listen in "
                   "the configuration of one of them, at an address that the other can dial, or "
                   "relay.listen in that of the coordinator"));
}

}  // namespace

std::optional<Event> ChoosePaths(const Promotion& promotion, const AgentRegistry& agents,
                                 const std::string& relay_endpoint, absl::Time now) {
  const std::string& source_foundation = promotion.terms.source_foundation;
  const AgentSession* source = agents.Find(source_foundation);
  if (source == nullptr) return std::nullopt;
  if (IsExport(promotion.terms)) return ChooseForExport(relay_endpoint, now);
  RoutesChosen chosen;
  std::vector<ChosenRoute> peers;
  for (uint32_t index = 0; index < promotion.targets.size(); ++index) {
    if (!NeedsRoute(promotion, index)) continue;
    const std::string& foundation = promotion.terms.targets[index].foundation;
    const AgentSession* target = agents.Find(foundation);
    if (target == nullptr) return std::nullopt;
    ChosenRoute route;
    route.target_index = index;
    if (source->bulk_endpoint.empty() && target->bulk_endpoint.empty() && relay_endpoint.empty()) {
      return Event{now, NoPathFound{NoPath(source_foundation, foundation)}};
    }
    if (!source->bulk_endpoint.empty()) {
      route.endpoint = source->bulk_endpoint;
      chosen.routes.push_back(route);
    }
    if (!target->bulk_endpoint.empty()) {
      route.endpoint = target->bulk_endpoint;
      route.source_dials = true;
      chosen.routes.push_back(route);
      route.path = ChosenRoute::Path::kPeer;
      route.source_dials = false;
      peers.push_back(route);
    }
    if (!relay_endpoint.empty()) {
      chosen.routes.push_back({.target_index = index,
                               .path = ChosenRoute::Path::kRelay,
                               .source_dials = false,
                               .endpoint = relay_endpoint});
    }
  }
  const bool several =
      std::any_of(chosen.routes.begin(), chosen.routes.end(), [&chosen](const ChosenRoute& route) {
        return route.target_index != chosen.routes.front().target_index;
      });
  if (several) chosen.routes.insert(chosen.routes.end(), peers.begin(), peers.end());
  return Event{now, std::move(chosen)};
}

}  // namespace sluice::coordinator
