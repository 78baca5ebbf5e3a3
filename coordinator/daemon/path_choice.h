// How the bytes get to each target that needs them, by what the agents' Hello says of them.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::coordinator {

class AgentRegistry;

// RoutesChosen with every way that there may be for the targets that need the bytes: source and
// target each dial the other if that one listens (a firewall may forbid either), both dial the
// relay if there is one, and targets that listen may be dialled by their fellows. NoPathFound
// "no-path" when a target has none to the source. Nothing while one of the agents is not connected:
// it may listen when it comes. `relay_endpoint` is empty where there is no relay. The promotion
// NeedsRoutes().
std::optional<Event> ChoosePaths(const Promotion& promotion, const AgentRegistry& agents,
                                 const std::string& relay_endpoint, absl::Time now);

}  // namespace sluice::coordinator
