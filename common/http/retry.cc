#include "common/http/retry.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"

namespace sluice::http {

absl::Duration BackoffDelay(const RetryPolicy& policy, int failures, Random& random) {
  absl::Duration ceiling = policy.backoff_first;
  for (int i = 1; i < failures && ceiling < policy.backoff_max; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, policy.backoff_max);
  const int64_t microseconds = std::max<int64_t>(absl::ToInt64Microseconds(ceiling), 0);
  return absl::Microseconds(
      static_cast<int64_t>(random.Below(static_cast<uint64_t>(microseconds) + 1)));
}

bool IsTransientStatus(int http_status) {
  return http_status == 429 || http_status == 502 || http_status == 503 || http_status == 504;
}

bool IsTransientFailure(const Status& failure) {
  return failure.code() == StatusCode::kUnavailable;
}

std::optional<absl::Time> ParseHttpDate(std::string_view text) {
  absl::Time time;
  std::string ignored;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", ToAbsl(text), &time, &ignored)) {
    return std::nullopt;
  }
  return time;
}

std::optional<absl::Duration> RetryAfter(const HttpHeaders& headers, absl::Time now) {
  const std::optional<std::string> field = headers.Find("Retry-After");
  if (!field) return std::nullopt;
  int64_t seconds = 0;
  if (absl::SimpleAtoi(*field, &seconds)) {
    return std::max(absl::Seconds(seconds), absl::ZeroDuration());
  }
  const std::optional<absl::Time> date = ParseHttpDate(*field);
  if (!date) return std::nullopt;
  return std::max(*date - now, absl::ZeroDuration());
}

namespace {

bool WorthAnotherAttempt(const StatusOr<HttpResponse>& result, Repeat repeat) {
  if (repeat == Repeat::kIfNotTaken) {
    return result.ok() ? result->status == 429
                       : IsTransientFailure(result.status()) && !MayHaveBeenSent(result.status());
  }
  return result.ok() ? IsTransientStatus(result->status) : IsTransientFailure(result.status());
}

// How long to wait after `result`; nothing when the server asks for more than the policy grants.
std::optional<absl::Duration> DelayAfter(const StatusOr<HttpResponse>& result, int failures,
                                         const RetryPolicy& policy, Random& random,
                                         const Clock& clock) {
  const absl::Duration backoff = BackoffDelay(policy, failures, random);
  if (!result.ok()) return backoff;
  const std::optional<absl::Duration> asked = RetryAfter(result->headers, clock.Now());
  if (!asked) return backoff;
  if (*asked > policy.retry_after_max) return std::nullopt;
  // Jitter on top: everybody who was told the same second would come back in the same second.
  return *asked + backoff;
}

}  // namespace

StatusOr<HttpResponse> PerformWithRetry(HttpTransport& transport, const HttpRequest& request,
                                        Repeat repeat, const RetryPolicy& policy, Random& random,
                                        const Clock& clock, Waiter& waiter, std::stop_token stop) {
  for (int attempt = 1;; ++attempt) {
    StatusOr<HttpResponse> result = transport.Perform(request, stop);
    if (attempt >= policy.attempts_max || !WorthAnotherAttempt(result, repeat)) return result;
    const std::optional<absl::Duration> delay = DelayAfter(result, attempt, policy, random, clock);
    if (!delay) return result;
    SLUICE_RETURN_IF_ERROR(waiter.Wait(*delay, stop));
  }
}

}  // namespace sluice::http
