#include "agent/foundation/api_session.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/json_fields.h"
#include "common/base/encoding.h"
#include "common/http/url.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;

// More than any foundation lists of anything; a server that always names a next page is stopped.
constexpr int kPagesMax = 1000;
constexpr std::string_view kResourcesPerPage = "200";
constexpr absl::Duration kRenewalPause = absl::Seconds(30);

// libcurl folds "." and ".." before it sends a path: a guid like that would ask for another thing.
Status CheckPath(std::string_view path) {
  const std::string closed = absl::StrCat(ToAbsl(path), "/");
  if (absl::StrContains(closed, "//") || absl::StrContains(closed, "/./") ||
      absl::StrContains(closed, "/../")) {
    return NamedError(StatusCode::kInvalidArgument, "bad-guid",
                      absl::StrCat(ToAbsl(path), ": a guid in this path is not one"));
  }
  return absl::OkStatus();
}

// Cloud Controller explains itself in JSON; without that, 502 and 504 come from what stands before
// it, which may have passed the request on.
bool LeavesOutcomeOpen(const http::HttpResponse& answer) {
  return (answer.status == 502 || answer.status == 504) && !answer.body.starts_with('{');
}

// What answers at the configured address, and is something else.
Status NotCloudController(const Status& found) {
  return NamedError(StatusCode::kInvalidArgument, "no-cloud-controller",
                    absl::StrCat(found.message(),
                                 "; this is no Cloud Controller: cloud_controller.api is what 'cf "
                                 "api' shows, without a path"));
}

bool Succeeded(const http::HttpResponse& answer) {
  return answer.status >= 200 && answer.status < 300;
}

}  // namespace

Status OutcomeUnknown(std::string_view where, std::string_view why) {
  return NamedError(StatusCode::kUnavailable, "outcome-unknown",
                    absl::StrCat(ToAbsl(where), ": it may have taken effect or not (", ToAbsl(why),
                                 "); look before trying again"));
}

std::string PathSegment(std::string_view guid) { return PercentEncode(guid); }

ApiSession::ApiSession(Options options, CredentialsSource credentials,
                       http::HttpTransport& transport, const Clock& clock, http::Waiter& waiter,
                       uint64_t seed)
    : foundation_(std::move(options.foundation)),
      api_url_(WithoutTrailingSlash(std::move(options.api_url))),
      credentials_(std::move(credentials)),
      client_(options.client, transport, clock, waiter, seed) {}

std::string ApiSession::Url(std::string_view path) const {
  return absl::StrCat(api_url_, ToAbsl(path));
}

std::string ApiSession::Where(std::string_view method, std::string_view path) const {
  return absl::StrCat(foundation_, ": ", ToAbsl(method), " ", ToAbsl(path));
}

StatusOr<Discovery> ApiSession::Discover(std::stop_token stop) {
  const http::HttpRequest request{.method = "GET",
                                  .url = Url("/"),
                                  .headers = {{"Accept", "application/json"}},
                                  .body = "",
                                  .timeouts = {}};
  const absl::Duration began = client_.clock().Monotonic();
  const auto answer = client_.Perform(request, http::Repeat::kAfterAnyTransient, stop);
  const absl::Duration ended = client_.clock().Monotonic();
  if (!answer.ok()) return WithContext(answer.status(), foundation_);
  const std::string where = Where("GET", "/");
  if (!Succeeded(*answer)) {
    const Status refused = StatusFromAnswer(*answer, where);
    return absl::IsNotFound(refused) ? NotCloudController(refused) : refused;
  }
  const StatusOr<json> root = ParseJson(answer->body);
  if (!root.ok()) return NotCloudController(WithContext(root.status(), where));
  const StatusOr<Endpoints> endpoints = ReadEndpoints(*root);
  if (!endpoints.ok()) return NotCloudController(WithContext(endpoints.status(), where));
  Discovery discovery{.endpoints = *endpoints, .latency = ended - began, .clock_skew = {}};
  discovery.endpoints.api_url = api_url_;
  const auto date = answer->headers.Find("Date");
  if (const auto theirs = date ? http::ParseHttpDate(*date) : std::nullopt) {
    const absl::Time ours = client_.clock().Now() - discovery.latency / 2;
    discovery.clock_skew = absl::Trunc(*theirs - ours, absl::Seconds(1));
  }
  MutexLock lock(mutex_);
  endpoints_ = discovery.endpoints;
  return discovery;
}

StatusOr<std::string> ApiSession::LoginUrl(std::stop_token stop) {
  {
    MutexLock lock(mutex_);
    if (endpoints_) return endpoints_->login_url;
  }
  SLUICE_ASSIGN_OR_RETURN(const Discovery discovery, Discover(stop));
  return discovery.endpoints.login_url;
}

StatusOr<AccessToken> ApiSession::LogIn(std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const std::string login_url, LoginUrl(stop));
  SLUICE_ASSIGN_OR_RETURN(const ClientCredentials credentials, credentials_());
  StatusOr<AccessToken> token = foundation::LogIn(login_url, credentials, client_, stop);
  if (!token.ok() && ErrorName(token.status()) == "login-refused") {
    // A secret that was being replaced while it was read: what is there now may be accepted.
    SLUICE_ASSIGN_OR_RETURN(const ClientCredentials now, credentials_());
    if (now.client_id != credentials.client_id ||
        now.client_secret.Reveal() != credentials.client_secret.Reveal()) {
      token = foundation::LogIn(login_url, now, client_, stop);
    }
  }
  MutexLock lock(mutex_);
  if (!token.ok()) {
    endpoints_.reset();  // the login server may have moved
    return WithContext(token.status(), foundation_);
  }
  token_ = *token;
  return token;
}

StatusOr<AccessToken> ApiSession::Token(std::stop_token stop) {
  const absl::Duration now = client_.clock().Monotonic();
  std::optional<AccessToken> held;
  {
    MutexLock lock(mutex_);
    held = token_;
    const bool paused = held && !held->Expired(now) && now < renew_not_before_;
    if (held && (paused || !held->WorthRenewing(now))) return *std::move(held);
  }
  StatusOr<AccessToken> fresh = LogIn(stop);
  if (fresh.ok() || stop.stop_requested()) return fresh;
  const absl::Duration failed_at = client_.clock().Monotonic();
  if (!held || held->Expired(failed_at)) return fresh;
  // UAA is away for a while: what is held is still good.
  MutexLock lock(mutex_);
  renew_not_before_ = failed_at + kRenewalPause;
  return *std::move(held);
}

void ApiSession::Forget(const AccessToken& refused) {
  MutexLock lock(mutex_);
  if (token_ && token_->text.Reveal() == refused.text.Reveal()) token_.reset();
}

void ApiSession::Reload() {
  MutexLock lock(mutex_);
  token_.reset();
  endpoints_.reset();
  renew_not_before_ = absl::ZeroDuration();
}

http::HttpRequest ApiSession::Request(const ApiCall& call, const AccessToken& token) {
  http::HttpRequest request{
      .method = call.method,
      .url = absl::StrCat(Url(call.path), call.query.empty() ? "" : "?", call.query),
      .headers = {{"Accept", "application/json"}},
      .body = "",
      .timeouts = {}};
  request.headers.Add("Authorization", absl::StrCat("bearer ", ToAbsl(token.text.Reveal())));
  // Cloud Controller logs it and answers with "<ours>::<its own>".
  request.headers.Add("X-Vcap-Request-Id", absl::StrFormat("sluice-%016x", client_.NextRandom()));
  return request;
}

StatusOr<http::HttpResponse> ApiSession::Call(const ApiCall& call, std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(CheckPath(call.path));
  const std::string where = Where(call.method, call.path);
  const bool once = call.repeat == http::Repeat::kIfNotTaken;
  std::string body;
  if (!call.body.is_null()) {
    SLUICE_ASSIGN_OR_RETURN(body, WriteJson(call.body));
  }
  for (bool renewed = false;; renewed = true) {
    SLUICE_ASSIGN_OR_RETURN(const AccessToken token, Token(stop));
    http::HttpRequest request = Request(call, token);
    if (!body.empty()) {
      request.body = body;
      request.headers.Add("Content-Type", "application/json");
    }
    auto answer = client_.Perform(std::move(request), call.repeat, stop);
    if (!answer.ok()) {
      const Status& failure = answer.status();
      if (once && failure.code() != StatusCode::kCancelled && http::MayHaveBeenSent(failure)) {
        return OutcomeUnknown(where, FromAbsl(failure.message()));
      }
      return WithContext(failure, foundation_);
    }
    if (Succeeded(*answer)) return answer;
    if (TokenRefused(*answer) && !renewed) {
      Forget(token);
      continue;
    }
    const Status failure = StatusFromAnswer(*answer, where);
    if (once && LeavesOutcomeOpen(*answer)) {
      return OutcomeUnknown(where, FromAbsl(failure.message()));
    }
    return failure;
  }
}

StatusOr<json> ApiSession::CallForJson(const ApiCall& call, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, Call(call, stop));
  StatusOr<json> parsed = ParseJson(answer.body);
  if (parsed.ok()) return parsed;
  const std::string where = Where(call.method, call.path);
  // It has happened, but what came of it is not known.
  if (call.repeat == http::Repeat::kIfNotTaken) {
    return OutcomeUnknown(where, FromAbsl(parsed.status().message()));
  }
  return WithContext(parsed.status(), where);
}

StatusOr<json> ApiSession::Get(std::string_view path, std::stop_token stop) {
  return CallForJson({.method = "GET", .path = std::string(path), .query = "", .body = nullptr},
                     stop);
}

StatusOr<json> ApiSession::GetPage(const std::string& path, const std::string& query,
                                   std::stop_token stop) {
  return CallForJson({.method = "GET", .path = path, .query = query, .body = nullptr}, stop);
}

Status ApiSession::ForEach(std::string_view path, Query query, const Visit& visit,
                           std::stop_token stop) {
  const std::string where = Where("GET", path);
  std::string page_path(path);
  std::string page_query = query.With("per_page", kResourcesPerPage).text();
  for (int page = 0; page < kPagesMax; ++page) {
    SLUICE_ASSIGN_OR_RETURN(const json list, GetPage(page_path, page_query, stop));
    JsonFields fields(list, "list");
    const json* resources = fields.Array("resources");
    if (resources == nullptr) fields.Fail("resources", "is missing");
    const std::string next = fields.OptionalText("pagination.next.href");
    if (!fields.status().ok()) return WithContext(fields.status(), where);
    for (const json& resource : *resources) {
      const StatusOr<bool> more = visit(resource);
      if (!more.ok()) return WithContext(more.status(), where);
      if (!*more) return absl::OkStatus();
    }
    if (next.empty()) return absl::OkStatus();
    // Path and query only: the token goes to the configured API and nowhere else.
    const StatusOr<http::Url> url = http::ParseUrl(next);
    if (!url.ok()) return WithContext(url.status(), absl::StrCat(where, ", the next page's link"));
    page_path = url->path;
    page_query = url->query;
  }
  return NamedError(StatusCode::kResourceExhausted, "too-many-pages",
                    absl::StrFormat("%s: the list does not end within %d pages", where, kPagesMax));
}

StatusOr<http::HttpResponse> ApiSession::PerformOnce(http::HttpRequest request,
                                                     std::string_view path, AccessToken& used,
                                                     std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(CheckPath(path));
  SLUICE_ASSIGN_OR_RETURN(used, Token(stop));
  const http::HttpRequest base = Request(
      {.method = request.method, .path = std::string(path), .query = "", .body = nullptr}, used);
  request.url = base.url;
  for (const http::HttpHeader& field : base.headers.fields()) {
    request.headers.Add(field.name, field.value);
  }
  return client_.PerformOnce(request, stop);
}

}  // namespace sluice::foundation
