#include "common/http/waiter.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace sluice::http {
namespace {

// Longer waits are nobody's intention, and an infinite one would overflow the deadline.
constexpr absl::Duration kWaitMax = absl::Hours(24);

}  // namespace

Status RealWaiter::Wait(absl::Duration duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  const absl::Duration limited = std::clamp(duration, absl::ZeroDuration(), kWaitMax);
  stopped.wait_for(lock, stop, absl::ToChronoNanoseconds(limited), [] { return false; });
  if (stop.stop_requested()) {
    return NamedError(StatusCode::kCancelled, "cancelled", "stopped while waiting");
  }
  return absl::OkStatus();
}

}  // namespace sluice::http
