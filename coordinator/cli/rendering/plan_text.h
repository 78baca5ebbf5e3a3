// Plans, for people and as JSON.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"

namespace sluice::cli {

struct PromotionPlan;
struct RollbackPlan;
struct PromoteArguments;

std::string RenderPlan(const PromotionPlan& plan, const PromoteArguments& arguments);
nlohmann::json PlanJson(const PromotionPlan& plan, const PromoteArguments& arguments);

std::string RenderRollbackPlan(const RollbackPlan& plan);

}  // namespace sluice::cli
