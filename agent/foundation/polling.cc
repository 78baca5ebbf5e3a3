#include "agent/foundation/polling.h"

#include <algorithm>

namespace sluice::foundation {
namespace {

// Each of them has already been repeated by the client's own retries.
constexpr int kUnavailableInARowMax = 5;

}  // namespace

Status PollUntil(const PollPace& pace, RetryingClient& client,
                 const std::function<StatusOr<bool>()>& ask, const Status& timed_out,
                 std::stop_token stop) {
  const absl::Duration deadline = client.clock().Monotonic() + pace.timeout;
  absl::Duration delay = pace.first;
  int unavailable = 0;
  while (true) {
    const StatusOr<bool> done = ask();
    if (done.ok() && *done) return absl::OkStatus();
    if (done.ok()) {
      unavailable = 0;
    } else if (done.status().code() != StatusCode::kUnavailable ||
               ++unavailable >= kUnavailableInARowMax) {
      return done.status();
    }
    if (client.clock().Monotonic() >= deadline) return timed_out;
    SLUICE_RETURN_IF_ERROR(client.Wait(delay, stop));
    delay = std::min(delay * 1.5, pace.longest);
  }
}

}  // namespace sluice::foundation
