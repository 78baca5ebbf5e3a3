// The coordinator's durable, tamper-evident record, as its logic sees it. Nothing is acted upon
// before it is in here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "coordinator/daemon/ledger_chain.h"

namespace sluice::coordinator {

// What is to become an entry.
struct LedgerDraft {
  absl::Time at;          // kept in whole milliseconds
  std::string kind;       // ledger_record.h
  std::string promotion;  // whose entry it is, for finding it; empty: nobody's
  std::string body;
};

struct PromotionEntries {
  std::vector<LedgerEntry> entries;
  uint64_t total = 0;  // as many has the ledger
};

// Belongs to one loop: `done` functions are called on it, in the order of the calls here, and never
// from within such a call.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Appends all of `drafts` or none. OK: on the disk, and the first entry's sequence number. After
  // an error, whatever was given later fails too ("ledger-unavailable"), since it may build on what
  // was not kept, until Recover().
  using Appended = std::function<void(StatusOr<uint64_t> first_sequence)>;
  virtual void Append(std::vector<LedgerDraft> drafts, Appended done) = 0;

  // What is appended after this call is tried again.
  virtual void Recover() = 0;

  // The entries of one promotion, in order: the first, and at most kEntriesReadMax of the latest.
  static constexpr size_t kEntriesReadMax = 1000;
  using Entries = std::function<void(StatusOr<PromotionEntries>)>;
  virtual void ReadPromotion(std::string promotion, Entries done) = 0;

  // All that the promotion's state follows from, in order: each of its entries, and the trust
  // documents that held meanwhile. Empty when there is no such promotion.
  using History = std::function<void(StatusOr<std::vector<LedgerEntry>>)>;
  virtual void ReadHistory(std::string promotion, History done) = 0;

  // The ids that begin with `prefix`, in their order, at most `count_max`.
  using Ids = std::function<void(StatusOr<std::vector<std::string>>)>;
  virtual void FindPromotions(std::string prefix, size_t count_max, Ids done) = 0;
};

}  // namespace sluice::coordinator
