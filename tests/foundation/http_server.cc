#include "tests/foundation/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <thread>
#include <utility>

namespace sluice::box {
namespace {

constexpr size_t kHeadBytesMax = size_t{64} * 1024;
constexpr int kKeepAliveMs = 100'000;  // Cloud Controller's nginx keeps connections 100 s
constexpr int kBacklog = 256;
constexpr size_t kDrainBytesMax = size_t{1} << 20;

// Reads until the empty line that ends a head; the rest stays in `unread`. Empty at the end.
std::string ReadHead(Stream& stream, std::string& unread) {
  std::array<char, 16384> buffer;
  size_t searched = 0;
  while (true) {
    size_t end = unread.find("\r\n\r\n", searched > 3 ? searched - 3 : 0);
    if (end != std::string::npos) {
      std::string head = unread.substr(0, end + 2);
      unread.erase(0, end + 4);
      return head;
    }
    searched = unread.size();
    if (unread.size() > kHeadBytesMax) return "";
    ssize_t got = stream.Read(buffer.data(), buffer.size());
    if (got <= 0) return "";
    unread.append(buffer.data(), static_cast<size_t>(got));
  }
}

// An IMF-fixdate (RFC 9110 section 5.6.7), as nginx in front of Cloud Controller sends one.
std::string HttpDate(std::time_t time) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

}  // namespace

Exchange::Exchange(Request request, Stream& stream, std::string& unread)
    : request_(std::move(request)), stream_(stream), unread_(unread) {
  body_bytes_left_ = request_.content_length.value_or(0);
  auto connection = request_.headers.Get("Connection");
  close_ = request_.http_1_0 || (connection && EqualWithoutCase(*connection, "close"));
}

ssize_t Exchange::ReadRaw(char* buffer, size_t size) {
  if (!unread_.empty()) {
    size_t taken = std::min(size, unread_.size());
    std::memcpy(buffer, unread_.data(), taken);
    unread_.erase(0, taken);
    return static_cast<ssize_t>(taken);
  }
  return stream_.Read(buffer, size);
}

ssize_t Exchange::ReadBody(char* buffer, size_t size) {
  if (body_bytes_left_ == 0) return 0;
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(size, body_bytes_left_));
  ssize_t got = ReadRaw(buffer, wanted);
  if (got == 0) return Stream::kFailed;  // ended before its Content-Length
  if (got > 0) body_bytes_left_ -= static_cast<uint64_t>(got);
  return got;
}

std::optional<std::string> Exchange::ReadWholeBody(size_t limit) {
  if (EqualWithoutCase(request_.headers.Get("Expect").value_or(""), "100-continue")) {
    stream_.Write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  if (request_.chunked) return ReadChunkedBody(limit);
  if (body_bytes_left_ > limit) return std::nullopt;
  std::string body(static_cast<size_t>(body_bytes_left_), '\0');
  size_t filled = 0;
  while (filled < body.size()) {
    ssize_t got = ReadBody(body.data() + filled, body.size() - filled);
    if (got <= 0) return std::nullopt;
    filled += static_cast<size_t>(got);
  }
  return body;
}

std::optional<std::string> Exchange::ReadLine() {
  std::string line;
  char c = 0;
  while (ReadRaw(&c, 1) == 1) {
    if (c == '\n') {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    line += c;
    if (line.size() > kHeadBytesMax) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> Exchange::ReadChunkedBody(size_t limit) {
  std::string body;
  while (true) {
    auto line = ReadLine();
    if (!line) return std::nullopt;
    size_t size = std::strtoul(line->c_str(), nullptr, 16);
    if (body.size() + size > limit) return std::nullopt;
    if (size == 0) break;
    size_t before = body.size();
    body.resize(before + size);
    for (size_t filled = 0; filled < size;) {
      ssize_t got = ReadRaw(body.data() + before + filled, size - filled);
      if (got <= 0) return std::nullopt;
      filled += static_cast<size_t>(got);
    }
    if (!ReadLine()) return std::nullopt;
  }
  while (true) {  // trailers
    auto line = ReadLine();
    if (!line) return std::nullopt;
    if (line->empty()) {
      request_.chunked = false;  // nothing of it is left on the connection
      return body;
    }
  }
}

void Exchange::Send(Response response) {
  bool no_body = request_.method == "HEAD" || response.status == 204;
  if (response.status != 204) {
    response.headers.Set("Content-Length", std::to_string(response.body.size()));
  }
  SendHead(response.status, std::move(response.headers));
  if (!no_body) stream_.Write(response.body);
}

void Exchange::SendHead(int status, Headers headers) {
  answered_ = true;
  status_ = status;
  if (close_) headers.Set("Connection", "close");
  if (!headers.Get("Date")) headers.Set("Date", HttpDate(std::time(nullptr)));
  stream_.Write(ResponseHead(status, headers));
}

int ListenOn(const std::string& address, int& port) {
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  bound.sin_port = htons(static_cast<uint16_t>(port));
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof bound;
  if (socket < 0 || inet_pton(AF_INET, address.c_str(), &bound.sin_addr) != 1 ||
      bind(socket, reinterpret_cast<sockaddr*>(&bound), sizeof bound) != 0 ||
      listen(socket, kBacklog) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    if (socket >= 0) close(socket);
    throw std::runtime_error("cannot listen on " + address + ":" + std::to_string(port) + ": " +
                             std::strerror(errno));
  }
  port = ntohs(bound.sin_port);
  return socket;
}

HttpServer::HttpServer(const std::string& address, int port, SSL_CTX* tls)
    : port_(port), tls_(tls) {
  socket_ = ListenOn(address, port_);
}

void HttpServer::Start(Serve serve) {
  serve_ = std::move(serve);
  std::thread([this] { AcceptForever(); }).detach();
}

void HttpServer::AcceptForever() {
  while (true) {
    int socket = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    std::thread([this, socket] { ServeConnection(socket); }).detach();
  }
}

void HttpServer::ServeConnection(int socket) {
  auto stream = Stream::Accept(socket, tls_);
  if (stream == nullptr) return;
  std::string unread;
  while (true) {
    stream->SetReadTimeout(kKeepAliveMs);
    std::string head = ReadHead(*stream, unread);
    if (head.empty()) return;
    auto request = ParseRequestHead(head);
    if (!request) {
      Request unparsed;
      Exchange exchange(unparsed, *stream, unread);
      exchange.CloseAfterwards();
      exchange.Send(NginxErrorPage(400));
      stream->Linger();
      return;
    }
    Exchange exchange(std::move(*request), *stream, unread);
    serve_(exchange);
    if (!exchange.answered()) return;
    // A short body that nobody read is read now, so that the connection may go on.
    if (!exchange.closes() && !exchange.request().chunked &&
        exchange.body_bytes_left() <= kDrainBytesMax) {
      if (exchange.body_bytes_left() == 0 || exchange.ReadWholeBody(kDrainBytesMax)) continue;
    }
    bool unread_body = exchange.body_bytes_left() > 0 || exchange.request().chunked;
    if (unread_body) stream->Linger();
    if (exchange.closes() || unread_body) return;
  }
}

}  // namespace sluice::box
