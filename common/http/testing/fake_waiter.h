// Waits in no time: moves a FakeClock instead and remembers how long each wait was.
#pragma once

#include <vector>

#include "common/base/mutex.h"
#include "common/base/testing/fake_clock.h"
#include "common/http/waiter.h"

namespace sluice::http {

// Thread-safe. `clock` is borrowed.
class FakeWaiter final : public Waiter {
 public:
  explicit FakeWaiter(FakeClock& clock) : clock_(clock) {}

  Status Wait(absl::Duration duration, std::stop_token stop) override {
    if (stop.stop_requested()) {
      return NamedError(StatusCode::kCancelled, "cancelled", "stopped while waiting");
    }
    MutexLock lock(mutex_);
    waits_.push_back(duration);
    clock_.Advance(duration);
    return absl::OkStatus();
  }
  std::vector<absl::Duration> Waits() const {
    MutexLock lock(mutex_);
    return waits_;
  }

 private:
  FakeClock& clock_;
  mutable Mutex mutex_;
  std::vector<absl::Duration> waits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::http
