#include "agent/foundation/droplet_body.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "agent/foundation/content_range.h"

namespace sluice::foundation {
namespace {

constexpr size_t kHeadBytes = 64;  // enough to see past leading blanks

Status Lost(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kDataLoss, name, message);
}

}  // namespace

bool LooksLikePage(std::string_view head) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  const size_t first = head.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (head[first] == '<' || head[first] == '{');
}

std::optional<uint64_t> TotalBytes(int status, const http::HttpHeaders& headers) {
  if (status == 200) return headers.FindNumber("Content-Length");
  const auto range = ParseContentRange(headers.Find("Content-Range").value_or(""));
  return range ? std::optional(range->total) : std::nullopt;
}

DropletBody::DropletBody(uint64_t offset, uint64_t expected_bytes, http::ByteSink& sink)
    : sink_(sink), expected_(expected_bytes), delivered_(offset) {}

void DropletBody::Begin() {
  answered_ = false;
  skip_ = 0;
  head_open_ = false;
  head_.clear();
  length_verdict_ = absl::OkStatus();
}

Status DropletBody::OnHeaders(int status, const http::HttpHeaders& headers) {
  answered_ = true;
  const std::string etag = headers.Find("ETag").value_or("");
  if (etag_.empty()) etag_ = etag;
  if (!etag.empty() && etag != etag_) {
    return Lost("download-changed",
                "the droplet's bytes changed in the blobstore while they "
                "were downloaded");
  }
  uint64_t first = 0;
  if (status == 206) {
    const auto range = ParseContentRange(headers.Find("Content-Range").value_or(""));
    if (!range || range->first > delivered_) {
      return Lost(
          "download-wrong-size",
          absl::StrFormat("the bytes from %d on were asked for, and others were sent", delivered_));
    }
    first = range->first;
  }
  skip_ = delivered_ - first;
  head_open_ = first == 0;
  length_verdict_ = CheckLength(status, headers);
  return head_open_ ? absl::OkStatus() : length_verdict_;
}

Status DropletBody::CheckLength(int status, const http::HttpHeaders& headers) {
  const auto total = TotalBytes(status, headers);
  if (!total || *total == expected_) return absl::OkStatus();
  if (*total == 0) return Lost("download-empty", "the blobstore sends an empty body");
  return Lost(
      "download-wrong-size",
      absl::StrFormat("the blobstore sends %d bytes, but the droplet has %d", *total, expected_));
}

Status DropletBody::CheckHead() {
  head_open_ = false;
  if (LooksLikePage(head_)) {
    return Lost("download-not-a-droplet",
                "a page was sent with status 200 instead of the droplet; something between agent "
                "and blobstore answers in its place");
  }
  SLUICE_RETURN_IF_ERROR(length_verdict_);
  if (head_.empty() && expected_ > 0) {
    return Lost("download-empty", "the blobstore sends an empty body");
  }
  return Deliver(head_);
}

Status DropletBody::Write(std::string_view bytes) {
  if (head_open_) {
    const size_t taken = std::min(bytes.size(), kHeadBytes - head_.size());
    head_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (head_.size() < kHeadBytes) return absl::OkStatus();
    SLUICE_RETURN_IF_ERROR(CheckHead());
  }
  return Deliver(bytes);
}

Status DropletBody::Deliver(std::string_view bytes) {
  const size_t skipped = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
  if (bytes.empty()) return absl::OkStatus();
  if (bytes.size() > expected_ - delivered_) {
    return Lost("download-wrong-size",
                absl::StrFormat("the blobstore sends more than the droplet's %d bytes", expected_));
  }
  const Status taken = sink_.Write(bytes);
  sink_failed_ = !taken.ok();
  if (taken.ok()) delivered_ += bytes.size();
  return taken;
}

Status DropletBody::End() {
  if (head_open_) SLUICE_RETURN_IF_ERROR(CheckHead());
  if (Complete()) return absl::OkStatus();
  return Lost("download-truncated",
              absl::StrFormat("the download ended at byte %d of %d", delivered_, expected_));
}

}  // namespace sluice::foundation
