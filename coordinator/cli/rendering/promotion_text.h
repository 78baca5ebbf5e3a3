// Promotions for people.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace sluice::v1 {
class PromotionDetail;
class PromotionList;
}  // namespace sluice::v1

namespace sluice::cli {

// A row for each.
std::string RenderPromotionList(const v1::PromotionList& list);
// What the list does not show, in lines for people; empty when it shows all.
std::string RenderLeftOut(const v1::PromotionList& list);

// How it stands and, per target, what came of it and what the transfer cost.
std::string RenderSummary(const v1::PromotionDetail& detail);

// Everything: the summary, if `explained` why the bytes took their paths, then the ledger's
// entries.
std::string RenderPromotion(const v1::PromotionDetail& detail, bool explained);

}  // namespace sluice::cli
