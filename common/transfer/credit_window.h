// How many bytes a receiver has under way, so that its path is full and its source's queue is not.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "absl/time/time.h"

namespace sluice::transfer {

// A window that is too small wastes the path, one that is too large only lengthens a queue, which a
// cancel must wait for. A fixed one is the first for some path: 4 MiB at 400 Mbit/s and 160 ms of
// round trip fill half of it. So the window is twice the rate that was reached, times the time that
// a chunk needs from being asked for to being stored: the shortest seen on the way (what is above
// it is our own queue), and the usual one from arrival to durable. While the window is what limits,
// that doubles it with each round; when the path is what limits, it stays. (The idea of BBR, C.
// Cardwell et al., ACM Queue 14-5, with the gain kept at 2 and without probing: a connection's
// shortest round trip is not forgotten.) Not thread-safe.
class CreditWindow {
 public:
  // Never fewer than `chunks_min`; 4: one on the way, one being stored, and one more of each.
  explicit CreditWindow(uint32_t chunk_bytes, uint32_t chunks_min = 4);

  // Another connection: another way, and what was asked for is lost.
  void OnConnection();
  void OnAsked(uint32_t index, absl::Duration now);
  // A chunk of the other end's choosing is asked for: the next that arrives without having been
  // asked for by its index, in the order of these calls.
  void OnCredit(absl::Duration now);
  void OnArrived(uint32_t index, absl::Duration now);
  void OnStored(uint32_t index, absl::Duration now);

  uint32_t chunks() const;
  // Bytes a second, the best of the last seconds; 0 before anything is known.
  double rate() const;

 private:
  struct UnderWay {
    absl::Duration asked_at;
    absl::Duration arrived_at = absl::InfiniteDuration();
    uint64_t stored_before;  // bytes stored when it was asked for
  };

  const uint32_t chunk_bytes_;
  const uint32_t chunks_min_;
  std::map<uint32_t, UnderWay> under_way_;
  std::deque<UnderWay> credits_;  // not arrived, oldest first
  uint64_t stored_bytes_ = 0;
  absl::Duration shortest_way_ = absl::InfiniteDuration();  // asked for to arrived
  absl::Duration usual_storing_;                            // arrived to stored, smoothed
  // The best rate is remembered for one to two spans: what a path could do once it may not do now.
  absl::Duration span_began_at_;
  double best_rate_ = 0;
  double best_rate_before_ = 0;
};

}  // namespace sluice::transfer
