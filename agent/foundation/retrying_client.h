// Small requests that are repeated as their nature allows, with jitter of one source.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/http/message.h"
#include "common/http/retry.h"
#include "common/http/transport.h"
#include "common/http/waiter.h"

namespace sluice::foundation {

// Thread-safe. Borrows transport, clock and waiter.
class RetryingClient {
 public:
  struct Options {
    absl::Duration call_timeout;  // one attempt, from connecting to the last byte
    http::RetryPolicy retry;
  };
  RetryingClient(const Options& options, http::HttpTransport& transport, const Clock& clock,
                 http::Waiter& waiter, uint64_t seed);

  // Sets the timeouts of `request` and performs it until the answer is not transient.
  StatusOr<http::HttpResponse> Perform(http::HttpRequest request, http::Repeat repeat,
                                       std::stop_token stop);
  // As it is, once: for streamed bodies.
  StatusOr<http::HttpResponse> PerformOnce(const http::HttpRequest& request, std::stop_token stop);
  // Waits before another attempt; `failures` counts from 1. `at_least` is what a server asked for.
  Status WaitBackoff(int failures, absl::Duration at_least, std::stop_token stop);
  Status Wait(absl::Duration duration, std::stop_token stop);

  const http::RetryPolicy& retry() const { return options_.retry; }
  const Clock& clock() const { return clock_; }
  uint64_t NextRandom();

 private:
  const Options options_;
  http::HttpTransport& transport_;
  const Clock& clock_;
  http::Waiter& waiter_;
  Mutex mutex_;
  SeededRandom random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::foundation
