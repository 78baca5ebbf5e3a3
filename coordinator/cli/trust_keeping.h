// sluice keygen and sluice trust: keys, and the document that says whose they are. No network.
#pragma once

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

Status RunKeygen(World& world, const GlobalArguments& global, const KeygenArguments& arguments);
Status RunTrustInit(World& world, const GlobalArguments& global,
                    const TrustInitArguments& arguments);
Status RunTrustAddOperator(World& world, const GlobalArguments& global,
                           const TrustAddOperatorArguments& arguments);
Status RunTrustAddFoundation(World& world, const GlobalArguments& global,
                             const TrustAddFoundationArguments& arguments);
Status RunTrustShow(World& world, const GlobalArguments& global,
                    const TrustShowArguments& arguments);

}  // namespace sluice::cli
