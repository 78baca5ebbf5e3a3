// What makes the ledger tamper-evident: each entry's hash covers the entry before it.
//
//   hash = SHA-256("sluice-ledger-v1\0" || be64(sequence) || be64(at in milliseconds since 1970) ||
//                  be64(length of kind) || kind || previous hash || SHA-256(body))
//
// The first entry has sequence 1 and 32 zero bytes as its previous hash.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::coordinator {

struct LedgerEntry {
  uint64_t sequence = 0;
  int64_t at_milliseconds = 0;
  std::string kind;
  std::string body;
  std::string previous;  // 32 bytes
  std::string hash;      // 32 bytes
  bool operator==(const LedgerEntry&) const = default;
};

// The chain's end: what the next entry builds on.
struct LedgerHead {
  uint64_t sequence = 0;  // 0: no entry yet
  std::string hash = std::string(32, '\0');
  bool operator==(const LedgerHead&) const = default;
};

std::string EntryHash(const LedgerEntry& entry);

// The entry after `head`.
LedgerEntry ChainEntry(const LedgerHead& head, int64_t at_milliseconds, std::string kind,
                       std::string body);

// The head after `entry`, when it follows `head`; otherwise DataLoss "ledger-altered" with the
// sequence number at which the chain breaks.
StatusOr<LedgerHead> FollowChain(const LedgerHead& head, const LedgerEntry& entry);

}  // namespace sluice::coordinator
