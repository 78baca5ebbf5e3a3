#include "common/net/bulk_sockets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/logging.h"
#include "common/net/event_loop.h"
#include "common/net/listener.h"
#include "common/net/network.h"
#include "common/net/sockets.h"
#include "common/net/tcp_connection.h"
#include "common/net/unfinished_messages.h"
#include "common/net/wire.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::net {
namespace {

// Bounds one turn of the loop to a few MiB of chunks.
constexpr int kMessagesPerTurn = 16;
constexpr size_t kAcceptedConnectionsMax = 1024;
constexpr int kHangupSoonMilliseconds = 100;

struct Connection {
  Peer peer;
  std::string route;                   // accepted
  std::optional<DialedSocket> dialed;  // dialled
};

std::string Described(const Peer& peer) {
  if (peer.role == PeerRole::kCoordinator) return "the coordinator's relay";
  return absl::StrCat(peer.role == PeerRole::kAgent ? "the agent of " : "the operator ", peer.name);
}

class ZmqBulkSockets final : public BulkSockets {
 public:
  ZmqBulkSockets(Network& network, EventLoop& loop, BulkEvents& events)
      : network_(network), loop_(loop), events_(events) {}

  ~ZmqBulkSockets() override {
    if (look_) loop_.timers().Cancel(*look_);
    while (!connections_.empty()) Hangup(connections_.begin()->first);
  }

  Status Listen(const std::string& domain, const std::string& endpoint) {
    SLUICE_ASSIGN_OR_RETURN(listener_, Listener::Open(network_, loop_, domain, kBulkLimits,
                                                      endpoint, [this] { ReadListener(); }));
    return absl::OkStatus();
  }

  std::string endpoint() const override { return listener_ ? listener_->endpoint() : ""; }

  ConnectionId Dial(const std::string& endpoint, const Peer& peer) override {
    const ConnectionId id = ++last_id_;
    auto dialed = MakeDialer(network_, kBulkLimits, endpoint, peer.curve_key);
    if (!dialed.ok()) {
      loop_.timers().After(absl::ZeroDuration(), [this, id, why = dialed.status()] {
        events_.OnConnectionLost(id, why);
      });
      return id;
    }
    Connection& connection = connections_[id];
    connection.peer = peer;
    connection.dialed.emplace(*std::move(dialed));
    loop_.WatchSocket(connection.dialed->monitor.handle(), [this, id] { ReadEvents(id); });
    loop_.WatchSocket(connection.dialed->socket.handle(), [this, id] { ReadDialed(id); });
    return id;
  }

  Status Send(ConnectionId id, const v1::BulkMessage& message, std::string payload) override {
    const auto found = connections_.find(id);
    if (found == connections_.end()) {
      return NamedError(StatusCode::kNotFound, "link-gone", "the connection has ended");
    }
    Connection& connection = found->second;
    Frames frames = EncodeBulk(message, std::move(payload));
    return connection.dialed ? net::Send(connection.dialed->socket, nullptr, std::move(frames))
                             : listener_->Send(connection.route, std::move(frames));
  }

  void HangupSoon(ConnectionId id) override {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (found->second.dialed) {
      found->second.dialed->socket.set(zmq::sockopt::linger, kHangupSoonMilliseconds);
    }
    Hangup(id);
  }

  void Hangup(ConnectionId id) override {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (found->second.dialed) {
      unfinished_.OnClosed(found->second.dialed->descriptor);
      loop_.UnwatchSocket(found->second.dialed->monitor.handle());
      loop_.UnwatchSocket(found->second.dialed->socket.handle());
      CloseDialer(*found->second.dialed);
    } else {
      accepted_.erase(found->second.route);
    }
    connections_.erase(found);
  }

 private:
  void ReadListener() {
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      auto received = listener_->Receive();
      if (!received) return;
      const auto key = FromHex(received->user_id);
      const auto peer = key.ok() ? network_.FindPeer(*key) : std::nullopt;
      if (!peer) continue;
      const auto id = Accept(received->route, *peer);
      if (id) Deliver(*id, *peer, std::move(received->frames));
    }
  }

  // The connection of a route, new if need be. A route that another key used before is refused.
  std::optional<ConnectionId> Accept(const std::string& route, const Peer& peer) {
    const auto known = accepted_.find(route);
    if (known != accepted_.end()) {
      if (connections_[known->second].peer.curve_key == peer.curve_key) return known->second;
      Log(LogLevel::kWarning, "message-from-another-key", {{"name", peer.name}});
      return std::nullopt;
    }
    if (accepted_.size() >= kAcceptedConnectionsMax) {
      Log(LogLevel::kWarning, "too-many-bulk-connections", {{"name", peer.name}});
      return std::nullopt;
    }
    const ConnectionId id = ++last_id_;
    accepted_[route] = id;
    connections_[id].peer = peer;
    connections_[id].route = route;
    return id;
  }

  void ReadDialed(ConnectionId id) {
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      const auto found = connections_.find(id);
      if (found == connections_.end()) return;
      auto received = Receive(found->second.dialed->socket, false);
      if (!received) return;
      unfinished_.OnWhole(found->second.dialed->descriptor, "");
      const Peer peer = found->second.peer;
      Deliver(id, peer, std::move(received->frames));
    }
  }

  void Deliver(ConnectionId id, const Peer& peer, Frames frames) {
    const auto message = DecodeBulk(frames);
    if (!message.ok()) {
      // A peer that does not speak the protocol: named here, and the connection is given up.
      LogStatus(LogLevel::kWarning, "bulk-message-refused", message.status(),
                {{"name", peer.name}});
      Hangup(id);
      events_.OnConnectionLost(id, message.status());
      return;
    }
    std::string payload = frames.size() == 3 ? std::move(frames[2]) : std::string();
    events_.OnBulkMessage(id, peer, *message, std::move(payload));
  }

  void ReadEvents(ConnectionId id) {
    while (true) {
      const auto found = connections_.find(id);
      if (found == connections_.end()) return;
      const auto event = NextDialEvent(*found->second.dialed);
      if (!event) return;
      if (*event == DialEvent::kReady) {
        unfinished_.OnOpened(found->second.dialed->descriptor);
        if (!look_) LookLater();
        events_.OnConnectionReady(id);
      } else if (*event != DialEvent::kOther) {
        const std::string who = Described(found->second.peer);
        // What arrived before the break is still to be read.
        ReadDialed(id);
        Hangup(id);
        events_.OnConnectionLost(
            id, *event == DialEvent::kRefused || *event == DialEvent::kHandshakeFailed
                    ? NamedError(StatusCode::kUnavailable, "peer-not-admitted",
                                 absl::StrCat(who,
                                              " refused the bulk connection, or has another "
                                              "key than the trust document names"))
                    : NamedError(StatusCode::kUnavailable, "peer-unreachable",
                                 absl::StrCat("the bulk connection to ", who,
                                              " could not be made or broke")));
        return;
      }
    }
  }

  void LookLater() {
    look_ = loop_.timers().After(kLookForUnfinishedEvery, [this] { LookForUnfinished(); });
  }

  // Accepted connections are looked at by the listener.
  void LookForUnfinished() {
    look_.reset();
    for (const auto& excess : unfinished_.Look()) {
      const auto found =
          std::find_if(connections_.begin(), connections_.end(), [&](const auto& connection) {
            const auto& dialed = connection.second.dialed;
            return dialed && dialed->descriptor == excess.descriptor;
          });
      if (found == connections_.end()) continue;  // what the one before led to has ended it
      const ConnectionId id = found->first;
      const Status why =
          NamedError(StatusCode::kInvalidArgument, "endless-message",
                     absl::StrCat(Described(found->second.peer), " has sent ", excess.bytes,
                                  " bytes of a message that does not end"));
      LogStatus(LogLevel::kWarning, "endless-message-refused", why,
                {{"name", found->second.peer.name}});
      Hangup(id);
      events_.OnConnectionLost(id, why);
    }
    if (!unfinished_.empty()) LookLater();
  }

  Network& network_;
  EventLoop& loop_;
  BulkEvents& events_;
  std::unique_ptr<Listener> listener_;
  ConnectionId last_id_ = 0;
  std::map<ConnectionId, Connection> connections_;
  std::map<std::string, ConnectionId> accepted_;
  UnfinishedMessages unfinished_{BytesTaken};  // over dialled connections
  std::optional<Timers::Id> look_;             // while there are any
};

}  // namespace

StatusOr<std::unique_ptr<BulkSockets>> BulkSockets::Open(Network& network, EventLoop& loop,
                                                         BulkEvents& events,
                                                         const std::string& listen_endpoint) {
  auto sockets = std::make_unique<ZmqBulkSockets>(network, loop, events);
  if (!listen_endpoint.empty()) {
    SLUICE_RETURN_IF_ERROR(sockets->Listen(kBulkDomain, listen_endpoint));
  }
  return sockets;
}

StatusOr<std::unique_ptr<BulkSockets>> BulkSockets::OpenRelay(Network& network, EventLoop& loop,
                                                              BulkEvents& events,
                                                              const std::string& listen_endpoint) {
  auto sockets = std::make_unique<ZmqBulkSockets>(network, loop, events);
  SLUICE_RETURN_IF_ERROR(sockets->Listen(kRelayDomain, listen_endpoint));
  return sockets;
}

}  // namespace sluice::net
