// Asking again and again until something has happened at the foundation.
#pragma once

#include <functional>
#include <stop_token>

#include "absl/time/time.h"
#include "agent/foundation/retrying_client.h"
#include "common/base/status.h"

namespace sluice::foundation {

struct PollPace {
  absl::Duration first;  // before the second question; then longer by half each time
  absl::Duration longest;
  absl::Duration timeout;  // of all
};

// True from `ask` ends it well, a failure ends it, but that it is Unavailable is borne a few times
// in a row: the foundation goes on with what it was given. `timed_out` when the time is over.
Status PollUntil(const PollPace& pace, RetryingClient& client,
                 const std::function<StatusOr<bool>()>& ask, const Status& timed_out,
                 std::stop_token stop);

}  // namespace sluice::foundation
