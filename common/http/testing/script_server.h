// A real server on a loopback port whose every connection is a script of the test.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/thread.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sluice::http {

// What the script sees of one accepted connection. Reads and writes block; after the server has
// been told to end they fail.
class ServerConnection {
 public:
  ServerConnection(int descriptor, ssl_st* tls) : descriptor_(descriptor), tls_(tls) {}
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // Request line and header lines, up to and without the empty line. Nothing at the end.
  std::optional<std::string> ReadHead();
  // The body, of as many bytes as the last head's Content-Length says; shorter if it ends early.
  std::string ReadBody();
  // Waits until the client has closed, taking no notice of what it still sends.
  void ReadToTheEnd();
  bool Send(std::string_view bytes);
  // As much of `bytes` as the client takes now: without TLS only.
  size_t SendWithoutWaiting(std::string_view bytes);

 private:
  bool Fill();

  const int descriptor_;
  ssl_st* const tls_;
  std::string buffer_;
  size_t content_length_ = 0;
};

class ScriptServer {
 public:
  // Called for each connection, on a thread of its own; the connection closes when it returns.
  using Script = std::function<void(ServerConnection&)>;
  struct Tls {
    std::string certificate_file;
    std::string key_file;
  };
  explicit ScriptServer(Script script, std::optional<Tls> tls = std::nullopt);
  ~ScriptServer();

  std::string Url(std::string_view path) const;  // by address: http(s)://127.0.0.1:PORT/path
  int port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void Accept();
  void Serve(int descriptor);

  const Script script_;
  ssl_ctx_st* tls_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  Mutex mutex_;
  std::vector<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Thread>> serving_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Thread> accepting_;
};

}  // namespace sluice::http
