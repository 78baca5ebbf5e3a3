#include "common/net/control_server.h"

#include <string.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/logging.h"
#include "common/net/event_loop.h"
#include "common/net/features.h"
#include "common/net/listener.h"
#include "common/net/network.h"
#include "common/net/sockets.h"
#include "common/net/wire.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

constexpr int kMessagesPerTurn = 64;
constexpr size_t kSessionsMax = 4096;
// Waiting for a peer that is slow to read; more than that, and it is taken for gone.
constexpr size_t kQueuedPerSessionMax = 512;
constexpr int kStrikesMax = 16;  // malformed messages after which a session ends
constexpr absl::Duration kSweepEvery = absl::Seconds(1);
constexpr absl::Duration kRetryAfter = absl::Milliseconds(5);
constexpr uint32_t kProtocolMinor = 0;

struct Session {
  SessionId id = 0;
  std::string route;
  Peer peer;
  uint64_t received = 0;  // sequence of the last message from the peer
  uint64_t sent = 0;
  absl::Duration heard_at;
  int strikes = 0;
  std::deque<Frames> queued;
};

class RouterControlServer final : public ControlServer {
 public:
  RouterControlServer(Network& network, EventLoop& loop, const Clock& clock, Entropy& entropy,
                      ControlEvents& events, ControlServerOptions options)
      : network_(network),
        loop_(loop),
        clock_(clock),
        entropy_(entropy),
        events_(events),
        options_(std::move(options)),
        epoch_(entropy.Bytes(16)) {
    sweep_ = loop_.timers().After(kSweepEvery, [this] { Sweep(); });
  }

  ~RouterControlServer() override {
    loop_.timers().Cancel(sweep_);
    if (retry_) loop_.timers().Cancel(*retry_);
  }

  Status Listen() {
    SLUICE_ASSIGN_OR_RETURN(listener_,
                            Listener::Open(network_, loop_, kControlDomain, kControlLimits,
                                           options_.endpoint, [this] { ReadSome(); }));
    return absl::OkStatus();
  }

  std::string endpoint() const override { return listener_->endpoint(); }

  void Send(SessionId id, v1::ControlMessage message) override {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) SendTo(found->second, std::move(message));
    DropOverflowing();
  }

  void Close(SessionId id) override { Forget(id); }

 private:
  void ReadSome() {
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      auto received = listener_->Receive();
      if (!received) break;
      Take(*received);
    }
    DropOverflowing();
  }

  void Take(const Received& received) {
    const auto key = FromHex(received.user_id);
    const auto peer = key.ok() ? network_.FindPeer(*key) : std::nullopt;
    // Not admitted (any more): the connection stays open, but nothing on it is heard.
    if (!peer) return;
    const auto by_route = session_by_route_.find(received.route);
    Session* session = by_route == session_by_route_.end() ? nullptr : &sessions_[by_route->second];
    if (session != nullptr && session->peer.curve_key != *key) {
      // A route is a label that a peer chooses: it never moves a session to another key.
      Log(LogLevel::kWarning, "message-from-another-key", {{"name", peer->name}});
      return;
    }
    auto message = DecodeControl(received.frames);
    if (!message.ok()) {
      Refuse(session, received.route, "", message.status());
    } else if (message->has_hello()) {
      Open(received.route, *peer, *message);
    } else if (session == nullptr) {
      v1::ControlMessage reply;
      reply.mutable_hello_required();
      SendRaw(received.route, reply);
    } else {
      TakeInSession(*session, *message);
    }
  }

  void TakeInSession(Session& session, const v1::ControlMessage& message) {
    if (message.session() != session.id) {
      Refuse(&session, session.route, message.request(),
             NamedError(StatusCode::kFailedPrecondition, "session-unknown",
                        "that session has ended; say Hello again"));
      return;
    }
    if (message.sequence() != session.received + 1) {
      Refuse(&session, session.route, message.request(),
             NamedError(StatusCode::kFailedPrecondition, "sequence-gap",
                        absl::StrCat("message ", message.sequence(), " came after message ",
                                     session.received, "; the session ends")));
      End(session.id);
      return;
    }
    session.received = message.sequence();
    session.heard_at = clock_.Monotonic();
    if (message.has_ping()) {
      v1::ControlMessage pong;
      pong.mutable_pong();
      SendTo(session, pong);
    } else if (message.has_bye()) {
      End(session.id);
    } else if (!message.has_pong()) {
      const SessionId id = session.id;
      const Peer peer = session.peer;
      events_.OnMessage(id, peer, message);
    }
  }

  void Open(const std::string& route, const Peer& peer, const v1::ControlMessage& message) {
    if (const auto old = session_by_route_.find(route); old != session_by_route_.end()) {
      End(old->second);
    }
    if (sessions_.size() >= kSessionsMax) {
      Refuse(nullptr, route, message.request(),
             NamedError(StatusCode::kResourceExhausted, "too-many-sessions",
                        absl::StrCat("the coordinator has ", kSessionsMax, " sessions already")));
      return;
    }
    Session session;
    do {
      const std::string bytes = entropy_.Bytes(sizeof session.id);
      memcpy(&session.id, bytes.data(), sizeof session.id);
    } while (session.id == 0 || sessions_.contains(session.id));
    session.route = route;
    session.peer = peer;
    session.heard_at = clock_.Monotonic();
    session_by_route_[route] = session.id;
    Session& kept = sessions_[session.id] = std::move(session);

    v1::ControlMessage reply;
    reply.set_request(message.request());
    auto* welcome = reply.mutable_welcome();
    welcome->set_protocol_minor(std::min(kProtocolMinor, message.hello().protocol_minor()));
    for (const auto& feature : SharedFeatures(options_.features, message.hello().features())) {
      welcome->add_features(feature);
    }
    welcome->set_name(peer.name);
    welcome->set_epoch(epoch_);
    welcome->set_ping_milliseconds(
        static_cast<uint32_t>(absl::ToInt64Milliseconds(options_.ping_every)));
    welcome->set_dead_milliseconds(
        static_cast<uint32_t>(absl::ToInt64Milliseconds(options_.dead_after)));
    welcome->set_version(options_.version);
    const SessionId id = kept.id;
    SendTo(kept, reply);
    events_.OnSessionOpened(id, peer, message.hello());
  }

  void Refuse(Session* session, const std::string& route, const std::string& request,
              const Status& status) {
    v1::ControlMessage reply;
    reply.set_request(request);
    reply.mutable_error()->set_code(static_cast<int>(status.code()));
    reply.mutable_error()->set_name(ErrorName(status));
    reply.mutable_error()->set_message(std::string(status.message()));
    if (session == nullptr) {
      SendRaw(route, reply);
      return;
    }
    LogStatus(LogLevel::kWarning, "message-refused", status, {{"name", session->peer.name}});
    SendTo(*session, reply);
    if (++session->strikes >= kStrikesMax) End(session->id);
  }

  void SendTo(Session& session, v1::ControlMessage message) {
    message.set_session(session.id);
    message.set_sequence(++session.sent);
    session.queued.push_back(EncodeControl(message));
    Flush(session);
  }

  // Before a session there is nothing to number and nothing to keep: lost is lost.
  void SendRaw(const std::string& route, const v1::ControlMessage& message) {
    const Status sent = listener_->Send(route, EncodeControl(message));
    if (!sent.ok()) LogStatus(LogLevel::kDebug, "reply-not-sent", sent);
  }

  void Flush(Session& session) {
    while (!session.queued.empty()) {
      const Status sent = listener_->Send(session.route, session.queued.front());
      if (absl::IsResourceExhausted(sent)) {
        if (!retry_) retry_ = loop_.timers().After(kRetryAfter, [this] { FlushAll(); });
        return;
      }
      if (!sent.ok()) {
        gone_.push_back(session.id);
        return;
      }
      session.queued.pop_front();
    }
  }

  void FlushAll() {
    retry_.reset();
    for (auto& [id, session] : sessions_) Flush(session);
    DropOverflowing();
  }

  // Sessions whose connection is gone, or that let too much queue up. Not done while a message
  // is being handled, so that nothing vanishes under its caller.
  void DropOverflowing() {
    for (const auto& [id, session] : sessions_) {
      if (session.queued.size() > kQueuedPerSessionMax) gone_.push_back(id);
    }
    for (const SessionId id : std::exchange(gone_, {})) End(id);
  }

  void Sweep() {
    sweep_ = loop_.timers().After(kSweepEvery, [this] { Sweep(); });
    for (const auto& [id, session] : sessions_) {
      if (clock_.Monotonic() - session.heard_at > options_.dead_after) gone_.push_back(id);
    }
    DropOverflowing();
  }

  void Forget(SessionId id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    session_by_route_.erase(found->second.route);
    sessions_.erase(found);
  }

  void End(SessionId id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    const Peer peer = found->second.peer;
    Forget(id);
    events_.OnSessionClosed(id, peer);
  }

  Network& network_;
  EventLoop& loop_;
  const Clock& clock_;
  Entropy& entropy_;
  ControlEvents& events_;
  const ControlServerOptions options_;
  std::unique_ptr<Listener> listener_;
  const std::string epoch_;
  Timers::Id sweep_ = 0;
  std::optional<Timers::Id> retry_;
  std::map<SessionId, Session> sessions_;
  std::map<std::string, SessionId> session_by_route_;
  std::vector<SessionId> gone_;
};

}  // namespace

StatusOr<std::unique_ptr<ControlServer>> ControlServer::Listen(Network& network, EventLoop& loop,
                                                               const Clock& clock, Entropy& entropy,
                                                               ControlEvents& events,
                                                               ControlServerOptions options) {
  auto server = std::make_unique<RouterControlServer>(network, loop, clock, entropy, events,
                                                      std::move(options));
  SLUICE_RETURN_IF_ERROR(server->Listen());
  return server;
}

}  // namespace sluice::net
