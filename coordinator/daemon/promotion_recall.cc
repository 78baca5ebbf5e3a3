#include "coordinator/daemon/promotion_recall.h"

#include <utility>

#include "coordinator/daemon/ledger_replay.h"

namespace sluice::coordinator {

Status PromotionRecall::CheckReady() const {
  if (in_flight_ < kRecallsMax) return absl::OkStatus();
  return NamedError(StatusCode::kResourceExhausted, "coordinator-busy",
                    "many ask for promotions that ended long ago; try again");
}

void PromotionRecall::Bring(const std::string& id, const Then& then) {
  if (!book_.HasForgotten() || book_.Latest(id) != nullptr) return then(absl::OkStatus());
  if (const Status ready = CheckReady(); !ready.ok()) return then(ready);
  ++in_flight_;
  ledger_.ReadHistory(id, [this, then](const StatusOr<std::vector<LedgerEntry>>& history) {
    --in_flight_;
    then(history.ok() ? Take(*history) : history.status());
    book_.Trim();
  });
}

void PromotionRecall::Find(const std::string& prefix, const ThenId& then) {
  if (!book_.HasForgotten() || book_.Committed(prefix) != nullptr || prefix.empty()) {
    const StatusOr<const Promotion*> found = book_.Find(prefix);
    return then(found.ok() ? StatusOr<std::string>((*found)->id) : found.status());
  }
  if (const Status ready = CheckReady(); !ready.ok()) return then(ready);
  ++in_flight_;
  ledger_.FindPromotions(prefix, kIdsToChooseFromMax,
                         [this, prefix, then](const StatusOr<std::vector<std::string>>& ids) {
                           --in_flight_;
                           const StatusOr<std::string> id =
                               ids.ok() ? ChooseId(prefix, *ids)
                                        : StatusOr<std::string>(ids.status());
                           if (!id.ok()) return then(id);
                           Bring(*id, [then, id](const Status& known) {
                             then(known.ok() ? id : StatusOr<std::string>(known));
                           });
                         });
}

Status PromotionRecall::Take(const std::vector<LedgerEntry>& history) {
  SLUICE_ASSIGN_OR_RETURN(PromotionBook found, ReplayHistory(roots_, history));
  book_.Adopt(std::move(found));
  return absl::OkStatus();
}

}  // namespace sluice::coordinator
