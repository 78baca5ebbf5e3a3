// How many droplets one Cloud Controller gives out, or takes, at a time, and who waits for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stop_token>

#include "common/base/mutex.h"
#include "common/base/status.h"

namespace sluice::agent {

// First come, first served. Small droplets have as many places of their own: they never wait for
// large ones to end, and large ones never for a stream of small ones. Thread-safe.
class ParallelLimit {
 public:
  static constexpr uint64_t kSmallBytes = uint64_t{16} << 20;
  // Of each kind.
  static constexpr size_t kPlacesDefault = 8;

  explicit ParallelLimit(size_t places) : places_(places) {}

  // One droplet's place in the limit, which outlives it: had, queued for, or neither. Belongs to
  // one thread, and is given up with the object.
  class Place {
   public:
    Place(ParallelLimit& limit, uint64_t droplet_bytes)
        : limit_(limit), small_(droplet_bytes <= kSmallBytes) {}
    ~Place() { Leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Whether it is had now. If not it is queued for, to be asked for again.
    bool Take();
    // Waits until it is had; Cancelled "cancelled" when `stop` is requested before.
    Status Await(const std::stop_token& stop);
    void Leave();

   private:
    ParallelLimit& limit_;
    const bool small_;
  };

 private:
  // The first places_ have one, those behind them wait.
  using Queue = std::deque<const Place*>;
  Queue& QueueOf(bool small) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return small ? small_ : large_;
  }
  bool TakeLocked(const Place& place, bool small) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t places_;
  Mutex mutex_;
  ConditionVariable changed_;
  Queue small_ ABSL_GUARDED_BY(mutex_);
  Queue large_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent
