#include "agent/foundation/droplet_download.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "agent/foundation/droplet_body.h"
#include "agent/foundation/droplet_reader.h"

namespace sluice::foundation {
namespace {

// Less than this counts as nothing: a server that gives a byte per attempt is not asked for ever.
constexpr uint64_t kProgressBytesMin = 64 * 1024;

// A verdict on the bytes, with where it was found; calls that fail say that themselves.
Status Locate(const Status& failure, const DropletGuid& droplet, const ApiSession& session) {
  if (failure.code() != StatusCode::kDataLoss) return failure;
  return WithContext(failure, absl::StrFormat("%s: download of droplet %s", session.foundation(),
                                              droplet.value()));
}

// The last word on a download that came to a standstill.
Status GiveUp(const Status& last, int attempts, const DropletBody& body) {
  const std::string name = ErrorName(last);
  const bool cut = name == "connection-cut" && body.answered();
  if (!cut && name != "download-truncated") return last;
  return NamedError(StatusCode::kDataLoss, "download-truncated",
                    absl::StrFormat("the download ends at byte %d of %d, %d times in a row",
                                    body.delivered_bytes(), body.expected_bytes(), attempts));
}

Status Refine(const Status& failure, const DropletBody& body) {
  if (ErrorName(failure) != "range-refused") return failure;
  return NamedError(StatusCode::kDataLoss, "download-wrong-size",
                    absl::StrFormat("the blobstore has fewer than the droplet's %d bytes",
                                    body.expected_bytes()));
}

bool WorthAnotherAttempt(const Status& failure, const DropletBody& body) {
  if (body.sink_failed()) return false;
  return failure.code() == StatusCode::kUnavailable || ErrorName(failure) == "download-truncated";
}

// Learns the size from the headers, and from the first bytes that it is a droplet's.
class SizeSink final : public http::ResponseSink {
 public:
  Status OnHeaders(int status, const http::HttpHeaders& headers) override {
    partial_ = status == 206;
    total_ = TotalBytes(status, headers);
    return absl::OkStatus();
  }
  Status Write(std::string_view bytes) override {
    head_.append(bytes.substr(0, 64 - std::min<size_t>(head_.size(), 64)));
    // A server without ranges would send all of it: enough is known now.
    enough_ = !partial_ && head_.size() >= 64;
    return enough_ ? NamedError(StatusCode::kAborted, "enough", "") : absl::OkStatus();
  }
  bool enough() const { return enough_; }

  StatusOr<uint64_t> Size() const {
    if (LooksLikePage(head_)) {
      return NamedError(StatusCode::kDataLoss, "download-not-a-droplet",
                        "a page was sent with status 200 instead of the droplet; something between "
                        "agent and blobstore answers in its place");
    }
    if (total_ == 0 || (!partial_ && head_.empty())) {
      return NamedError(StatusCode::kDataLoss, "download-empty", "the droplet is empty");
    }
    if (!total_) {
      return NamedError(StatusCode::kDataLoss, "download-wrong-size",
                        "the blobstore does not say how large the droplet is");
    }
    return *total_;
  }

 private:
  bool partial_ = false;
  bool enough_ = false;
  std::optional<uint64_t> total_;
  std::string head_;
};

}  // namespace

Status Download(const DownloadRequest& request, ApiSession& session, http::ByteSink& sink,
                std::stop_token stop) {
  DropletReader reader(session, request.droplet, request.idle_timeout);
  DropletBody body(request.offset, request.expected_bytes, sink);
  int fruitless = 0;
  while (!body.Complete()) {
    const uint64_t before = body.delivered_bytes();
    body.Begin();
    const ByteRange range{.first = before, .last = {}, .if_etag = body.etag()};
    Status result = reader.Fetch(range, body, stop);
    if (result.ok()) result = body.End();
    if (body.Complete()) break;
    if (body.sink_failed()) return result;
    if (!WorthAnotherAttempt(result, body)) {
      return Locate(Refine(result, body), request.droplet, session);
    }
    fruitless = body.delivered_bytes() - before >= kProgressBytesMin ? 1 : fruitless + 1;
    if (fruitless > 1) reader.DropSignedUrl();
    if (fruitless >= session.client().retry().attempts_max) {
      return Locate(GiveUp(result, fruitless, body), request.droplet, session);
    }
    SLUICE_RETURN_IF_ERROR(session.client().WaitBackoff(fruitless, reader.retry_after(), stop));
  }
  return absl::OkStatus();
}

StatusOr<uint64_t> AskSize(const DropletGuid& droplet, absl::Duration idle_timeout,
                           ApiSession& session, std::stop_token stop) {
  DropletReader reader(session, droplet, idle_timeout);
  for (int attempt = 1;; ++attempt) {
    SizeSink sink;
    const Status result = reader.Fetch({.first = 0, .last = 0, .if_etag = ""}, sink, stop);
    if (result.ok() || sink.enough()) {
      const StatusOr<uint64_t> size = sink.Size();
      if (!size.ok()) return Locate(size.status(), droplet, session);
      return size;
    }
    if (ErrorName(result) == "range-refused") {
      return Locate(NamedError(StatusCode::kDataLoss, "download-empty", "the droplet is empty"),
                    droplet, session);
    }
    if (result.code() != StatusCode::kUnavailable ||
        attempt >= session.client().retry().attempts_max) {
      return result;
    }
    SLUICE_RETURN_IF_ERROR(session.client().WaitBackoff(attempt, reader.retry_after(), stop));
  }
}

}  // namespace sluice::foundation
