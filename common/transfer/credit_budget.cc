#include "common/transfer/credit_budget.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

void CreditBudget::Leave(const TransferId& transfer) {
  Hold(transfer, 0);
  held_.erase(transfer);
}

void CreditBudget::Hold(const TransferId& transfer, uint64_t bytes) {
  const auto found = held_.find(transfer);
  if (found == held_.end()) return;
  held_bytes_ = held_bytes_ - found->second + bytes;
  found->second = bytes;
}

uint32_t CreditBudget::Window(const TransferId& transfer, uint32_t chunk_bytes) const {
  const auto found = held_.find(transfer);
  SLUICE_CHECK(found != held_.end());
  const uint64_t others = held_bytes_ - found->second;
  const uint64_t share = std::min(bytes_ / held_.size(), bytes_ - std::min(bytes_, others));
  const uint64_t chunks = std::max<uint64_t>(share / chunk_bytes, kChunksMin);
  return static_cast<uint32_t>(std::min<uint64_t>(chunks, kCreditChunksMax));
}

}  // namespace sluice::transfer
