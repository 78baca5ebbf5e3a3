#include "tests/foundation/app_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace sluice::box {
namespace {

// Below the ports that the kernel gives to outgoing connections (32768 and up), which could
// otherwise take an app's port before the app does.
constexpr int kFirstPort = 20000;
constexpr int kRangePorts = 200;
constexpr int kRanges = 60;

// A name in the abstract namespace (unix(7)) belongs to one socket at a time, in the network
// namespace in which the ports are, too.
bool Claim(int socket, int range) {
  std::string name = "foundation-box app ports " + std::to_string(range);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);  // after the 0 that makes it abstract
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0;
}

bool Free(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool free = bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(socket);
  return free;
}

}  // namespace

AppPorts::AppPorts() {
  claim_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int range = 0; range < kRanges; ++range) {
    if (!Claim(claim_, range)) continue;
    first_ = kFirstPort + range * kRangePorts;
    return;
  }
  close(claim_);
  throw std::runtime_error("no ports for apps: " + std::to_string(kRanges) +
                           " boxes run on this machine already");
}

AppPorts::~AppPorts() { close(claim_); }

int AppPorts::Next() {
  for (int attempt = 0; attempt < kRangePorts; ++attempt) {
    int port = first_ + turn_++ % kRangePorts;
    if (Free(port)) return port;
  }
  return 0;
}

}  // namespace sluice::box
