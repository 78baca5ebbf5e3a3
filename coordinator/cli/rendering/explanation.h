// Why the bytes took the paths that they took: for `promotion ID --explain`, and as JSON.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"

namespace sluice::v1 {
class Progress;
class PromotionDetail;
}  // namespace sluice::v1

namespace sluice::cli {

// A row for each way of each target: how often it was tried, what came by it, why it was lost.
// A target that needed no bytes has a row that says so.
std::string RenderWays(const v1::PromotionDetail& detail);

nlohmann::json WaysJson(const v1::Progress& target);

}  // namespace sluice::cli
