#include "common/http/testing/script_server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace sluice::http {

ServerConnection::~ServerConnection() {
  if (tls_ != nullptr) {
    SSL_shutdown(tls_);
    SSL_free(tls_);
  }
}

bool ServerConnection::Fill() {
  char bytes[16 * 1024];
  const ssize_t count = tls_ != nullptr ? SSL_read(tls_, bytes, static_cast<int>(sizeof bytes))
                                        : recv(descriptor_, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

std::optional<std::string> ServerConnection::ReadHead() {
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return std::nullopt;
  }
  std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + 4);
  content_length_ = 0;
  const size_t field = head.find("Content-Length: ");
  if (field != std::string::npos) {
    const std::string number = head.substr(field + 16, head.find('\r', field) - field - 16);
    SLUICE_CHECK(absl::SimpleAtoi(number, &content_length_));
  }
  return head;
}

std::string ServerConnection::ReadBody() {
  while (buffer_.size() < content_length_ && Fill()) {
  }
  std::string body = buffer_.substr(0, content_length_);
  buffer_.erase(0, body.size());
  return body;
}

void ServerConnection::ReadToTheEnd() {
  while (Fill()) buffer_.clear();
}

bool ServerConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = tls_ != nullptr
                              ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                              : send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

size_t ServerConnection::SendWithoutWaiting(std::string_view bytes) {
  const ssize_t count = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count < 0 ? 0 : static_cast<size_t>(count);
}

ScriptServer::ScriptServer(Script script, std::optional<Tls> tls) : script_(std::move(script)) {
  if (tls) {
    tls_ = SSL_CTX_new(TLS_server_method());
    SLUICE_CHECK(
        SSL_CTX_use_certificate_file(tls_, tls->certificate_file.c_str(), SSL_FILETYPE_PEM) == 1);
    SLUICE_CHECK(SSL_CTX_use_PrivateKey_file(tls_, tls->key_file.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any_address = reinterpret_cast<sockaddr*>(&address);
  SLUICE_CHECK(bind(listener_, any_address, length) == 0);
  SLUICE_CHECK(listen(listener_, 16) == 0);
  SLUICE_CHECK(getsockname(listener_, any_address, &length) == 0);
  port_ = ntohs(address.sin_port);
  accepting_ = std::make_unique<Thread>("script-accept", [this] { Accept(); });
}

ScriptServer::~ScriptServer() {
  shutdown(listener_, SHUT_RDWR);
  accepting_.reset();
  close(listener_);
  std::vector<std::unique_ptr<Thread>> serving;
  {
    MutexLock lock(mutex_);
    for (int descriptor : open_) shutdown(descriptor, SHUT_RDWR);
    serving.swap(serving_);
  }
  serving.clear();
  if (tls_ != nullptr) SSL_CTX_free(tls_);
}

void ScriptServer::Accept() {
  for (;;) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    ++connections_;
    MutexLock lock(mutex_);
    open_.push_back(descriptor);
    serving_.push_back(
        std::make_unique<Thread>("script-serve", [this, descriptor] { Serve(descriptor); }));
  }
}

void ScriptServer::Serve(int descriptor) {
  ssl_st* tls = tls_ != nullptr ? SSL_new(tls_) : nullptr;
  bool ready = true;
  if (tls != nullptr) {
    SSL_set_fd(tls, descriptor);
    ready = SSL_accept(tls) == 1;
  }
  {
    ServerConnection connection(descriptor, tls);
    if (ready) script_(connection);
  }
  MutexLock lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), descriptor));
  close(descriptor);
}

std::string ScriptServer::Url(std::string_view path) const {
  return absl::StrCat(tls_ != nullptr ? "https" : "http", "://127.0.0.1:", port_, ToAbsl(path));
}

}  // namespace sluice::http
