#include "common/http/curl_transport.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/http/curl_call.h"
#include "common/http/curl_session.h"
#include "common/http/url.h"

namespace sluice::http {
namespace {

constexpr size_t kIdleSessionsMax = 8;

bool FitForAHeader(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Status CheckHeaders(const HttpRequest& request, std::string_view where) {
  for (const HttpHeader& field : request.headers.fields()) {
    if (field.name.empty() || !FitForAHeader(field.name) || !FitForAHeader(field.value)) {
      return NamedError(StatusCode::kInvalidArgument, "bad-header",
                        absl::StrCat(ToAbsl(where), ": a header field holds a line break"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

CurlTransport::CurlTransport(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

CurlTransport::~CurlTransport() = default;

StatusOr<HttpResponse> CurlTransport::Perform(const HttpRequest& request, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  const std::string where = absl::StrCat(request.method, " ", url.Display());
  const auto& plain_hosts = options_.plain_http_hosts;
  if (url.scheme != "https" && !IsLoopbackHost(url.host) &&
      std::find(plain_hosts.begin(), plain_hosts.end(), url.host) == plain_hosts.end()) {
    return NamedError(
        StatusCode::kInvalidArgument, "plain-http-refused",
        absl::StrCat(where, ": without TLS only loopback hosts are asked; use https"));
  }
  SLUICE_RETURN_IF_ERROR(CheckHeaders(request, where));
  CurlCall call(request, where, clock_, stop);
  SLUICE_RETURN_IF_ERROR(call.CheckLimits());
  std::unique_ptr<CurlSession> session = TakeSession();
  if (session == nullptr) {
    SLUICE_ASSIGN_OR_RETURN(session, CurlSession::Open());
  }
  StatusOr<HttpResponse> response = session->Perform(
      request, {.ca_file = options_.ca_file, .user_agent = options_.user_agent}, call, stop);
  PutBack(std::move(session));
  return response;
}

std::unique_ptr<CurlSession> CurlTransport::TakeSession() {
  MutexLock lock(mutex_);
  if (idle_sessions_.empty()) return nullptr;
  // The one used last: its connections are the likeliest to be alive.
  std::unique_ptr<CurlSession> session = std::move(idle_sessions_.back());
  idle_sessions_.pop_back();
  return session;
}

void CurlTransport::PutBack(std::unique_ptr<CurlSession> session) {
  MutexLock lock(mutex_);
  if (idle_sessions_.size() < kIdleSessionsMax) idle_sessions_.push_back(std::move(session));
}

}  // namespace sluice::http
