// What an endpoint in a configuration may look like: found at once, not after a wait for a
// connection that can never be.
#pragma once

#include <string_view>

#include "common/base/status.h"

namespace sluice::net {

// "tcp://HOST:PORT" with a port of 1 to 65535.
bool IsDialledEndpoint(std::string_view endpoint);

// "tcp://ADDRESS:PORT" with a port up to 65535, where 0 and * are any free one.
bool IsListenedEndpoint(std::string_view endpoint);

// InvalidArgument "no-such-address" when an IsListenedEndpoint() names an IP address that this
// machine does not have. No port is taken, and a name is not looked up.
Status CheckListenAddress(std::string_view endpoint);

// Whether the host of an IsDialledEndpoint() is an address, or a name that has one now. Waits for
// the system's resolver.
bool HostResolves(std::string_view endpoint);

}  // namespace sluice::net
