// The process's one ZeroMQ context, its CURVE identity and its ZAP handler: no socket exists
// without them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/net/peer.h"

namespace sluice::net {

// The CURVE key pair of this process (32 raw bytes each).
struct CurveIdentity {
  std::string public_key;
  Secret secret_key;
};

// Who may connect, by CURVE key; nothing for the unknown. Called on the ZAP thread: thread-safe.
using PeerDirectory = std::function<std::optional<Peer>(std::string_view curve_key)>;

// How long one that was seen to do harm stays out.
inline constexpr absl::Duration kShutOutFor = absl::Seconds(30);

// Listens for ZAP requests on a thread of its own until destroyed; every listening socket of the
// process asks it.
class Network {
 public:
  // Internal "zap-self-test" if a client with an unknown key is let in.
  static StatusOr<std::unique_ptr<Network>> Start(CurveIdentity identity, PeerDirectory peers);
  virtual ~Network() = default;

  virtual const CurveIdentity& identity() const = 0;
  // The peer of a key that the ZAP handler let in.
  virtual std::optional<Peer> FindPeer(std::string_view curve_key) const = 0;
  // For kShutOutFor the ZAP handler lets this key in nowhere; what connections it has go on. Any
  // thread.
  virtual void ShutOut(std::string_view curve_key) = 0;
  // For common/net only: the ZeroMQ context.
  virtual void* context() = 0;
};

}  // namespace sluice::net
