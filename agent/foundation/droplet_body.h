// What an answer that should carry a droplet's bytes really carries: checked as it arrives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

// Passes bytes on to a sink, each once and in order over several answers. One object for all the
// answers of a download; Begin() before each of them. Failures are DataLoss, named as
// cloud_controller.h says under DownloadDroplet, or what the sink returned.
class DropletBody final : public http::ResponseSink {
 public:
  // Bytes [offset, expected_bytes) are wanted. `sink` is borrowed.
  DropletBody(uint64_t offset, uint64_t expected_bytes, http::ByteSink& sink);

  void Begin();
  Status OnHeaders(int status, const http::HttpHeaders& headers) override;
  Status Write(std::string_view bytes) override;
  // After an answer that ended without a transport failure: OK if everything is there.
  Status End();

  uint64_t delivered_bytes() const { return delivered_; }  // counted from the droplet's start
  uint64_t expected_bytes() const { return expected_; }
  bool Complete() const { return delivered_ == expected_; }
  // True once this answer's headers were seen: then bytes were on their way.
  bool answered() const { return answered_; }
  bool sink_failed() const { return sink_failed_; }
  const std::string& etag() const { return etag_; }

 private:
  Status CheckLength(int status, const http::HttpHeaders& headers);
  Status CheckHead();
  Status Deliver(std::string_view bytes);

  http::ByteSink& sink_;
  const uint64_t expected_;
  uint64_t delivered_;
  std::string etag_;  // of the first answer
  bool sink_failed_ = false;

  // Of the answer at hand:
  bool answered_ = false;
  uint64_t skip_ = 0;       // bytes that were delivered from an earlier answer
  bool head_open_ = false;  // it begins with the droplet's first byte, and that is not seen yet
  std::string head_;        // held back while head_open_
  Status length_verdict_;   // waits for the head: a page says more than its length
};

// A page of HTML, XML or JSON instead of a gzipped tar, by its first bytes: blobstores' and
// proxies' Content-Type says nothing (nginx calls every file without an extension text/html).
bool LooksLikePage(std::string_view head);

// The total size that the headers of a 200 or 206 answer tell.
std::optional<uint64_t> TotalBytes(int status, const http::HttpHeaders& headers);

}  // namespace sluice::foundation
