#include "common/net/control_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/net/sockets.h"
#include "common/net/tcp_connection.h"
#include "common/net/unfinished_messages.h"
#include "common/net/wire.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

constexpr int kMessagesPerTurn = 64;
constexpr absl::Duration kWelcomeWithin = absl::Seconds(15);
constexpr absl::Duration kTransportBackoffMax = absl::Seconds(2);
constexpr absl::Duration kRefusalBackoffMax = absl::Seconds(60);
constexpr absl::Duration kBackoffFirst = absl::Milliseconds(100);
// A coordinator that is just stopping looks like one with another key: both close the connection
// during the handshake without a word. One such end is no verdict yet.
constexpr int kBrokenHandshakesForVerdict = 3;

class DealerControlClient final : public ControlClient {
 public:
  DealerControlClient(Network& network, EventLoop& loop, const Clock& clock, Entropy& entropy,
                      Random& random, ControlClientOptions options, ControlClientEvents events)
      : network_(network),
        loop_(loop),
        clock_(clock),
        random_(random),
        options_(std::move(options)),
        events_(std::move(events)),
        boot_(entropy.Bytes(16)) {
    // Not from the constructor: the caller has no client yet that a callback could use.
    attempt_ = loop_.timers().After(absl::ZeroDuration(), [this] { Connect(); });
  }

  ~DealerControlClient() override {
    if (session_ != 0) {
      v1::ControlMessage bye;
      bye.mutable_bye();
      // Best effort: the coordinator also notices by itself.
      const Status said = Send(bye);
      static_cast<void>(said);
    }
    Disconnect();
    loop_.timers().Cancel(attempt_);
  }

  Status Send(v1::ControlMessage message) override {
    if (session_ == 0) {
      return NamedError(StatusCode::kUnavailable, "coordinator-unreachable",
                        absl::StrCat("no connection to the coordinator at ", options_.endpoint));
    }
    return SendNumbered(std::move(message));
  }

  bool connected() const override { return session_ != 0; }

 private:
  void Connect() {
    auto dialed = MakeDialer(network_, kControlLimits, options_.endpoint, options_.coordinator_key);
    if (!dialed.ok()) {
      Lose(dialed.status(), kRefusalBackoffMax);
      return;
    }
    dialed_.emplace(*std::move(dialed));
    loop_.WatchSocket(dialed_->monitor.handle(), [this] { ReadEvents(); });
    loop_.WatchSocket(dialed_->socket.handle(), [this] { ReadSome(); });
    heard_at_ = clock_.Monotonic();
    deadline_ = loop_.timers().After(kWelcomeWithin, [this] {
      deadline_.reset();
      Lose(Unreachable("no answer within 15 s"), kTransportBackoffMax);
    });
  }

  void Disconnect() {
    session_ = 0;
    for (auto* timer : {&deadline_, &ping_}) {
      if (*timer) loop_.timers().Cancel(**timer);
      timer->reset();
    }
    if (!dialed_) return;
    if (look_) loop_.timers().Cancel(*look_);
    look_.reset();
    unfinished_.OnClosed(dialed_->descriptor);
    loop_.UnwatchSocket(dialed_->monitor.handle());
    loop_.UnwatchSocket(dialed_->socket.handle());
    CloseDialer(*dialed_);
    dialed_.reset();
  }

  // Ends this attempt or session and plans the next: exponential back-off with full jitter.
  void Lose(const Status& why, absl::Duration backoff_max) {
    Disconnect();
    backoff_ = std::min(backoff_max, std::max(kBackoffFirst, backoff_ * 2));
    const auto jitter = static_cast<int64_t>(
        random_.Below(static_cast<uint64_t>(absl::ToInt64Microseconds(backoff_)) + 1));
    loop_.timers().Cancel(attempt_);
    attempt_ = loop_.timers().After(absl::Microseconds(jitter), [this] { Connect(); });
    if (events_.on_lost) events_.on_lost(why);
  }

  Status Unreachable(std::string_view why) const {
    return NamedError(
        StatusCode::kUnavailable, "coordinator-unreachable",
        absl::StrCat("the coordinator at ", options_.endpoint, " is not reached: ", ToAbsl(why)));
  }

  void ReadEvents() {
    while (dialed_) {
      const auto event = NextDialEvent(*dialed_);
      if (!event) return;
      if (*event == DialEvent::kReady) {
        unfinished_.OnOpened(dialed_->descriptor);
        LookLater();
        SayHello();
      } else if (*event == DialEvent::kRefused) {
        Lose(NamedError(StatusCode::kUnauthenticated, "not-admitted",
                        absl::StrCat("the coordinator at ", options_.endpoint,
                                     " does not admit this key: its trust document does not name "
                                     "it")),
             kRefusalBackoffMax);
      } else if (*event == DialEvent::kHandshakeFailed) {
        TakeBrokenHandshake();
      } else if (*event == DialEvent::kLost) {
        Lose(Unreachable(session_ == 0 ? "connection refused or closed" : "connection lost"),
             kTransportBackoffMax);
      }
    }
  }

  void LookLater() {
    look_ = loop_.timers().After(kLookForUnfinishedEvery, [this] { LookForUnfinished(); });
  }

  void LookForUnfinished() {
    look_.reset();
    ReadSome();  // what is whole
    if (!dialed_) return;
    const auto excess = unfinished_.Look();
    if (excess.empty()) return LookLater();
    const Status why =
        NamedError(StatusCode::kUnavailable, "endless-message",
                   absl::StrCat("the coordinator at ", options_.endpoint, " has sent ",
                                excess.front().bytes, " bytes of a message that does not end"));
    LogStatus(LogLevel::kWarning, "endless-message-refused", why, {{"name", "coordinator"}});
    Lose(why, kRefusalBackoffMax);
  }

  void TakeBrokenHandshake() {
    if (++broken_handshakes_ < kBrokenHandshakesForVerdict) {
      Lose(Unreachable("it closed the connection during the handshake"), kTransportBackoffMax);
      return;
    }
    Lose(NamedError(StatusCode::kUnauthenticated, "wrong-coordinator-key",
                    absl::StrCat("who listens at ", options_.endpoint,
                                 " has not the coordinator's key that the trust document names")),
         kRefusalBackoffMax);
  }

  void SayHello() {
    broken_handshakes_ = 0;
    session_ = 0;
    sent_ = 0;
    received_ = 0;
    v1::ControlMessage message;
    auto* hello = message.mutable_hello();
    for (const std::string& feature : options_.features) hello->add_features(feature);
    hello->set_boot(boot_);
    hello->set_version(options_.version);
    hello->set_bulk_endpoint(options_.bulk_endpoint);
    const Status sent = net::Send(dialed_->socket, nullptr, EncodeControl(message));
    if (!sent.ok()) Lose(Unreachable(FromAbsl(sent.message())), kTransportBackoffMax);
  }

  void ReadSome() {
    for (int i = 0; i < kMessagesPerTurn && dialed_; ++i) {
      auto received = Receive(dialed_->socket, false);
      if (!received) return;
      unfinished_.OnWhole(dialed_->descriptor, "");
      auto message = DecodeControl(received->frames);
      if (!message.ok()) {
        Lose(WithContext(message.status(), "the coordinator sent what this side does not read"),
             kRefusalBackoffMax);
        return;
      }
      Take(*message);
    }
  }

  void Take(const v1::ControlMessage& message) {
    heard_at_ = clock_.Monotonic();
    if (message.has_hello_required()) {
      SayHello();
    } else if (message.has_welcome()) {
      Begin(message);
    } else if (session_ == 0) {
      if (message.has_error()) {
        Lose(StatusFromParts(message.error().code(), message.error().name(),
                             message.error().message()),
             kRefusalBackoffMax);
      }
    } else if (message.session() != session_ || message.sequence() != received_ + 1) {
      Lose(NamedError(StatusCode::kUnavailable, "sequence-gap",
                      "a message of the coordinator was lost; the session begins anew"),
           kTransportBackoffMax);
    } else {
      received_ = message.sequence();
      if (message.has_ping()) {
        v1::ControlMessage pong;
        pong.mutable_pong();
        SendOrLose(pong);
      } else if (!message.has_pong()) {
        events_.on_message(message);
      }
    }
  }

  void Begin(const v1::ControlMessage& message) {
    session_ = message.session();
    received_ = message.sequence();
    backoff_ = absl::ZeroDuration();
    if (deadline_) loop_.timers().Cancel(*deadline_);
    deadline_.reset();
    ping_every_ = absl::Milliseconds(std::max(1u, message.welcome().ping_milliseconds()));
    dead_after_ = absl::Milliseconds(std::max(2u, message.welcome().dead_milliseconds()));
    if (ping_) loop_.timers().Cancel(*ping_);
    ping_ = loop_.timers().After(ping_every_, [this] { Ping(); });
    if (events_.on_welcome) events_.on_welcome(message.welcome());
  }

  void Ping() {
    ping_.reset();
    if (clock_.Monotonic() - heard_at_ > dead_after_) {
      Lose(Unreachable("it has fallen silent"), kTransportBackoffMax);
      return;
    }
    ping_ = loop_.timers().After(ping_every_, [this] { Ping(); });
    v1::ControlMessage ping;
    ping.mutable_ping();
    SendOrLose(ping);
  }

  Status SendNumbered(v1::ControlMessage message) {
    message.set_session(session_);
    message.set_sequence(sent_ + 1);
    const Status sent = net::Send(dialed_->socket, nullptr, EncodeControl(message));
    if (sent.ok()) ++sent_;
    return sent;
  }

  void SendOrLose(v1::ControlMessage message) {
    const Status sent = SendNumbered(std::move(message));
    if (!sent.ok()) Lose(Unreachable(FromAbsl(sent.message())), kTransportBackoffMax);
  }

  Network& network_;
  EventLoop& loop_;
  const Clock& clock_;
  Random& random_;
  const ControlClientOptions options_;
  const ControlClientEvents events_;
  const std::string boot_;
  std::optional<DialedSocket> dialed_;
  Timers::Id attempt_ = 0;
  std::optional<Timers::Id> deadline_;
  std::optional<Timers::Id> ping_;
  SessionId session_ = 0;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  absl::Duration heard_at_;
  absl::Duration backoff_;
  int broken_handshakes_ = 0;  // in a row
  UnfinishedMessages unfinished_{BytesTaken};
  std::optional<Timers::Id> look_;  // while there is a connection
  absl::Duration ping_every_ = absl::Seconds(5);
  absl::Duration dead_after_ = absl::Seconds(20);
};

}  // namespace

std::unique_ptr<ControlClient> ControlClient::Dial(Network& network, EventLoop& loop,
                                                   const Clock& clock, Entropy& entropy,
                                                   Random& random, ControlClientOptions options,
                                                   ControlClientEvents events) {
  return std::make_unique<DealerControlClient>(network, loop, clock, entropy, random,
                                               std::move(options), std::move(events));
}

}  // namespace sluice::net
