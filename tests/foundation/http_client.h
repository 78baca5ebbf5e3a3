// A blocking HTTP/1.1 client for one request at a time: health checks, and tests that talk to a
// box as any client would.
#pragma once

#include <optional>
#include <string>

#include "tests/foundation/http_message.h"
#include "tests/foundation/stream.h"

namespace sluice::box {

struct ClientRequest {
  std::string method = "GET";
  std::string host;  // IPv4 address
  int port = 0;
  std::string target = "/";
  Headers headers = {};  // Host and Content-Length are added
  std::string body = {};
  SSL_CTX* tls = nullptr;
  int timeout_ms = 10000;  // of each read
};

// Nullopt when there is no whole answer. The body of an answer to HEAD is empty.
std::optional<Response> Fetch(const ClientRequest& request);

// Reads one response from `stream`; `to_head`: the request was a HEAD.
std::optional<Response> ReadResponse(Stream& stream, bool to_head);

}  // namespace sluice::box
