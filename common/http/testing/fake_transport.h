// An HTTP server inside the test: a function from request to reply, and a record of what was asked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/transport.h"

namespace sluice::http {

// A request as the server saw it, the body drained.
struct SeenRequest {
  std::string method;
  std::string url;
  HttpHeaders headers;
  std::string body;
};

struct FakeReply {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  // When not OK: the connection fails like this after `body` was delivered.
  Status then_fail;
};

// Thread-safe; `serve` is called without a lock held. A status from `serve` is a transport failure.
class FakeTransport final : public HttpTransport {
 public:
  using Serve = std::function<StatusOr<FakeReply>(const SeenRequest&)>;
  explicit FakeTransport(Serve serve) : serve_(std::move(serve)) {}

  StatusOr<HttpResponse> Perform(const HttpRequest& request, std::stop_token stop) override;

  std::vector<SeenRequest> Seen() const;
  // Those with this method whose URL contains `part`.
  std::vector<SeenRequest> Seen(std::string_view method, std::string_view part) const;

 private:
  Serve serve_;
  mutable Mutex mutex_;
  std::vector<SeenRequest> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::http
