// The way out to HTTP servers, as an interface: CurlTransport is the real one, FakeTransport
// (testing/) the one for tests.
#pragma once

#include <stop_token>

#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::http {

// Thread-safe: any number of calls at a time.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Performs one request and blocks until the whole response is there. A response of any status
  // is a success here; redirects are not followed. The request is sent at most once.
  //
  // Fails by name, always with scheme, host and path in the message, never with a query:
  //   InvalidArgument     bad-url, bad-header, plain-http-refused
  //   Unavailable         dns-failed, connect-failed, connect-timeout, tls-failed, connection-cut,
  //                       idle-timeout, not-http
  //   DeadlineExceeded    http-timeout
  //   FailedPrecondition  tls-untrusted, ca-file-unreadable
  //   ResourceExhausted   response-too-large
  //   Internal            body-wrong-length (the source broke its promise)
  //   Cancelled           cancelled: `stop` was requested; within 100 ms even when the network
  //                       stands still, unless a source or sink is blocking
  // or with the status that a source or sink returned.
  virtual StatusOr<HttpResponse> Perform(const HttpRequest& request, std::stop_token stop) = 0;
};

// True when a failed Perform may have reached the server: what is not idempotent must not be
// repeated blindly after it.
bool MayHaveBeenSent(const Status& failure);

}  // namespace sluice::http
