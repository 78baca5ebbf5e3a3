// A clock that stands still until a test moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/clock.h"

namespace sluice {

class FakeClock final : public Clock {
 public:
  // Starts at a fixed instant, 2026-01-01T00:00:00Z, unless told otherwise.
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1767225600)) : start_(start) {}

  absl::Time Now() const override { return start_ + Monotonic(); }
  absl::Duration Monotonic() const override {
    return absl::Nanoseconds(elapsed_nanoseconds_.load());
  }
  void Advance(absl::Duration step) { elapsed_nanoseconds_ += absl::ToInt64Nanoseconds(step); }

 private:
  const absl::Time start_;
  std::atomic<int64_t> elapsed_nanoseconds_{0};
};

}  // namespace sluice
