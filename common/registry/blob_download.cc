#include "common/registry/blob_download.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/http/url.h"
#include "common/registry/registry_error.h"

namespace sluice::registry {
namespace {

constexpr size_t kErrorBytesKept = 64 * 1024;

// "bytes START-END/TOTAL" (RFC 9110 section 14.4): where a partial answer begins.
std::optional<uint64_t> RangeStart(const http::HttpHeaders& headers) {
  const std::optional<std::string> field = headers.Find("Content-Range");
  if (!field || !field->starts_with("bytes ")) return std::nullopt;
  const std::string_view text = std::string_view(*field).substr(6);
  uint64_t start = 0;
  if (!absl::SimpleAtoi(ToAbsl(text.substr(0, text.find('-'))), &start)) return std::nullopt;
  return start;
}

Status WrongBytes(const Descriptor& blob, std::string_view why) {
  return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                    absl::StrCat("the registry sent other bytes for the blob ",
                                 FormatDigest(blob.digest), ": ", ToAbsl(why)));
}

// Takes one answer after the other, and passes on what did not come before.
class BlobIntake final : public http::ResponseSink {
 public:
  BlobIntake(const Descriptor& blob, http::ByteSink& out) : blob_(blob), out_(out) {}

  uint64_t received() const { return received_; }
  // Why there is no point in another attempt.
  const Status& failure() const { return failure_; }
  const std::string& error_body() const { return error_body_; }

  Status OnHeaders(int status, const http::HttpHeaders& headers) override {
    error_body_.clear();
    taking_ = status == 200 || status == 206;
    position_ = 0;
    if (status != 206) return absl::OkStatus();
    const std::optional<uint64_t> start = RangeStart(headers);
    if (!start || *start > received_) {
      return failure_ = WrongBytes(blob_, "its Content-Range is not what was asked for");
    }
    position_ = *start;
    return absl::OkStatus();
  }

  Status Write(std::string_view bytes) override {
    if (!taking_) {
      const size_t room = kErrorBytesKept - std::min(kErrorBytesKept, error_body_.size());
      error_body_.append(bytes.substr(0, room));
      return absl::OkStatus();
    }
    // A server that knows no ranges sends all from the beginning.
    const uint64_t known = std::min<uint64_t>(received_ - position_, bytes.size());
    position_ += bytes.size();
    bytes.remove_prefix(known);
    if (bytes.empty()) return absl::OkStatus();
    if (bytes.size() > blob_.size - received_) {
      return failure_ = WrongBytes(blob_, absl::StrCat("more than ", blob_.size));
    }
    failure_ = out_.Write(bytes);
    if (!failure_.ok()) return failure_;
    hash_.Update(bytes);
    received_ += bytes.size();
    return absl::OkStatus();
  }

  Status Finish() {
    if (hash_.Finish() == blob_.digest) return absl::OkStatus();
    return WrongBytes(blob_, "their SHA-256 is another");
  }

 private:
  const Descriptor& blob_;
  http::ByteSink& out_;
  crypto::Sha256 hash_;
  uint64_t received_ = 0;
  uint64_t position_ = 0;  // in the blob, of the answer at hand
  bool taking_ = false;
  std::string error_body_;
  Status failure_;
};

// The same request at the place that the answer names. Perform() adds credentials by the URL.
Status Follow(const http::HttpResponse& answer, int followed, http::HttpRequest& request) {
  const auto refused = [](std::string_view why) {
    return NamedError(StatusCode::kFailedPrecondition, "registry-redirect-refused", why);
  };
  if (followed >= kRedirectsMax) return refused("the registry redirects too often");
  const std::optional<std::string> location = answer.headers.Find("Location");
  if (!location) return refused("the registry's redirect lacks its Location");
  SLUICE_ASSIGN_OR_RETURN(std::string url, http::ResolveLocation(request.url, *location));
  if (request.url.starts_with("https:") && !url.starts_with("https:")) {
    return refused("the registry redirects to a place without TLS");
  }
  request.url = std::move(url);
  return absl::OkStatus();
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Status DownloadBlob(RegistryCalls& calls, const std::string& repository_path,
                    const Descriptor& blob, http::ByteSink& out, std::stop_token stop) {
  const std::string what =
      absl::StrCat("the blob ", FormatDigest(blob.digest), " of ", repository_path);
  const std::string own_url =
      calls.Url(absl::StrCat(repository_path, "/blobs/", FormatDigest(blob.digest)));
  const Scopes scopes{PullScope(repository_path)};
  BlobIntake intake(blob, out);
  int failures = 0;
  int cuts = 0;
  int followed = 0;
  http::HttpRequest request;
  request.url = own_url;
  request.response_sink = &intake;
  while (intake.received() < blob.size) {
    const uint64_t before = intake.received();
    request.headers.Clear();
    if (before > 0) request.headers.Add("Range", absl::StrCat("bytes=", before, "-"));
    StatusOr<http::HttpResponse> answer = calls.PerformOnce(request, scopes, stop);
    SLUICE_RETURN_IF_ERROR(intake.failure());
    if (answer.ok() && IsRedirect(answer->status)) {
      SLUICE_RETURN_IF_ERROR(Follow(*answer, followed++, request));
      continue;
    }
    if (answer.ok() && (answer->status == 200 || answer->status == 206)) {
      if (intake.received() == blob.size) break;
      return WrongBytes(blob, absl::StrCat("they end after ", intake.received()));
    }
    if (answer.ok()) answer->body = intake.error_body();
    const Status cause = answer.ok() ? StatusFromAnswer(*answer, what) : answer.status();
    // A signed place may have expired since: then the registry names another.
    const bool elsewhere = request.url != own_url;
    if (cause.code() != StatusCode::kUnavailable && !elsewhere) return cause;
    request.url = own_url;
    followed = 0;
    if (intake.received() > before) failures = 0;
    if (++cuts > kDownloadCutsMax) return cause;
    SLUICE_ASSIGN_OR_RETURN(const bool again,
                            calls.WaitToRepeat(++failures, answer.ok() ? &*answer : nullptr, stop));
    if (!again) return cause;
  }
  return intake.Finish();
}

}  // namespace sluice::registry
