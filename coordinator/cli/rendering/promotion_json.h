// Promotions as JSON: stable, documented in coordinator/cli/README.md.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"

namespace sluice::v1 {
class PromotionDetail;
class PromotionSummary;
}  // namespace sluice::v1

namespace sluice::cli {

nlohmann::json PromotionJson(const v1::PromotionSummary& summary);
// With targets; with the ledger's entries too if `with_entries`.
nlohmann::json PromotionJson(const v1::PromotionDetail& detail, bool with_entries);

// One line of JSON with its new line. Bytes that are no UTF-8 are replaced.
std::string JsonLine(const nlohmann::json& value);

}  // namespace sluice::cli
