// When to repeat an HTTP request, and how long to wait before.
#pragma once

#include <optional>
#include <stop_token>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/http/transport.h"
#include "common/http/waiter.h"

namespace sluice::http {

struct RetryPolicy {
  int attempts_max = 5;  // the first one included
  absl::Duration backoff_first = absl::Milliseconds(200);
  absl::Duration backoff_max = absl::Seconds(10);
  absl::Duration retry_after_max =
      absl::Seconds(60);  // a server that asks for more is not waited for
};

// Full jitter: evenly from nothing to backoff_first * 2^(failures - 1), at most backoff_max.
// `failures` counts from 1.
absl::Duration BackoffDelay(const RetryPolicy& policy, int failures, Random& random);

// 429, 502, 503, 504: the server, or what stands before it, says "later".
bool IsTransientStatus(int http_status);
// Transport failures that another attempt may not meet. Not: an untrusted certificate, a bad URL.
bool IsTransientFailure(const Status& failure);

// The Retry-After field (RFC 9110 section 10.2.3: seconds or a date), never negative.
std::optional<absl::Duration> RetryAfter(const HttpHeaders& headers, absl::Time now);
// An IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"), as in Date and Retry-After.
std::optional<absl::Time> ParseHttpDate(std::string_view text);

enum class Repeat {
  kAfterAnyTransient,  // the request may take effect twice without harm
  kIfNotTaken,         // only after 429 and failures before the first byte was sent
};

// Performs a request with neither source nor sink until it gets an answer that is not transient,
// or attempts run out: then the last answer or failure is returned as it came. Waits for
// Retry-After where one is given and within retry_after_max; beyond it the answer is returned at
// once. `random` is used by this thread only while the call lasts.
StatusOr<HttpResponse> PerformWithRetry(HttpTransport& transport, const HttpRequest& request,
                                        Repeat repeat, const RetryPolicy& policy, Random& random,
                                        const Clock& clock, Waiter& waiter, std::stop_token stop);

}  // namespace sluice::http
