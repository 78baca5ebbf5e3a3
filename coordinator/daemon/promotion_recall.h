// Brings promotions back into the book that only the ledger has.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/promotion_book.h"

namespace sluice::coordinator {

// Belongs to the loop. What it is given is borrowed and outlives the ledger's last answer.
class PromotionRecall {
 public:
  static constexpr size_t kRecallsMax = 64;  // in flight

  // `roots` as for LedgerReplay.
  PromotionRecall(Ledger& ledger, PromotionBook& book, std::vector<crypto::VerifyingKey> roots)
      : ledger_(ledger), book_(book), roots_(std::move(roots)) {}

  // Calls `then` when the book has that promotion, if there is one: at once, or once the ledger has
  // answered. The book may forget it again after `then`. An error says why nobody knows whether
  // there is one: ResourceExhausted "coordinator-busy", or what the ledger's reading gave.
  using Then = std::function<void(const Status& known)>;
  void Bring(const std::string& id, const Then& then);

  // Likewise, for the one that `prefix` means. Names of ChooseId() too.
  using ThenId = std::function<void(const StatusOr<std::string>& id)>;
  void Find(const std::string& prefix, const ThenId& then);

 private:
  Status CheckReady() const;
  Status Take(const std::vector<LedgerEntry>& history);

  Ledger& ledger_;
  PromotionBook& book_;
  const std::vector<crypto::VerifyingKey> roots_;
  size_t in_flight_ = 0;
};

}  // namespace sluice::coordinator
