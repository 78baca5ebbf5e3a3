// Who is at the other end of a connection, as the trust document says by the CURVE key.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace sluice::net {

enum class PeerRole { kAgent, kOperator, kCoordinator };

struct Peer {
  PeerRole role = PeerRole::kOperator;
  std::string name;       // foundation of an agent, name of an operator, "coordinator"
  std::string curve_key;  // 32 raw bytes: the authenticated identity of the connection
  auto operator<=>(const Peer&) const = default;
};

// What the ends of the relay's lines are called: a foundation by its name, an operator by one that
// no foundation can have.
inline std::string RelayName(const Peer& peer) {
  return peer.role == PeerRole::kOperator ? "operator:" + peer.name : peer.name;
}

// One HELLO..BYE conversation. Never used again within a coordinator's life; 0 is no session.
using SessionId = uint64_t;

}  // namespace sluice::net
