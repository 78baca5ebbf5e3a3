// sluice promote: plan, ask, order, watch.
#pragma once

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

// OK, or why not; what the exit code is follows from it (ExitCodeOf()).
Status RunPromote(World& world, const GlobalArguments& global, const PromoteArguments& arguments);

}  // namespace sluice::cli
