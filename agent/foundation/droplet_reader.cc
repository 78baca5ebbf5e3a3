#include "agent/foundation/droplet_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/cc_error.h"
#include "common/http/retry.h"
#include "common/http/url.h"

namespace sluice::foundation {
namespace {

constexpr size_t kRefusalBytesMax = 64 * 1024;

bool CarriesBytes(int status) { return status == 200 || status == 206; }

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Passes on what carries bytes and collects the beginning of everything else.
class AnswerSink final : public http::ResponseSink {
 public:
  explicit AnswerSink(http::ResponseSink& body) : body_(body) {}

  Status OnHeaders(int status, const http::HttpHeaders& headers) override {
    answer_ = {status, headers, ""};
    return CarriesBytes(status) ? body_.OnHeaders(status, headers) : absl::OkStatus();
  }
  Status Write(std::string_view bytes) override {
    if (CarriesBytes(answer_.status)) return body_.Write(bytes);
    answer_.body.append(
        bytes.substr(0, kRefusalBytesMax - std::min(answer_.body.size(), kRefusalBytesMax)));
    return absl::OkStatus();
  }
  const http::HttpResponse& answer() const { return answer_; }

 private:
  http::ResponseSink& body_;
  http::HttpResponse answer_;
};

// A range is asked for only where it says something: a whole download is a plain GET.
void AddRange(const ByteRange& range, http::HttpHeaders& headers) {
  if (range.first == 0 && !range.last) return;
  headers.Add("Range", absl::StrCat("bytes=", range.first, "-",
                                    range.last ? absl::StrCat(*range.last) : ""));
  // A weak validator is not allowed here (RFC 9110 section 13.1.5).
  if (!range.if_etag.empty() && !range.if_etag.starts_with("W/")) {
    headers.Add("If-Range", range.if_etag);
  }
}

Status RangeRefused(std::string_view where) {
  return NamedError(StatusCode::kOutOfRange, "range-refused",
                    absl::StrCat(ToAbsl(where), ": 416, the droplet ends before the wanted bytes"));
}

}  // namespace

DropletReader::DropletReader(ApiSession& session, DropletGuid droplet, absl::Duration idle_timeout)
    : session_(session), droplet_(std::move(droplet)), idle_timeout_(idle_timeout) {}

Status DropletReader::Fetch(const ByteRange& range, http::ResponseSink& body,
                            std::stop_token stop) {
  retry_after_ = absl::ZeroDuration();
  if (signed_url_.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const bool done, AskCloudController(range, body, stop));
    if (done) return absl::OkStatus();
  }
  return AskBlobstore(range, body, std::move(stop));
}

void DropletReader::NoteRetryAfter(const http::HttpResponse& answer) {
  const auto asked = http::RetryAfter(answer.headers, session_.client().clock().Now());
  if (asked) retry_after_ = std::min(*asked, session_.client().retry().retry_after_max);
}

StatusOr<bool> DropletReader::AskCloudController(const ByteRange& range, http::ResponseSink& body,
                                                 std::stop_token stop) {
  const std::string path =
      absl::StrCat("/v3/droplets/", PathSegment(droplet_.value()), "/download");
  const std::string where = session_.Where("GET", path);
  AnswerSink sink(body);
  http::HttpRequest request{.method = "GET", .url = "", .headers = {}, .body = "", .timeouts = {}};
  request.response_sink = &sink;
  request.timeouts.idle = idle_timeout_;
  AddRange(range, request.headers);
  AccessToken token;
  const auto performed = session_.PerformOnce(std::move(request), path, token, stop);
  if (!performed.ok()) return WithContext(performed.status(), session_.foundation());
  const http::HttpResponse& answer = sink.answer();
  // A foundation with a local blobstore sends the bytes itself.
  if (CarriesBytes(answer.status)) return true;
  NoteRetryAfter(answer);
  if (IsRedirect(answer.status)) {
    const auto location = answer.headers.Find("Location");
    const auto target = http::ResolveLocation(session_.Url(path), location.value_or(""));
    if (!target.ok()) return WithContext(target.status(), where);
    signed_url_ = *target;
    return false;
  }
  const Status failure = StatusFromAnswer(answer, where);
  if (TokenRefused(answer) && !std::exchange(renewed_, true)) {
    session_.Forget(token);
    return NamedError(StatusCode::kUnavailable, ErrorName(failure), FromAbsl(failure.message()));
  }
  // CC's 416 is its nginx's, in front of a local blobstore.
  if (answer.status == 416) return RangeRefused(where);
  return NameMissing(failure, "no-droplet");
}

Status DropletReader::AskBlobstore(const ByteRange& range, http::ResponseSink& body,
                                   std::stop_token stop) {
  const std::string where =
      absl::StrCat(session_.foundation(), ": GET ", http::DisplayUrl(signed_url_));
  AnswerSink sink(body);
  // Neither a token nor a Content-Type: stores that sign requests refuse either.
  http::HttpRequest request{
      .method = "GET", .url = signed_url_, .headers = {}, .body = "", .timeouts = {}};
  request.response_sink = &sink;
  request.timeouts.idle = idle_timeout_;
  AddRange(range, request.headers);
  const auto performed = session_.client().PerformOnce(request, std::move(stop));
  if (!performed.ok()) return WithContext(performed.status(), session_.foundation());
  const int status = sink.answer().status;
  if (CarriesBytes(status)) return absl::OkStatus();
  NoteRetryAfter(sink.answer());
  if (status == 416) return RangeRefused(where);
  if (IsRedirect(status)) {
    return NamedError(StatusCode::kFailedPrecondition, "blobstore-redirects",
                      absl::StrFormat("%s: %d, the blobstore redirects further, which is not "
                                      "followed; check the blobstore's public endpoint",
                                      where, status));
  }
  // Refused or gone (410 is nginx's word for an expired signature): Cloud Controller gives another.
  if (!http::IsTransientStatus(status)) signed_url_.clear();
  return NamedError(StatusCode::kUnavailable, "blobstore-unavailable",
                    absl::StrFormat("%s: %d from the blobstore", where, status));
}

}  // namespace sluice::foundation
