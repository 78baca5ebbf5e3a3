// What a coordinator knows when it starts: the ledger's entries, applied in their order.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/trust/trust_document.h"
#include "coordinator/daemon/ledger_chain.h"
#include "coordinator/daemon/promotion_book.h"
#include "coordinator/daemon/trust_in_force.h"

namespace sluice::coordinator {

class LedgerReplay {
 public:
  // `roots` are those of the configuration. A trust document of other roots sets no floor: whoever
  // configured another root began anew.
  explicit LedgerReplay(std::vector<crypto::VerifyingKey> roots) : roots_(std::move(roots)) {}

  // DataLoss "ledger-unreadable" for an entry that this program cannot read, or one that does not
  // follow from those before it.
  Status Take(const LedgerEntry& entry);

  const TrustFloor& trust_floor() const { return floor_; }
  PromotionBook& book() { return book_; }

 private:
  std::string OperatorOf(std::string_view envelope) const;

  const std::vector<crypto::VerifyingKey> roots_;
  std::unique_ptr<trust::TrustDocument> trust_;  // as of the entry; null before the first
  TrustFloor floor_;
  PromotionBook book_;
};

}  // namespace sluice::coordinator
