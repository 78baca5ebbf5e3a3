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
  using Entries = std::function<void(StatusOr<std::vector<LedgerEntry>>)>;
  virtual void ReadPromotion(std::string promotion, Entries done) = 0;
};

}  // namespace sluice::coordinator
