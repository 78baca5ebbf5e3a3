#include "common/net/testing/test_network.h"

#include <zmq.h>

namespace sluice::net {

CurveIdentity NewCurveIdentity() {
  char public_text[41];
  char secret_text[41];
  SLUICE_CHECK(zmq_curve_keypair(public_text, secret_text) == 0);
  std::string public_key(32, '\0');
  std::string secret_key(32, '\0');
  zmq_z85_decode(reinterpret_cast<uint8_t*>(public_key.data()), public_text);
  zmq_z85_decode(reinterpret_cast<uint8_t*>(secret_key.data()), secret_text);
  return {public_key, Secret(secret_key)};
}

CurveIdentity TestDirectory::Admit(PeerRole role, const std::string& name) {
  CurveIdentity identity = NewCurveIdentity();
  peers_[identity.public_key] = {role, name, identity.public_key};
  return identity;
}

PeerDirectory TestDirectory::Lookup() const {
  return [peers = peers_](std::string_view key) -> std::optional<Peer> {
    const auto found = peers.find(std::string(key));
    if (found == peers.end()) return std::nullopt;
    return found->second;
  };
}

std::unique_ptr<Network> TestDirectory::Start(CurveIdentity identity) const {
  auto network = Network::Start(std::move(identity), Lookup());
  SLUICE_CHECK(network.ok());
  return *std::move(network);
}

}  // namespace sluice::net
