#include "tests/foundation/http_client.h"

#include <array>
#include <cstdlib>

namespace sluice::box {
namespace {

// Reads from the stream into `unread` until it holds `size` bytes. False at the end.
bool FillTo(Stream& stream, std::string& unread, size_t size) {
  std::array<char, 65536> buffer;
  while (unread.size() < size) {
    ssize_t got = stream.Read(buffer.data(), buffer.size());
    if (got <= 0) return false;
    unread.append(buffer.data(), static_cast<size_t>(got));
  }
  return true;
}

// Position of `end` in what the stream sends, read as far as needed. Npos when it never comes.
size_t FillUntil(Stream& stream, std::string& unread, const char* end) {
  size_t found = unread.find(end);
  while (found == std::string::npos) {
    if (!FillTo(stream, unread, unread.size() + 1)) return std::string::npos;
    found = unread.find(end);
  }
  return found;
}

std::optional<std::string> ReadChunks(Stream& stream, std::string& unread) {
  std::string body;
  while (true) {
    size_t line_end = FillUntil(stream, unread, "\r\n");
    if (line_end == std::string::npos) return std::nullopt;
    size_t size = std::strtoul(unread.c_str(), nullptr, 16);
    unread.erase(0, line_end + 2);
    if (!FillTo(stream, unread, size + 2)) return std::nullopt;
    body.append(unread, 0, size);
    unread.erase(0, size + 2);
    if (size == 0) return body;
  }
}

}  // namespace

std::optional<Response> ReadResponse(Stream& stream, bool to_head) {
  std::string unread;
  std::optional<Response> response;
  do {
    size_t head_end = FillUntil(stream, unread, "\r\n\r\n");
    if (head_end == std::string::npos) return std::nullopt;
    response = ParseResponseHead(unread.substr(0, head_end + 2));
    if (!response) return std::nullopt;
    unread.erase(0, head_end + 4);
  } while (response->status == 100);
  if (to_head || response->status == 204 || response->status == 304) return response;
  if (auto coding = response->headers.Get("Transfer-Encoding");
      coding && EqualWithoutCase(*coding, "chunked")) {
    auto body = ReadChunks(stream, unread);
    if (!body) return std::nullopt;
    response->body = std::move(*body);
  } else if (auto length = response->headers.Get("Content-Length")) {
    size_t size = std::strtoull(length->c_str(), nullptr, 10);
    if (!FillTo(stream, unread, size)) return std::nullopt;
    response->body = unread.substr(0, size);
  } else {
    while (FillTo(stream, unread, unread.size() + 1)) {
    }
    response->body = std::move(unread);
  }
  return response;
}

std::optional<Response> Fetch(const ClientRequest& request) {
  auto stream = Stream::Connect(request.host, request.port, request.tls, request.timeout_ms);
  if (stream == nullptr) return std::nullopt;
  stream->SetReadTimeout(request.timeout_ms);
  Headers headers = request.headers;
  if (!headers.Has("Host")) headers.Add("Host", request.host + ":" + std::to_string(request.port));
  if (!request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
      request.method == "PUT") {
    headers.Set("Content-Length", std::to_string(request.body.size()));
  }
  headers.Set("Connection", "close");
  std::string head =
      request.method + " " + request.target + " HTTP/1.1\r\n" + headers.Text() + "\r\n";
  // A server may refuse before it has read everything: a failed write is no reason not to listen.
  if (stream->Write(head)) stream->Write(request.body);
  return ReadResponse(*stream, request.method == "HEAD");
}

}  // namespace sluice::box
