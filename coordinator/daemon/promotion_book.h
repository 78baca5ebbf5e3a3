// Promotions: as the ledger has them, and as they will be once what is being written is kept. All
// that are under way, and the newest of those that have ended; the others are in the ledger only,
// until they are asked for (promotion_recall.h).
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

// What of a list is shown, and what is not.
struct PromotionListing {
  std::vector<const Promotion*> promotions;  // valid until the book is changed
  uint64_t not_shown = 0;                    // match, and exceed the count
  uint64_t not_searched = 0;                 // in the ledger only: they may match or not
};

// The one promotion that is meant by `prefix`, of `ids`, which begin with it and are in order; a
// whole id is meant as such, even if another begins with it. NotFound "no-promotion";
// InvalidArgument "ambiguous-id" naming some.
StatusOr<std::string> ChooseId(std::string_view prefix, const std::vector<std::string>& ids);
// More of them than this change nothing in what ChooseId() says.
inline constexpr size_t kIdsToChooseFromMax = 4;

class PromotionBook {
 public:
  // How many ended ones are kept in memory: a list's longest answer (about 7 KB each).
  static constexpr size_t kEndedMax = 1000;
  explicit PromotionBook(size_t ended_max = kEndedMax) : ended_max_(ended_max) {}

  // Applies `event` to the latest state and keeps the result as the latest. Names as Apply().
  StatusOr<Promotion> Stage(const std::string& id, const Event& event);
  // `promotion` (of Stage()) is in the ledger, its last event with that sequence number.
  void Commit(const Promotion& promotion, uint64_t ledger_sequence);
  // Nothing that was staged and not committed is going to be kept.
  void DropStaged();
  // Forgets the oldest of those that have ended and want nothing, until at most `ended_max` are
  // left.
  void Trim();
  // Takes what `other` has and this has not: promotions that were forgotten.
  void Adopt(PromotionBook other);
  // Whether the ledger has promotions that are not in here.
  bool HasForgotten() const { return forgotten_ > 0; }

  // Null when there is none. Valid until the book is changed.
  const Promotion* Latest(const std::string& id) const;
  const Promotion* Committed(const std::string& id) const;
  // The sequence number of the order's entry, or of the step order with that digest; 0 for none.
  uint64_t SequenceOfOrder(const std::string& order_sha256) const;

  // By id or unique prefix of it, committed only. Names of ChooseId().
  StatusOr<const Promotion*> Find(std::string_view prefix) const;

  // Committed ones, newest first, of that app (source or target reference; empty: all) and state
  // (0: all).
  PromotionListing List(std::string_view app, v1::PromotionState state, size_t count_max) const;

  // Those with a wish or a choice still open, in order of id.
  const std::set<std::string>& open() const { return open_; }
  // How many have not ended, or want something still.
  size_t UnderWay() const { return committed_.size() - closed_.size(); }

 private:
  std::map<std::string, Promotion, std::less<>> committed_;
  std::map<std::string, Promotion> staged_;  // only those with events that are being written
  // By the sequence number of the order's entry: all, and those that may be forgotten.
  std::map<uint64_t, std::string> by_age_;
  std::map<uint64_t, std::string> closed_;
  std::map<std::string, uint64_t> order_sequences_;
  std::set<std::string> open_;
  size_t ended_max_;
  uint64_t forgotten_ = 0;
};

}  // namespace sluice::coordinator
