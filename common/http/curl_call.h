// The state of one request while libcurl performs it: what its callbacks fill and ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace sluice::http {

// One thread. Borrows request and clock for its lifetime. Each On... function answers as libcurl's
// callback of that kind must; after a failure failure() says why the transfer was aborted.
class CurlCall {
 public:
  CurlCall(const HttpRequest& request, std::string where, const Clock& clock, std::stop_token stop);

  size_t OnHeaderLine(std::string_view line);
  size_t OnBody(std::string_view bytes);
  size_t OnRead(std::span<char> buffer);

  // Cancelled, http-timeout or idle-timeout when it is time to give up.
  Status CheckLimits() const;
  // How long nothing needs checking, at most `longest`.
  absl::Duration UntilNextLimit(absl::Duration longest) const;

  const Status& failure() const { return failure_; }
  const std::string& where() const { return where_; }
  // The final response's header section has ended: what came is a response.
  bool HeadersComplete() const { return headers_complete_; }
  // A whole error response is at hand although the request could not be sent to its end: servers
  // refuse a body that is too large and close.
  bool RefusedEarly() const;
  HttpResponse TakeResponse() { return std::move(response_); }

 private:
  Status TakeHeaderLine(std::string_view line);
  Status TakeBody(std::string_view bytes);
  StatusOr<size_t> GiveBody(std::span<char> buffer);
  void MarkActive() { last_active_ = clock_.Monotonic(); }

  const HttpRequest& request_;
  const std::string where_;
  const Clock& clock_;
  const std::stop_token stop_;
  const absl::Duration started_;
  absl::Duration last_active_;
  HttpResponse response_;
  bool headers_complete_ = false;  // of the final response
  uint64_t sent_bytes_ = 0;
  Status failure_;
};

}  // namespace sluice::http
