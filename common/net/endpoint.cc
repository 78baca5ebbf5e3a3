#include "common/net/endpoint.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::net {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr uint32_t kPortMax = 65535;

// The part behind the last colon, when there is a host before it: IPv6 addresses stand in brackets.
std::optional<std::string_view> PortOf(std::string_view endpoint) {
  if (!endpoint.starts_with(kTcp)) return std::nullopt;
  endpoint.remove_prefix(kTcp.size());
  const size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view host = endpoint.substr(0, colon);
  if (host.find_first_of("/ ") != std::string_view::npos) return std::nullopt;
  const bool brackets = host.front() == '[' && host.back() == ']';
  if (!brackets && host.find(':') != std::string_view::npos) return std::nullopt;
  return endpoint.substr(colon + 1);
}

std::optional<uint32_t> NumberOf(std::string_view port) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number > kPortMax) {
    return std::nullopt;
  }
  return number;
}

std::string HostOf(std::string_view endpoint) {
  std::string host(endpoint.substr(kTcp.size(), endpoint.rfind(':') - kTcp.size()));
  return host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

struct AddressesEnd {
  void operator()(addrinfo* found) const { freeaddrinfo(found); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesEnd>;

// Null when there is none.
Addresses Look(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "0", &hints, &found) != 0) return nullptr;
  return Addresses(found);
}

}  // namespace

bool IsDialledEndpoint(std::string_view endpoint) {
  const auto port = PortOf(endpoint);
  return port && NumberOf(*port).value_or(0) > 0 && endpoint.find('*') == std::string_view::npos;
}

bool IsListenedEndpoint(std::string_view endpoint) {
  const auto port = PortOf(endpoint);
  return port && (*port == "*" || NumberOf(*port).has_value());
}

Status CheckListenAddress(std::string_view endpoint) {
  const std::string host = HostOf(endpoint);
  const Addresses found = Look(host, AI_NUMERICHOST | AI_PASSIVE);
  if (!found) return absl::OkStatus();
  const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool missing = descriptor >= 0 &&
                       bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 &&
                       errno == EADDRNOTAVAIL;
  if (descriptor >= 0) close(descriptor);
  if (!missing) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "no-such-address",
                    absl::StrCat("this machine does not have the address ", host));
}

bool HostResolves(std::string_view endpoint) { return Look(HostOf(endpoint), 0) != nullptr; }

}  // namespace sluice::net
