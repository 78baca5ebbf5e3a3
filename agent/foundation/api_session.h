// Calls of one foundation's API, each with a token that is still good, and what their failures
// mean.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/query.h"
#include "agent/foundation/records.h"
#include "agent/foundation/retrying_client.h"
#include "agent/foundation/uaa.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/http/message.h"
#include "common/http/retry.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {

struct ApiCall {
  std::string method = "GET";
  std::string path;  // "/v3/apps/GUID", its segments encoded by PathSegment()
  std::string query;
  nlohmann::json body;  // null: none
  // kIfNotTaken for what must not happen twice: a failure that leaves open whether it happened is
  // then "outcome-unknown".
  http::Repeat repeat = http::Repeat::kAfterAnyTransient;
};

struct Discovery {
  Endpoints endpoints;
  absl::Duration latency;
  std::optional<absl::Duration> clock_skew;  // theirs minus ours, whole seconds
};

// Thread-safe. Two threads that find the token used up may both log in; that does no harm.
class ApiSession {
 public:
  struct Options {
    std::string foundation;
    std::string api_url;
    RetryingClient::Options client;
  };
  // Borrows transport, clock and waiter.
  ApiSession(Options options, CredentialsSource credentials, http::HttpTransport& transport,
             const Clock& clock, http::Waiter& waiter, uint64_t seed);

  StatusOr<Discovery> Discover(std::stop_token stop);
  // A new login, whatever token is held.
  StatusOr<AccessToken> LogIn(std::stop_token stop);
  // The token that is held, renewed before a quarter of its life is left.
  StatusOr<AccessToken> Token(std::stop_token stop);
  // `refused` is not handed out again.
  void Forget(const AccessToken& refused);
  // Forgets token and endpoints.
  void Reload();

  // A 2xx answer. The token is renewed once when it is refused.
  StatusOr<http::HttpResponse> Call(const ApiCall& call, std::stop_token stop);
  StatusOr<nlohmann::json> CallForJson(const ApiCall& call, std::stop_token stop);
  StatusOr<nlohmann::json> Get(std::string_view path, std::stop_token stop);
  // Every resource of a list, page after page; false from `visit` ends it early. Only one page is
  // in memory at a time. ResourceExhausted "too-many-pages" at kPagesMax.
  using Visit = std::function<StatusOr<bool>(const nlohmann::json& resource)>;
  Status ForEach(std::string_view path, Query query, const Visit& visit, std::stop_token stop);

  // For streamed bodies: `request` with URL, token and request id, performed once. Any status is a
  // success; after TokenRefused() the caller forgets the token, which `used` receives.
  StatusOr<http::HttpResponse> PerformOnce(http::HttpRequest request, std::string_view path,
                                           AccessToken& used, std::stop_token stop);

  std::string Url(std::string_view path) const;
  // "prod: GET /v3/apps"
  std::string Where(std::string_view method, std::string_view path) const;
  const std::string& foundation() const { return foundation_; }
  RetryingClient& client() { return client_; }

 private:
  StatusOr<std::string> LoginUrl(std::stop_token stop);
  http::HttpRequest Request(const ApiCall& call, const AccessToken& token);
  StatusOr<nlohmann::json> GetPage(const std::string& path, const std::string& query,
                                   std::stop_token stop);

  const std::string foundation_;
  const std::string api_url_;  // without a trailing slash
  const CredentialsSource credentials_;
  RetryingClient client_;

  Mutex mutex_;
  std::optional<AccessToken> token_ ABSL_GUARDED_BY(mutex_);
  std::optional<Endpoints> endpoints_ ABSL_GUARDED_BY(mutex_);
  // Monotonic: a renewal that failed is not tried again by every call while the token still lives.
  absl::Duration renew_not_before_ ABSL_GUARDED_BY(mutex_);
};

// Unavailable "outcome-unknown": the call at `where` may have taken effect.
Status OutcomeUnknown(std::string_view where, std::string_view why);

// A guid as one segment of a path.
std::string PathSegment(std::string_view guid);

}  // namespace sluice::foundation
