// HTTP requests and responses, and the two ends of a streamed body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::http {

class HttpHeaders;

// Whatever bytes are pushed into, in order. Write may block: that is back-pressure, down to TCP.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Takes all of `bytes` or fails. A failure ends the call that feeds the sink, with this status.
  virtual Status Write(std::string_view bytes) = 0;
};

// Takes a response of any length as it arrives. Called on the thread that performs the request.
class ResponseSink : public ByteSink {
 public:
  // Comes once, before the first Write, for the final response (never for a 1xx one). A failure
  // refuses the body: the connection is closed and Perform returns this status.
  virtual Status OnHeaders(int status, const HttpHeaders& headers) = 0;
};

// Gives a request body of known length, piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The exact number of bytes that Read will give in all. Sent as Content-Length.
  virtual uint64_t ContentLength() const = 0;
  // Fills a prefix of `buffer` and says how long it is. May block; waiting here is not counted by
  // the idle timeout. 0 means that there is no more: an error if it comes before ContentLength()
  // bytes. A failure aborts the request, with this status. Whoever stops the call through its
  // stop token also makes a blocked Read return.
  virtual StatusOr<size_t> Read(std::span<char> buffer) = 0;
};

struct HttpHeader {
  std::string name;
  std::string value;
};

// Header fields in the order they came; names compare without regard to case.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<HttpHeader> fields) : fields_(fields) {}

  void Add(std::string_view name, std::string_view value);
  void Clear() { fields_.clear(); }
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  // The first field of this name.
  std::optional<std::string> Find(std::string_view name) const;
  std::vector<std::string> FindAll(std::string_view name) const;
  // A field that is a non-negative decimal number, such as Content-Length.
  std::optional<uint64_t> FindNumber(std::string_view name) const;
  const std::vector<HttpHeader>& fields() const { return fields_; }

 private:
  std::vector<HttpHeader> fields_;
};

struct HttpTimeouts {
  absl::Duration connect = absl::Seconds(10);
  // The whole call, bodies included. Infinite for streamed bodies whose progress `idle` watches.
  absl::Duration total = absl::InfiniteDuration();
  // No byte moved either way, while neither source nor sink was blocking.
  absl::Duration idle = absl::Seconds(30);
};

inline constexpr uint64_t kResponseBytesMax = uint64_t{16} << 20;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;                // may hold secrets: never logged, never in an error
  std::string body;                   // unless body_source is set
  BodySource* body_source = nullptr;  // borrowed for the call
  ResponseSink* response_sink =
      nullptr;  // borrowed for the call; without it, see response_bytes_max
  // A longer response body fails the call by the name "response-too-large".
  uint64_t response_bytes_max = kResponseBytesMax;
  HttpTimeouts timeouts;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;  // empty when a sink took it
};

}  // namespace sluice::http
