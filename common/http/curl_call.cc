#include "common/http/curl_call.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::http {
namespace {

constexpr size_t kHeaderFieldsMax = 256;

Status Cancelled(std::string_view where) {
  return NamedError(StatusCode::kCancelled, "cancelled",
                    absl::StrCat(ToAbsl(where), ": the request was cancelled"));
}

Status TooLarge(std::string_view where, std::string_view what) {
  return NamedError(StatusCode::kResourceExhausted, "response-too-large",
                    absl::StrFormat("%s: %s", where, what));
}

// The status of "HTTP/1.1 200 OK"; 0 if it is none.
int StatusOfLine(std::string_view line) {
  const size_t blank = line.find(' ');
  int status = 0;
  if (blank == std::string_view::npos ||
      !absl::SimpleAtoi(ToAbsl(line.substr(blank + 1, 3)), &status)) {
    return 0;
  }
  return status;
}

}  // namespace

CurlCall::CurlCall(const HttpRequest& request, std::string where, const Clock& clock,
                   std::stop_token stop)
    : request_(request),
      where_(std::move(where)),
      clock_(clock),
      stop_(std::move(stop)),
      started_(clock.Monotonic()),
      last_active_(started_) {}

size_t CurlCall::OnHeaderLine(std::string_view line) {
  MarkActive();
  failure_ = TakeHeaderLine(line);
  MarkActive();
  return failure_.ok() ? line.size() : 0;
}

Status CurlCall::TakeHeaderLine(std::string_view line) {
  if (headers_complete_) return absl::OkStatus();  // trailers of a chunked body mean nothing to us
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    response_.headers.Clear();
    response_.status = StatusOfLine(line);
    return absl::OkStatus();
  }
  if (line.empty()) {
    if (response_.status < 200) return absl::OkStatus();  // 1xx: the final response follows
    headers_complete_ = true;
    if (request_.response_sink == nullptr) return absl::OkStatus();
    return request_.response_sink->OnHeaders(response_.status, response_.headers);
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return absl::OkStatus();
  if (response_.headers.fields().size() >= kHeaderFieldsMax) {
    return TooLarge(where_, "the response has too many header fields");
  }
  const absl::string_view value = absl::StripAsciiWhitespace(ToAbsl(line.substr(colon + 1)));
  response_.headers.Add(line.substr(0, colon), FromAbsl(value));
  return absl::OkStatus();
}

size_t CurlCall::OnBody(std::string_view bytes) {
  failure_ = stop_.stop_requested() ? Cancelled(where_) : TakeBody(bytes);
  MarkActive();  // afterwards: the time that a sink blocked is not the peer's
  return failure_.ok() ? bytes.size() : 0;
}

Status CurlCall::TakeBody(std::string_view bytes) {
  if (request_.response_sink != nullptr) return request_.response_sink->Write(bytes);
  if (response_.body.size() + bytes.size() > request_.response_bytes_max) {
    return TooLarge(where_, absl::StrFormat("the response is longer than %d bytes",
                                            request_.response_bytes_max));
  }
  response_.body.append(bytes);
  return absl::OkStatus();
}

size_t CurlCall::OnRead(std::span<char> buffer) {
  if (stop_.stop_requested()) {
    failure_ = Cancelled(where_);
    return CURL_READFUNC_ABORT;
  }
  const StatusOr<size_t> count = GiveBody(buffer);
  MarkActive();
  if (count.ok()) return *count;
  failure_ = count.status();
  return CURL_READFUNC_ABORT;
}

StatusOr<size_t> CurlCall::GiveBody(std::span<char> buffer) {
  const uint64_t left = request_.body_source->ContentLength() - sent_bytes_;
  if (left == 0) return 0;
  const size_t room = static_cast<size_t>(std::min<uint64_t>(buffer.size(), left));
  SLUICE_ASSIGN_OR_RETURN(const size_t count, request_.body_source->Read(buffer.first(room)));
  if (count == 0 || count > room) {
    return NamedError(StatusCode::kInternal, "body-wrong-length",
                      absl::StrCat(where_, ": the body has another length than was announced"));
  }
  sent_bytes_ += count;
  return count;
}

Status CurlCall::CheckLimits() const {
  if (stop_.stop_requested()) return Cancelled(where_);
  const absl::Duration now = clock_.Monotonic();
  if (now - started_ >= request_.timeouts.total) {
    return NamedError(
        StatusCode::kDeadlineExceeded, "http-timeout",
        absl::StrCat(where_, ": not done within ", absl::FormatDuration(request_.timeouts.total)));
  }
  if (now - last_active_ >= request_.timeouts.idle) {
    return NamedError(
        StatusCode::kUnavailable, "idle-timeout",
        absl::StrCat(where_, ": no byte moved for ", absl::FormatDuration(request_.timeouts.idle)));
  }
  return absl::OkStatus();
}

absl::Duration CurlCall::UntilNextLimit(absl::Duration longest) const {
  const absl::Duration now = clock_.Monotonic();
  const absl::Duration next = std::min(started_ + request_.timeouts.total - now,
                                       last_active_ + request_.timeouts.idle - now);
  return std::clamp(next, absl::ZeroDuration(), longest);
}

bool CurlCall::RefusedEarly() const {
  return headers_complete_ && response_.status >= 400 && request_.body_source != nullptr &&
         request_.response_sink == nullptr && sent_bytes_ < request_.body_source->ContentLength();
}

}  // namespace sluice::http
