// sluice activate, cancel, rollback, watch: steps of a promotion that is recorded already.
#pragma once

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

Status RunActivate(World& world, const GlobalArguments& global, const ActivateArguments& arguments);
Status RunCancel(World& world, const GlobalArguments& global, const CancelArguments& arguments);
Status RunRollback(World& world, const GlobalArguments& global, const RollbackArguments& arguments);
Status RunWatch(World& world, const GlobalArguments& global, const WatchArguments& arguments);

}  // namespace sluice::cli
