// Requests to one registry: logged in, repeated as their nature allows, paced as it asks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/http/message.h"
#include "common/http/retry.h"
#include "common/http/transport.h"
#include "common/http/waiter.h"
#include "common/registry/login.h"

namespace sluice::registry {

// Thread-safe. Borrows transport, clock and waiter.
class RegistryCalls {
 public:
  struct Options {
    // Registries by host (without port) that are asked without TLS; the transport must allow them
    // too. Loopback ones are not among them by themselves.
    std::vector<std::string> plain_http_hosts;
    std::vector<std::string> token_hosts;             // see Login
    absl::Duration call_timeout = absl::Seconds(60);  // of requests without a streamed body
    http::RetryPolicy retry;
  };
  // What a streamed body needs to be sent or taken once more from its beginning.
  using Rewind = std::function<void()>;

  // `host` as in Repository. InvalidArgument "bad-registry-host".
  static StatusOr<std::unique_ptr<RegistryCalls>> Open(const std::string& host, Options options,
                                                       Credentials credentials,
                                                       http::HttpTransport& transport,
                                                       const Clock& clock, http::Waiter& waiter,
                                                       uint64_t seed);

  // "https://HOST/v2/" + path.
  std::string Url(std::string_view path) const;

  // Once, with the Authorization for `scopes` if the URL is the registry's own, and never
  // otherwise; after a 401 once more with a new one. `rewind` may be empty when nothing streams.
  StatusOr<http::HttpResponse> PerformOnce(http::HttpRequest request, const Scopes& scopes,
                                           std::stop_token stop, const Rewind& rewind = {});

  // As PerformOnce(), again after transient failures and answers, as often as the policy says.
  // The request must do no harm when it takes effect twice.
  StatusOr<http::HttpResponse> Perform(const http::HttpRequest& request, const Scopes& scopes,
                                       std::stop_token stop);

  // Waits before another attempt, as long as `answer` asks for when it does. False when there
  // shall be none: attempts are used up, or it asks for more time than the policy grants.
  // `failures` counts from 1; `answer` may be null.
  StatusOr<bool> WaitToRepeat(int failures, const http::HttpResponse* answer, std::stop_token stop);

 private:
  RegistryCalls(Options options, http::Url registry, Credentials credentials,
                http::HttpTransport& transport, const Clock& clock, http::Waiter& waiter,
                uint64_t seed);
  bool IsOwn(const std::string& url) const;

  const Options options_;
  const http::Url registry_;
  http::HttpTransport& transport_;
  const Clock& clock_;
  http::Waiter& waiter_;
  Login login_;
  Mutex mutex_;
  SeededRandom random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry
