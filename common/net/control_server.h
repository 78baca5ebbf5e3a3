// The coordinator's end of the control protocol (proto/README.md "Session"): sessions of
// authenticated peers over one ROUTER socket.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "common/net/peer.h"

namespace sluice::v1 {
class ControlMessage;
class Hello;
}  // namespace sluice::v1

namespace sluice::net {

class EventLoop;
class Network;

// Sends to sessions; what the coordinator's logic needs of the network, so that it can be run
// without one.
class ControlSender {
 public:
  virtual ~ControlSender() = default;
  // Fills in session and sequence. A session that has ended meanwhile is fine: the message is
  // dropped, as it would be on a connection that breaks a moment later.
  virtual void Send(SessionId session, v1::ControlMessage message) = 0;
  // Ends a session after what was sent to it; OnSessionClosed() does not follow.
  virtual void Close(SessionId session) = 0;
};

// What the coordinator's logic is told. All calls come on the loop's thread.
class ControlEvents {
 public:
  virtual ~ControlEvents() = default;
  virtual void OnSessionOpened(SessionId session, const Peer& peer, const v1::Hello& hello) = 0;
  // Never Hello, Ping, Pong or Bye: those are the session's own.
  virtual void OnMessage(SessionId session, const Peer& peer,
                         const v1::ControlMessage& message) = 0;
  virtual void OnSessionClosed(SessionId session, const Peer& peer) = 0;
};

struct ControlServerOptions {
  std::string endpoint;  // "tcp://ADDRESS:PORT"; port * for any
  std::vector<std::string> features;
  std::string version;
  absl::Duration ping_every = absl::Seconds(5);
  absl::Duration dead_after = absl::Seconds(20);
};

// Lives on `loop`'s thread. Sequence gaps, silence and a new session of the same key end a session;
// a message whose connection's key is not the session's is dropped and counted.
class ControlServer : public ControlSender {
 public:
  // Unavailable "cannot-listen". `network`, `loop`, `events`, `clock` are borrowed.
  static StatusOr<std::unique_ptr<ControlServer>> Listen(Network& network, EventLoop& loop,
                                                         const Clock& clock, Entropy& entropy,
                                                         ControlEvents& events,
                                                         ControlServerOptions options);
  // The endpoint in use, with its port.
  virtual std::string endpoint() const = 0;
};

}  // namespace sluice::net
