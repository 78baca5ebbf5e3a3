// A small HTTP/1.1 server: one listening socket, one thread for each connection. The box needs
// its own because a foundation's misbehaviours happen below what server libraries offer: cut
// connections, lying lengths, stalls, bodies refused before they are read.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/foundation/http_message.h"
#include "tests/foundation/stream.h"

namespace sluice::box {

// One request and the answer to it, on the thread of its connection.
class Exchange {
 public:
  Exchange(Request request, Stream& stream, std::string& unread);

  const Request& request() const { return request_; }
  Stream& stream() { return stream_; }

  // The next bytes of a body with Content-Length: 0 at its end, else as Stream::Read.
  ssize_t ReadBody(char* buffer, size_t size);
  // The whole body, chunked or not. Nullopt when it is longer than `limit` or is cut.
  std::optional<std::string> ReadWholeBody(size_t limit);
  uint64_t body_bytes_left() const { return body_bytes_left_; }

  // Each exchange is answered once: by Send, or by SendHead and then Stream::Write.
  void Send(Response response);
  // `headers` must tell the length, or the caller must call CloseAfterwards.
  void SendHead(int status, Headers headers);
  void CloseAfterwards() { close_ = true; }
  bool answered() const { return answered_; }
  bool closes() const { return close_; }
  int status() const { return status_; }

 private:
  ssize_t ReadRaw(char* buffer, size_t size);
  std::optional<std::string> ReadChunkedBody(size_t limit);
  std::optional<std::string> ReadLine();

  Request request_;
  Stream& stream_;
  std::string& unread_;  // what the connection has read beyond this request's head
  uint64_t body_bytes_left_ = 0;
  bool answered_ = false;
  bool close_ = false;
  int status_ = 0;
};

class HttpServer {
 public:
  using Serve = std::function<void(Exchange&)>;

  // Binds `address`, port 0 meaning any free one; `tls` null means plain. Throws
  // std::runtime_error when it cannot. Connections come in after Start.
  HttpServer(const std::string& address, int port, SSL_CTX* tls);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  // Never ends: the server lives as long as the program.
  void Start(Serve serve);

 private:
  void AcceptForever();
  void ServeConnection(int socket);

  int socket_ = -1;
  int port_ = 0;
  SSL_CTX* tls_;
  Serve serve_;
};

// A listening IPv4 socket, close-on-exec; its port is put into `port` when that was 0.
int ListenOn(const std::string& address, int& port);

}  // namespace sluice::box
