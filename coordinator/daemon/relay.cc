#include "coordinator/daemon/relay.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/mailbox.h"
#include "common/net/bulk_sockets.h"
#include "coordinator/daemon/relay_table.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::coordinator {
namespace {

constexpr absl::Duration kTickEvery = absl::Seconds(5);

// What the thread does: messages to the table, and what it wants to the sockets.
class RelayLoop final : public net::BulkEvents {
 public:
  RelayLoop(net::EventLoop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}
  ~RelayLoop() override { loop_.timers().Cancel(tick_); }

  StatusOr<std::string> Listen(net::Network& network, const std::string& endpoint) {
    SLUICE_ASSIGN_OR_RETURN(sockets_, net::BulkSockets::OpenRelay(network, loop_, *this, endpoint));
    Tick();
    return sockets_->endpoint();
  }

 private:
  void OnConnectionReady(net::ConnectionId) override {}  // of dialled ones: there are none
  void OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                     const v1::BulkMessage& message, std::string payload) override {
    CarryOut(table_.OnMessage(connection, net::RelayName(peer), message, std::move(payload),
                              clock_.Monotonic()));
  }
  void OnConnectionLost(net::ConnectionId connection, const Status& why) override {
    CarryOut(table_.OnGone(connection, why));
  }

  void CarryOut(RelayTable::Actions actions) {
    // Grows while it is worked through.
    for (size_t i = 0; i < actions.size(); ++i) {
      RelayTable::Action action = std::move(actions[i]);
      if (const auto* hang_up = std::get_if<RelayTable::HangUp>(&action)) {
        sockets_->Hangup(hang_up->connection);
        continue;
      }
      RelayTable::Out& out = std::get<RelayTable::Out>(action);
      if (out.message.has_relay_parted() && out.message.relay_parted().name() != "relay-parted") {
        Log(LogLevel::kWarning, "relay-refused", {{"error", out.message.relay_parted().name()}});
      }
      const Status sent = sockets_->Send(out.to, out.message, std::move(out.payload));
      if (sent.ok()) continue;
      sockets_->Hangup(out.to);
      RelayTable::Actions more = table_.OnGone(
          out.to, NamedError(StatusCode::kUnavailable, "relay-parted",
                             "the other end has gone, or does not take what it is sent"));
      std::move(more.begin(), more.end(), std::back_inserter(actions));
    }
  }

  void Tick() {
    CarryOut(table_.OnTime(clock_.Monotonic()));
    const RelayFigures& figures = table_.figures();
    if (figures.payload_bytes != logged_bytes_) {
      logged_bytes_ = figures.payload_bytes;
      Log(LogLevel::kDebug, "relay-passed",
          {{"bytes", static_cast<int64_t>(figures.payload_bytes)},
           {"count", static_cast<int64_t>(figures.lines)}});
    }
    tick_ = loop_.timers().After(kTickEvery, [this] { Tick(); });
  }

  net::EventLoop& loop_;
  const Clock& clock_;
  std::unique_ptr<net::BulkSockets> sockets_;
  RelayTable table_;
  uint64_t logged_bytes_ = 0;
  Timers::Id tick_ = 0;
};

}  // namespace

StatusOr<std::unique_ptr<Relay>> Relay::Start(net::Network& network, const Clock& clock,
                                              const std::string& listen_endpoint) {
  std::unique_ptr<Relay> relay(new Relay(clock));
  auto started = std::make_shared<Mailbox<StatusOr<std::string>>>(1);
  relay->thread_.emplace("relay",
                         [&loop = relay->loop_, &network, &clock, listen_endpoint, started] {
                           RelayLoop relaying(loop, clock);
                           auto endpoint = relaying.Listen(network, listen_endpoint);
                           const bool listens = endpoint.ok();
                           started->Put(std::move(endpoint));
                           if (listens) loop.Run();
                         });
  SLUICE_ASSIGN_OR_RETURN(relay->endpoint_, *started->WaitAndTake());
  return relay;
}

Relay::~Relay() { loop_.Stop(); }

}  // namespace sluice::coordinator
