// What a promotion cost, by what the agents counted, for people and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "nlohmann/json_fwd.hpp"

namespace sluice::v1 {
class Progress;
class PromotionDetail;
class TargetDetail;
}  // namespace sluice::v1

namespace sluice::cli {

// "64.0 MiB in 6.1s (10.5 MiB/s), 0.4% overhead, 0 B again", and by path when it was not all
// direct.
std::string CostText(const v1::TargetDetail& target);

// A row of times for each target, with the stage that held it up most; "" when none is known.
std::string RenderStages(const v1::PromotionDetail& detail);

// The target's part, with the source's download.
nlohmann::json CostJson(const v1::Progress& source, const v1::Progress& target);

// "download", "transfer", "upload", "job" or "activation", by the time that each was at work; ""
// when no time is known. Download and transfer overlap, so that transfer counts with what it took
// longer than the download.
std::string_view SlowestStage(const v1::Progress& source, const v1::Progress& target);

}  // namespace sluice::cli
