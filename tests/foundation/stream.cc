#include "tests/foundation/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>

namespace sluice::box {
namespace {

// The read-ahead of one TLS connection: several records per system call.
constexpr size_t kTlsReadAheadBytes = size_t{256} * 1024;
// What nginx calls lingering_timeout and lingering_time.
constexpr int kLingerIdleMs = 5000;
constexpr std::chrono::seconds kLingerTime{30};

void SetTimeout(int socket, int option, int milliseconds) {
  timeval timeout{};
  timeout.tv_sec = milliseconds / 1000;
  timeout.tv_usec = (milliseconds % 1000) * 1000;
  setsockopt(socket, SOL_SOCKET, option, &timeout, sizeof timeout);
}

void SetNoDelay(int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int ConnectSocket(const std::string& host, int port, int timeout_ms) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return -1;
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  int failed = connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
  if (failed != 0 && errno == EINPROGRESS) {
    pollfd waiting{socket, POLLOUT, 0};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (poll(&waiting, 1, timeout_ms) == 1) {
      getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    failed = error;
  }
  if (failed != 0) {
    close(socket);
    return -1;
  }
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  SetNoDelay(socket);
  return socket;
}

}  // namespace

std::unique_ptr<Stream> Stream::Accept(int socket, SSL_CTX* tls) {
  SetNoDelay(socket);
  std::unique_ptr<Stream> stream(new Stream(socket, nullptr));
  if (tls == nullptr) return stream;
  stream->SetReadTimeout(10000);
  stream->tls_ = SSL_new(tls);
  SSL_set_fd(stream->tls_, socket);
  if (SSL_accept(stream->tls_) != 1) return nullptr;
  return stream;
}

std::unique_ptr<Stream> Stream::Connect(const std::string& host, int port, SSL_CTX* tls,
                                        int timeout_ms) {
  int socket = ConnectSocket(host, port, timeout_ms);
  if (socket < 0) return nullptr;
  std::unique_ptr<Stream> stream(new Stream(socket, nullptr));
  if (tls == nullptr) return stream;
  stream->SetReadTimeout(timeout_ms);
  stream->tls_ = SSL_new(tls);
  SSL_set_fd(stream->tls_, socket);
  if (SSL_connect(stream->tls_) != 1) return nullptr;
  return stream;
}

Stream::~Stream() {
  if (tls_ != nullptr) {
    if (socket_ >= 0) SSL_shutdown(tls_);
    SSL_free(tls_);
  }
  if (socket_ >= 0) close(socket_);
}

ssize_t Stream::Read(char* buffer, size_t size) {
  if (socket_ < 0) return kFailed;
  while (true) {
    if (tls_ == nullptr) {
      ssize_t got = recv(socket_, buffer, size, 0);
      if (got >= 0) return got;
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? kTimedOut : kFailed;
    }
    size_t got = 0;
    if (SSL_read_ex(tls_, buffer, size, &got) == 1) return static_cast<ssize_t>(got);
    switch (SSL_get_error(tls_, 0)) {
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_WANT_READ:
        return kTimedOut;
      default:
        return kFailed;
    }
  }
}

bool Stream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (socket_ < 0) return false;
    if (tls_ != nullptr) {
      size_t written = 0;
      if (SSL_write_ex(tls_, bytes.data(), bytes.size(), &written) != 1) return false;
      bytes.remove_prefix(written);
      continue;
    }
    ssize_t written = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void Stream::SetReadTimeout(int milliseconds) {
  if (milliseconds == read_timeout_ms_) return;
  read_timeout_ms_ = milliseconds;
  SetTimeout(socket_, SO_RCVTIMEO, milliseconds);
}

void Stream::Reset() {
  linger abort{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  close(socket_);
  socket_ = -1;
}

void Stream::Linger() {
  if (socket_ < 0) return;
  shutdown(socket_, SHUT_WR);
  SetReadTimeout(kLingerIdleMs);
  auto deadline = std::chrono::steady_clock::now() + kLingerTime;
  std::array<char, 65536> discarded;
  // The raw socket: what is still encrypted need not be understood to be thrown away.
  while (recv(socket_, discarded.data(), discarded.size(), 0) > 0) {
    if (std::chrono::steady_clock::now() > deadline) return;
  }
}

void FreeTls::operator()(SSL_CTX* tls) const { SSL_CTX_free(tls); }

Tls MakeServerTls(const std::string& certificate_file, const std::string& key_file) {
  Tls tls(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_min_proto_version(tls.get(), TLS1_2_VERSION);
  SSL_CTX_set_read_ahead(tls.get(), 1);
  SSL_CTX_set_default_read_buffer_len(tls.get(), kTlsReadAheadBytes);
  SSL_CTX_set_options(tls.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (SSL_CTX_use_certificate_chain_file(tls.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("cannot use the certificate " + certificate_file);
  }
  return tls;
}

Tls MakeClientTls(const std::string& ca_file) {
  Tls tls(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(tls.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (SSL_CTX_load_verify_locations(tls.get(), ca_file.c_str(), nullptr) != 1) {
    throw std::runtime_error("cannot use the CA file " + ca_file);
  }
  return tls;
}

}  // namespace sluice::box
