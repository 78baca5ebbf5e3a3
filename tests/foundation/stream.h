// One TCP connection of the box, plain or TLS, with blocking calls and a read timeout.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace sluice::box {

// A stream belongs to one thread. It ends its connection when destroyed.
class Stream {
 public:
  static constexpr ssize_t kFailed = -1;
  static constexpr ssize_t kTimedOut = -2;

  // Takes over `socket`; performs the handshake when `tls` is not null. Null on failure.
  static std::unique_ptr<Stream> Accept(int socket, SSL_CTX* tls);
  // Null when nobody answers within `timeout_ms`, or the handshake fails.
  static std::unique_ptr<Stream> Connect(const std::string& host, int port, SSL_CTX* tls,
                                         int timeout_ms);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Bytes read, 0 at the peer's end, kFailed, or kTimedOut after the read timeout.
  ssize_t Read(char* buffer, size_t size);
  bool Write(std::string_view bytes);
  void SetReadTimeout(int milliseconds);  // 0: for ever
  // Ends the connection with a TCP reset: the peer's next read fails.
  void Reset();
  // Tells the peer that no more comes, then discards what it still sends (bounded), so that
  // an answer given before the end of the request is not lost to a reset.
  void Linger();

 private:
  Stream(int socket, SSL* tls) : socket_(socket), tls_(tls) {}

  int socket_;
  SSL* tls_;  // owned; null for plain
  int read_timeout_ms_ = 0;
};

struct FreeTls {
  void operator()(SSL_CTX* tls) const;
};
using Tls = std::unique_ptr<SSL_CTX, FreeTls>;

// Both throw std::runtime_error on unusable files.
Tls MakeServerTls(const std::string& certificate_file, const std::string& key_file);
Tls MakeClientTls(const std::string& ca_file);

}  // namespace sluice::box
