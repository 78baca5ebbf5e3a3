#include "common/net/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

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

}  // namespace

bool IsDialledEndpoint(std::string_view endpoint) {
  const auto port = PortOf(endpoint);
  return port && NumberOf(*port).value_or(0) > 0 && endpoint.find('*') == std::string_view::npos;
}

bool IsListenedEndpoint(std::string_view endpoint) {
  const auto port = PortOf(endpoint);
  return port && (*port == "*" || NumberOf(*port).has_value());
}

}  // namespace sluice::net
