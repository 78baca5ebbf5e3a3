// How the bytes get to each target that needs them, by what the agents' Hello says of them.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::coordinator {

class AgentRegistry;

// RoutesChosen when every target that needs the bytes has a direct path: the target dials the
// source if that one listens, else the source dials the target. NoPathFound "no-path" when neither
// of a pair listens. Nothing while one of the agents is not connected: it may listen when it comes.
// The promotion NeedsRoutes().
std::optional<Event> ChoosePaths(const Promotion& promotion, const AgentRegistry& agents,
                                 absl::Time now);

}  // namespace sluice::coordinator
