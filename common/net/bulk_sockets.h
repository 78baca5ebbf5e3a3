// Connections between agents, and between one and an operator who exports through the relay, for
// sealed droplet streams: dialled ones, and those that a listening socket accepts. Which side sends
// does not depend on which side dialled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/net/peer.h"

namespace sluice::v1 {
class BulkMessage;
}  // namespace sluice::v1

namespace sluice::net {

class EventLoop;
class Network;

// Never used again within a process's life.
using ConnectionId = uint64_t;

// All calls come on the loop's thread.
class BulkEvents {
 public:
  virtual ~BulkEvents() = default;
  // A dialled connection has passed CURVE and ZAP on both sides.
  virtual void OnConnectionReady(ConnectionId connection) = 0;
  // `peer` is whom the connection's key belongs to. The first message of an accepted connection is
  // how one hears of it.
  virtual void OnBulkMessage(ConnectionId connection, const Peer& peer,
                             const v1::BulkMessage& message, std::string payload) = 0;
  // A dialled connection failed or broke, or its other end sends a message without end
  // ("endless-message"), or either kind does not take what is sent. Nothing
  // follows for it. Accepted connections break silently: transfers notice by silence.
  virtual void OnConnectionLost(ConnectionId connection, const Status& why) = 0;
};

// Lives on one loop's thread.
class BulkSockets {
 public:
  virtual ~BulkSockets() = default;
  // Listens at `listen_endpoint` unless empty. Unavailable "cannot-listen".
  static StatusOr<std::unique_ptr<BulkSockets>> Open(Network& network, EventLoop& loop,
                                                     BulkEvents& events,
                                                     const std::string& listen_endpoint);
  // Listens as the relay, to agents and operators. Unavailable "cannot-listen".
  static StatusOr<std::unique_ptr<BulkSockets>> OpenRelay(Network& network, EventLoop& loop,
                                                          BulkEvents& events,
                                                          const std::string& listen_endpoint);

  // Connects once; expects `peer`'s CURVE key there.
  virtual ConnectionId Dial(const std::string& endpoint, const Peer& peer) = 0;
  // Never waits. Senders stay below the queue limit by credit, so "link-full" is a broken peer.
  virtual Status Send(ConnectionId connection, const v1::BulkMessage& message,
                      std::string payload) = 0;
  // What was sent before still goes, within half a second.
  virtual void Hangup(ConnectionId connection) = 0;
  // The same, but for a tenth of a second: chunks that nobody wants any more do not go.
  virtual void HangupSoon(ConnectionId connection) { Hangup(connection); }
  // The listening endpoint in use, with its port; empty when not listening.
  virtual std::string endpoint() const = 0;
};

}  // namespace sluice::net
