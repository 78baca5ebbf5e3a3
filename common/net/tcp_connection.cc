#include "common/net/tcp_connection.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

namespace sluice::net {
namespace {

// 0 if it is no TCP connection (any more).
uint16_t LocalPort(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

}  // namespace

std::optional<uint64_t> BytesTaken(int descriptor) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  int unread = 0;
  if (ioctl(descriptor, SIOCINQ, &unread) != 0) return std::nullopt;
  const uint64_t waiting = static_cast<uint64_t>(unread);
  return info.tcpi_bytes_received > waiting ? info.tcpi_bytes_received - waiting : 0;
}

std::string RemoteAddress(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* bytes = reinterpret_cast<sockaddr*>(&address);
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(descriptor, bytes, &length) != 0 ||
      getnameinfo(bytes, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) {
    return "";
  }
  constexpr std::string_view kMapped = "::ffff:";
  const std::string_view numeric = text;
  return std::string(numeric.starts_with(kMapped) ? numeric.substr(kMapped.size()) : numeric);
}

void EndConnection(int descriptor, uint16_t local_port) {
  // Held, so that it stays what was looked at.
  const int held = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (held < 0) return;
  if (LocalPort(held) == local_port) shutdown(held, SHUT_RDWR);
  close(held);
}

}  // namespace sluice::net
