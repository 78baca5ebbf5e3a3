// Waiting as an injected ability, so that tests of polling and back-off take no time.
#pragma once

#include <stop_token>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::http {

// Thread-safe.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Returns after `duration`, or at once with Cancelled "cancelled" when `stop` is requested.
  virtual Status Wait(absl::Duration duration, std::stop_token stop) = 0;
};

// Waits in real time.
class RealWaiter final : public Waiter {
 public:
  Status Wait(absl::Duration duration, std::stop_token stop) override;
};

}  // namespace sluice::http
