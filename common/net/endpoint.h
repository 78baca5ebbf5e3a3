// What an endpoint in a configuration may look like: found at once, not after a wait for a
// connection that can never be.
#pragma once

#include <string_view>

namespace sluice::net {

// "tcp://HOST:PORT" with a port of 1 to 65535.
bool IsDialledEndpoint(std::string_view endpoint);

// "tcp://ADDRESS:PORT" with a port up to 65535, where 0 and * are any free one.
bool IsListenedEndpoint(std::string_view endpoint);

}  // namespace sluice::net
