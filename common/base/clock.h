// Time as it is handed to whoever needs it: nobody else asks the kernel.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace sluice {

// Thread-safe. Wall time is for people, records and expiry; monotonic time for every interval.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Time since some fixed instant before this process started. Never goes back.
  virtual absl::Duration Monotonic() const = 0;
};

// The kernel's clocks.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

// RFC 3339 in UTC, whole seconds, as Cloud Foundry writes times ("2026-01-02T03:04:05Z").
std::string FormatTime(absl::Time time);

}  // namespace sluice
