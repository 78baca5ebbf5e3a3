#include "common/registry/registry_calls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/registry/registry_error.h"

namespace sluice::registry {

StatusOr<std::unique_ptr<RegistryCalls>> RegistryCalls::Open(
    const std::string& host, Options options, Credentials credentials,
    http::HttpTransport& transport, const Clock& clock, http::Waiter& waiter, uint64_t seed) {
  StatusOr<http::Url> url = http::ParseUrl("https://" + host);
  if (!url.ok() || url->path != "/") {
    return NamedError(StatusCode::kInvalidArgument, "bad-registry-host",
                      "the registry's host cannot be used in a URL");
  }
  const std::vector<std::string>& plain = options.plain_http_hosts;
  if (std::find(plain.begin(), plain.end(), url->host) != plain.end()) url->scheme = "http";
  return std::unique_ptr<RegistryCalls>(new RegistryCalls(
      std::move(options), *std::move(url), std::move(credentials), transport, clock, waiter, seed));
}

RegistryCalls::RegistryCalls(Options options, http::Url registry, Credentials credentials,
                             http::HttpTransport& transport, const Clock& clock,
                             http::Waiter& waiter, uint64_t seed)
    : options_(std::move(options)),
      registry_(std::move(registry)),
      transport_(transport),
      clock_(clock),
      waiter_(waiter),
      login_({.plain_http = registry_.scheme == "http",
              .token_hosts = options_.token_hosts,
              .call_timeout = options_.call_timeout},
             registry_, std::move(credentials), transport, clock),
      random_(seed) {}

std::string RegistryCalls::Url(std::string_view path) const {
  return absl::StrCat(registry_.Origin(), "/v2/", ToAbsl(path));
}

bool RegistryCalls::IsOwn(const std::string& url) const {
  const StatusOr<http::Url> parsed = http::ParseUrl(url);
  const auto port = [](const http::Url& each) {
    if (!each.port.empty()) return each.port;
    return std::string(each.scheme == "https" ? "443" : "80");
  };
  return parsed.ok() && parsed->scheme == registry_.scheme && parsed->host == registry_.host &&
         port(*parsed) == port(registry_);
}

StatusOr<http::HttpResponse> RegistryCalls::PerformOnce(http::HttpRequest request,
                                                        const Scopes& scopes, std::stop_token stop,
                                                        const Rewind& rewind) {
  const http::HttpHeaders plain_headers = request.headers;
  if (request.body_source == nullptr && request.response_sink == nullptr) {
    request.timeouts.total = options_.call_timeout;
  }
  const bool own = IsOwn(request.url);
  for (bool again = false;; again = true) {
    if (rewind) rewind();
    request.headers = plain_headers;
    if (own) {
      SLUICE_ASSIGN_OR_RETURN(const std::optional<Secret> field,
                              login_.Authorization(scopes, stop));
      if (field) request.headers.Add("Authorization", field->Reveal());
    }
    SLUICE_ASSIGN_OR_RETURN(http::HttpResponse answer, transport_.Perform(request, stop));
    if (answer.status != 401 || !own || again) return answer;
    SLUICE_RETURN_IF_ERROR(login_.Refused(scopes, answer.headers));
  }
}

StatusOr<http::HttpResponse> RegistryCalls::Perform(const http::HttpRequest& request,
                                                    const Scopes& scopes, std::stop_token stop) {
  for (int failures = 1;; ++failures) {
    StatusOr<http::HttpResponse> answer = PerformOnce(request, scopes, stop);
    const bool transient =
        answer.ok() ? IsTransientAnswer(answer->status) : http::IsTransientFailure(answer.status());
    if (!transient) return answer;
    SLUICE_ASSIGN_OR_RETURN(const bool again,
                            WaitToRepeat(failures, answer.ok() ? &*answer : nullptr, stop));
    if (!again) return answer;
  }
}

StatusOr<bool> RegistryCalls::WaitToRepeat(int failures, const http::HttpResponse* answer,
                                           std::stop_token stop) {
  if (failures >= options_.retry.attempts_max) return false;
  absl::Duration delay;
  {
    MutexLock lock(mutex_);
    delay = http::BackoffDelay(options_.retry, failures, random_);
  }
  if (answer != nullptr) {
    const std::optional<absl::Duration> asked = http::RetryAfter(answer->headers, clock_.Now());
    if (asked && *asked > options_.retry.retry_after_max) return false;
    // Jitter on top: everybody who was told the same second would come back in the same second.
    if (asked) delay += *asked;
  }
  SLUICE_RETURN_IF_ERROR(waiter_.Wait(delay, stop));
  return true;
}

}  // namespace sluice::registry
