#include "agent/foundation/retrying_client.h"

#include <algorithm>
#include <utility>

namespace sluice::foundation {

RetryingClient::RetryingClient(const Options& options, http::HttpTransport& transport,
                               const Clock& clock, http::Waiter& waiter, uint64_t seed)
    : options_(options), transport_(transport), clock_(clock), waiter_(waiter), random_(seed) {}

uint64_t RetryingClient::NextRandom() {
  MutexLock lock(mutex_);
  return random_.Next();
}

StatusOr<http::HttpResponse> RetryingClient::Perform(http::HttpRequest request, http::Repeat repeat,
                                                     std::stop_token stop) {
  request.timeouts.total = options_.call_timeout;
  request.timeouts.idle = options_.call_timeout;
  SeededRandom random(NextRandom());  // a Random belongs to one thread
  return http::PerformWithRetry(transport_, request, repeat, options_.retry, random, clock_,
                                waiter_, std::move(stop));
}

StatusOr<http::HttpResponse> RetryingClient::PerformOnce(const http::HttpRequest& request,
                                                         std::stop_token stop) {
  return transport_.Perform(request, std::move(stop));
}

Status RetryingClient::WaitBackoff(int failures, absl::Duration at_least, std::stop_token stop) {
  SeededRandom random(NextRandom());
  const absl::Duration backoff = http::BackoffDelay(options_.retry, failures, random);
  return waiter_.Wait(at_least + backoff, std::move(stop));
}

Status RetryingClient::Wait(absl::Duration duration, std::stop_token stop) {
  return waiter_.Wait(duration, std::move(stop));
}

}  // namespace sluice::foundation
