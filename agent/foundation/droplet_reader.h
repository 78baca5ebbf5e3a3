// Where a droplet's bytes come from: Cloud Controller's redirect, and the blobstore behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/records.h"
#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

struct ByteRange {
  uint64_t first = 0;
  std::optional<uint64_t> last;  // inclusive; none: to the end
  std::string if_etag;           // only if the bytes are still these; "" for any
};

// Belongs to one thread. The signed URL is kept between fetches: every call of Cloud Controller's
// download writes an audit event, and resuming needs none.
class DropletReader {
 public:
  // `session` is borrowed.
  DropletReader(ApiSession& session, DropletGuid droplet, absl::Duration idle_timeout);

  // One attempt. `body` sees the answer that carries bytes (200 or 206) and no other. The token
  // goes to Cloud Controller alone; the blobstore's answer is not a redirect that is followed.
  //   Unavailable        worth another attempt; the signed URL has been dropped if it may be at
  //   fault OutOfRange         "range-refused": the droplet ends before the range begins (416) any
  //   other          final, or what `body` returned
  Status Fetch(const ByteRange& range, http::ResponseSink& body, std::stop_token stop);

  // The next fetch asks Cloud Controller where the bytes are: for when the URL at hand gives none.
  void DropSignedUrl() { signed_url_.clear(); }

  // What the last answer asked to be waited for before another attempt.
  absl::Duration retry_after() const { return retry_after_; }

 private:
  // True when the answer carried the bytes itself, false when signed_url_ is set.
  StatusOr<bool> AskCloudController(const ByteRange& range, http::ResponseSink& body,
                                    std::stop_token stop);
  Status AskBlobstore(const ByteRange& range, http::ResponseSink& body, std::stop_token stop);
  void NoteRetryAfter(const http::HttpResponse& answer);

  ApiSession& session_;
  const DropletGuid droplet_;
  const absl::Duration idle_timeout_;
  std::string signed_url_;  // a secret: it opens the blob to anybody
  bool renewed_ = false;    // the token was refused once already
  absl::Duration retry_after_;
};

}  // namespace sluice::foundation
