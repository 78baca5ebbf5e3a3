// What the exchange's thread does: finds the other ends, passes messages to the state machines of
// the transfers and carries out what they want.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/transfer/carriage.h"
#include "common/transfer/credit_budget.h"

namespace sluice::transfer {

// Lives on its loop's thread.
class ExchangeLoop final : public net::BulkEvents {
 public:
  // Unavailable "cannot-listen". All borrowed.
  static StatusOr<std::unique_ptr<ExchangeLoop>> Open(net::Network& network, net::EventLoop& loop,
                                                      const Clock& clock, Random& random,
                                                      const BulkExchange::Options& options);
  // Ends every transfer here, by "cancelled", and tells nobody: the other ends wait for the next
  // process.
  ~ExchangeLoop() override;

  std::string endpoint() const { return sockets_->endpoint(); }
  CreditBudget& credit() { return credit_; }

  // FailedPrecondition "transfer-exists". One meeting for each of the machine's peers.
  Status Begin(std::shared_ptr<Carriage> carriage, std::vector<Meeting> meetings,
               absl::Duration silence_max);
  // Carries out what the carriage's machine just said.
  void Perform(Carriage& carriage, Effects effects);
  // Ends the transfer here without telling the other ends, which wait.
  void Abandon(Carriage& carriage, const Status& why);

 private:
  // The way to one other end.
  struct Line {
    Meeting meeting;
    std::optional<net::ConnectionId> connection;
    bool ready = false;  // what is sent over the connection arrives
    int attempts = 0;    // to dial, since there was a connection
    int refusals = 0;    // of these, in the handshake, one after the other
    Timers::Id redial = 0;
  };
  struct Carried {
    std::shared_ptr<Carriage> carriage;
    std::vector<Line> lines;
    absl::Duration tick_every;
    Timers::Id tick = 0;
  };
  // What is remembered of a transfer that is over, for messages that cross its end.
  struct Past {
    std::vector<std::string> curve_keys;
    Status why;
  };
  struct LineRef {
    TransferId transfer;
    size_t peer;
  };
  // A transfer that ended while it was still dialling: the other end is to hear why.
  struct Farewell {
    TransferId transfer;
    Status why;
  };
  // A transfer and the key of who spoke of it before it began here.
  using EarlyKey = std::pair<TransferId, std::string>;

  ExchangeLoop(net::EventLoop& loop, const Clock& clock, Random& random, uint64_t credit_bytes)
      : loop_(loop), clock_(clock), random_(random), credit_(credit_bytes) {}

  void OnConnectionReady(net::ConnectionId connection) override;
  void OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                     const v1::BulkMessage& message, std::string payload) override;
  void OnConnectionLost(net::ConnectionId connection, const Status& why) override;

  void Dial(const TransferId& transfer, size_t peer);
  // A message about a transfer that is not under way here.
  void OnStray(net::ConnectionId connection, const net::Peer& peer, const TransferId& transfer,
               const v1::BulkMessage& message);
  void RememberEarly(net::ConnectionId connection, const EarlyKey& key);
  void ForgetEarly(const EarlyKey& key);
  // Whether the message of `connection` is to be heard as that of the line.
  bool BelongsTo(LineRef ref, Line& line, net::ConnectionId connection,
                 const v1::BulkMessage& message);
  // Empty unless the transfer ends by it.
  Effects LoseLine(Carried& carried, size_t peer, const Status& why);
  // Breaks the connection that a machine has given up.
  Effects HangUp(Carried& carried, const HungUp& hung_up);
  Effects SendOut(Carried& carried, MessageOut out);
  void Tick(const TransferId& transfer);
  // Nothing of the transfer is carried any more. Nobody is told.
  void Drop(const TransferId& transfer);
  void Finish(const TransferId& transfer, const Status& why);
  void Leave(Line& line, const TransferId& transfer, const Status& why);
  void SayFarewell(net::ConnectionId connection);

  net::EventLoop& loop_;
  const Clock& clock_;
  Random& random_;
  CreditBudget credit_;
  std::unique_ptr<net::BulkSockets> sockets_;
  std::map<TransferId, Carried> carried_;
  std::map<net::ConnectionId, LineRef> line_of_;
  std::map<net::ConnectionId, Farewell> farewells_;  // each ends with its attempt to connect
  std::map<EarlyKey, net::ConnectionId> early_;
  std::deque<EarlyKey> early_order_;
  std::map<TransferId, Past> past_;
  std::deque<TransferId> past_order_;
};

}  // namespace sluice::transfer
