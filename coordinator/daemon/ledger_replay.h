// What a coordinator knows when it starts: the ledger's entries, applied in their order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/trust/trust_document.h"
#include "common/trust/trust_floor.h"
#include "coordinator/daemon/ledger_chain.h"
#include "coordinator/daemon/promotion_book.h"

namespace sluice::coordinator {

class LedgerReplay {
 public:
  // `roots` are those of the configuration. A trust document of other roots sets no floor: whoever
  // configured another root began anew.
  explicit LedgerReplay(std::vector<crypto::VerifyingKey> roots,
                        size_t ended_max = PromotionBook::kEndedMax)
      : roots_(std::move(roots)), book_(ended_max) {}

  // Reads a promotion's history up to the entry that is taken (Ledger::ReadHistory).
  using EarlierHistory =
      std::function<StatusOr<std::vector<LedgerEntry>>(const std::string& promotion)>;

  // Something may have happened to a promotion that the book has forgotten: `earlier` brings it
  // back. DataLoss "ledger-unreadable" for an entry that this program cannot read, or one that does
  // not follow from those before it.
  Status Take(const LedgerEntry& entry, const EarlierHistory& earlier);

  const trust::TrustFloor& trust_floor() const { return floor_; }
  PromotionBook& book() { return book_; }

 private:
  std::string OperatorOf(std::string_view envelope) const;

  const std::vector<crypto::VerifyingKey> roots_;
  std::unique_ptr<trust::TrustDocument> trust_;  // as of the entry; null before the first
  trust::TrustFloor floor_;
  PromotionBook book_;
};

// The book of one promotion, or none, from its history (Ledger::ReadHistory). Error as Take().
StatusOr<PromotionBook> ReplayHistory(const std::vector<crypto::VerifyingKey>& roots,
                                      const std::vector<LedgerEntry>& history);

}  // namespace sluice::coordinator
