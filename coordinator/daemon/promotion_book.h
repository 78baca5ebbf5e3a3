// All promotions: as the ledger has them, and as they will be once what is being written is kept.
//
// New events are judged by the latest state; effects follow from the committed one. Belongs to the
// loop.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::coordinator {

class PromotionBook {
 public:
  // Applies `event` to the latest state and keeps the result as the latest. Names as Apply().
  StatusOr<Promotion> Stage(const std::string& id, const Event& event);
  // `promotion` (of Stage()) is in the ledger, its last event with that sequence number.
  void Commit(const Promotion& promotion, uint64_t ledger_sequence);
  // Nothing that was staged and not committed is going to be kept.
  void DropStaged();

  // Null when there is none. Valid until the book is changed.
  const Promotion* Latest(const std::string& id) const;
  const Promotion* Committed(const std::string& id) const;
  // The sequence number of the order's entry, or of the step order with that digest; 0 for none.
  uint64_t SequenceOfOrder(const std::string& order_sha256) const;

  // By id or unique prefix of it, committed only. NotFound "no-promotion"; InvalidArgument
  // "ambiguous-id" naming some that match.
  StatusOr<const Promotion*> Find(std::string_view prefix) const;

  // Committed ones, newest first, of that app (source or target reference; empty: all) and state
  // (0: all).
  std::vector<const Promotion*> List(std::string_view app, v1::PromotionState state,
                                     size_t count_max) const;

  // Those with a wish or a choice still open, in order of id.
  const std::set<std::string>& open() const { return open_; }

 private:
  std::map<std::string, Promotion, std::less<>> committed_;
  std::map<std::string, Promotion> staged_;  // only those with events that are being written
  std::vector<std::string> by_age_;
  std::map<std::string, uint64_t> order_sequences_;
  std::set<std::string> open_;
};

}  // namespace sluice::coordinator
