// How fast bytes may go in one direction: one rate for all transfers of this process together, one
// of its own for each that has one, and turns among those that wait.
//
// A transfer asks before it moves bytes. It may while no bucket of its is in debt, and puts both
// into debt by what it moves: the rate holds over any second and needs no bucket as large as a
// chunk. Turns are those of start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): of those
// that wait, whoever has moved least since it came goes first. So each gets the same bytes, however
// large its droplet is and however many chunks it could move, and one that comes late waits for no
// more than the chunk before it.
//
// Pure: time is a parameter and nothing waits in here. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

// Bytes a second; nothing: as fast as it goes. Never zero.
using Rate = std::optional<uint64_t>;

// Bytes may go whenever it is out of debt. Without a rate it never is in debt.
class TokenBucket {
 public:
  // What was not used is saved up for no longer than this.
  static constexpr absl::Duration kSavedMax = absl::Milliseconds(100);

  explicit TokenBucket(Rate rate) : rate_(rate) {}

  void Spend(uint64_t bytes, absl::Duration now);
  // What was spent and not used.
  void GiveBack(uint64_t bytes);
  bool limits() const { return rate_.has_value(); }
  // From when on it is out of debt; `now` or earlier when it is already.
  absl::Duration ready_at() const { return free_at_; }

 private:
  absl::Duration Cost(uint64_t bytes) const;

  Rate rate_;
  // When all that was spent is paid for.
  absl::Duration free_at_ = -absl::InfiniteDuration();
};

class RateLimit {
 public:
  explicit RateLimit(Rate rate) : all_(rate) {}

  // Transfers that have not joined are not limited, and count for nothing.
  void Join(const TransferId& transfer, Rate own);
  void Leave(const TransferId& transfer) { turns_.erase(transfer); }

  // Whether the transfer may move so many bytes now: they are then spent. If not it waits, and
  // Next() names it when it is to ask again.
  bool Take(const TransferId& transfer, uint64_t bytes, absl::Duration now);
  // These go whatever the rates say: what comes after waits for them.
  void Spend(const TransferId& transfer, uint64_t bytes, absl::Duration now);
  // What was taken and will not be moved: whoever has more than it needs does not wait.
  void GiveBack(const TransferId& transfer, uint64_t bytes);

  // Who is to ask now. It waits no more, unless it asks and is told to.
  std::optional<TransferId> Next(absl::Duration now);
  // When somebody is to ask; nothing when nobody waits.
  std::optional<absl::Duration> NextAt() const;

 private:
  struct Turn {
    TokenBucket own;
    bool waiting = false;
    // Where its next byte stands among all bytes that are moved, in those that each has moved.
    uint64_t at = 0;
  };
  bool IsReady(const Turn& turn, absl::Duration now) const;
  // Whether somebody else waits who goes first.
  bool IsBehind(const Turn& turn, absl::Duration now) const;
  void Move(Turn& turn, uint64_t bytes, absl::Duration now);

  TokenBucket all_;
  std::map<TransferId, Turn> turns_;
  uint64_t at_ = 0;  // Turn::at of what went last: who comes begins there
};

}  // namespace sluice::transfer
