// The bytes that all transfers into this process may have under way together.
#pragma once

#include <cstdint>
#include <map>

#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

// Shares are equal, what one does not use is not lent to another: a transfer whose upload stalls
// keeps no other one waiting. Not thread-safe.
class CreditBudget {
 public:
  // Whatever the others hold, a transfer may have this many chunks under way: it always moves. So
  // the bound is the budget and this for each transfer.
  static constexpr uint32_t kChunksMin = 2;

  explicit CreditBudget(uint64_t bytes) : bytes_(bytes) {}

  void Join(const TransferId& transfer) { held_[transfer] = 0; }
  void Leave(const TransferId& transfer);
  // What `transfer` has under way now.
  void Hold(const TransferId& transfer, uint64_t bytes);
  // How many chunks `transfer` may have under way now.
  uint32_t Window(const TransferId& transfer, uint32_t chunk_bytes) const;

 private:
  const uint64_t bytes_;
  uint64_t held_bytes_ = 0;  // the sum of held_
  std::map<TransferId, uint64_t> held_;
};

}  // namespace sluice::transfer
