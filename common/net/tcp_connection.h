// What the kernel knows of a connection that belongs to libzmq, and how to end one: libzmq has no
// call for either (issue 2877).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::net {

// How many bytes were read from the connection so far; nothing if `descriptor` is none (any more).
std::optional<uint64_t> BytesTaken(int descriptor);

// Of the other end, without its port; empty if it is not known (any more).
std::string RemoteAddress(int descriptor);

// Makes libzmq believe that the other end has hung up, if `descriptor` is still a connection to
// `local_port`: libzmq may have closed it a moment ago, and the number may be something else now.
void EndConnection(int descriptor, uint16_t local_port);

}  // namespace sluice::net
