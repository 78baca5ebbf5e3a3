// What the coordinator says, as the protocol's messages.
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/promotion.h"
#include "coordinator/daemon/promotion_book.h"
#include "coordinator/daemon/wish.h"

namespace sluice::v1 {
class ControlMessage;
class JobCommand;
class PromotionDetail;
class PromotionList;
class PromotionSummary;
}  // namespace sluice::v1

namespace sluice::coordinator {

v1::ControlMessage ErrorMessage(std::string_view request, const Status& status);

v1::JobCommand CommandOf(const Wish& wish, const Promotion& promotion);

v1::PromotionSummary SummaryOf(const Promotion& promotion);

// Without ledger entries.
v1::PromotionDetail DetailOf(const Promotion& promotion);

// As many as fit into one message, and how many are left out.
void AddListing(v1::PromotionList& list, const PromotionListing& listing);

// Adds the first entry, which is the order that everything else is judged by, and of the others
// the latest, as many as fit beside the rest into one message; and how many are left out.
void AddEntries(v1::PromotionDetail& detail, const PromotionEntries& read);

}  // namespace sluice::coordinator
