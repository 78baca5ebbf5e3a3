// Commands that only look: promotions, promotion, foundations, apps, droplets.
#pragma once

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

Status RunPromotions(World& world, const GlobalArguments& global,
                     const PromotionsArguments& arguments);
Status RunPromotion(World& world, const GlobalArguments& global,
                    const PromotionArguments& arguments);
Status RunFoundations(World& world, const GlobalArguments& global);
Status RunApps(World& world, const GlobalArguments& global, const AppsArguments& arguments);
Status RunDroplets(World& world, const GlobalArguments& global, const DropletsArguments& arguments);

}  // namespace sluice::cli
