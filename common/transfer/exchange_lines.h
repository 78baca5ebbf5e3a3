// The lines of this process's transfers to their other ends: dialled, waited for, lost and made
// again. Knows which connection belongs to which line, and nothing of what is said over it but who
// speaks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

// Where connections come from: net::BulkSockets::Open(), or a simulated network.
using OpenSockets =
    std::function<StatusOr<std::unique_ptr<net::BulkSockets>>(net::BulkEvents& events)>;

// The line of a transfer to its other end number `peer`.
struct LineRef {
  TransferId transfer;
  size_t peer = 0;
};

// Why a line carries nothing now.
struct LineLoss {
  Status why;
  bool for_good = false;  // else another connection is sought, or waited for
};

// All calls come on the loop's thread.
class LineEvents {
 public:
  virtual ~LineEvents() = default;
  // What is sent from now on arrives, over a new connection.
  virtual void OnLineReady(LineRef line) = 0;
  virtual void OnLineMessage(LineRef line, const v1::BulkMessage& message, std::string payload) = 0;
  virtual void OnLineLost(LineRef line, const LineLoss& loss) = 0;
};

// Lives on its loop's thread.
class ExchangeLines final : public net::BulkEvents {
 public:
  // Names of `open`. All borrowed.
  static StatusOr<std::unique_ptr<ExchangeLines>> Open(const OpenSockets& open,
                                                       net::EventLoop& loop, Random& random,
                                                       LineEvents& events);

  std::string endpoint() const { return sockets_->endpoint(); }

  // One line for each meeting, of a transfer that has none. Gives those that are ready at once,
  // since the other end has come before.
  std::vector<LineRef> Begin(const TransferId& transfer, std::vector<Meeting> meetings);
  bool HasConnection(LineRef line) const;
  // Nothing when it was sent. Needs a connection; the line has none after a loss.
  std::optional<LineLoss> Send(LineRef line, const v1::BulkMessage& message, std::string payload);
  // Breaks the line's connection, if there is one.
  std::optional<LineLoss> HangUp(LineRef line, const Status& why);
  // No line of the transfer is there any more. Nobody is told.
  void Drop(const TransferId& transfer);
  // Likewise, but who asks about the transfer from now on is told how it ended, and so are those
  // that were still being dialled when it failed.
  void Finish(const TransferId& transfer, const Status& why);

 private:
  struct Line {
    Meeting meeting;
    std::optional<net::ConnectionId> connection;
    bool ready = false;  // what is sent over the connection arrives
    int attempts = 0;    // to dial, since there was a connection
    int refusals = 0;    // of these, in the handshake, one after the other
    Timers::Id redial = 0;
  };
  // What is remembered of a transfer that is over, for messages that cross its end.
  struct Past {
    std::vector<std::string> curve_keys;
    Status why;
  };
  // A transfer that ended while it was still dialling: the other end is to hear why.
  struct Farewell {
    TransferId transfer;
    Status why;
  };
  // A transfer and the key of who spoke of it before it began here.
  using EarlyKey = std::pair<TransferId, std::string>;

  ExchangeLines(net::EventLoop& loop, Random& random, LineEvents& events)
      : loop_(loop), random_(random), events_(events) {}

  void OnConnectionReady(net::ConnectionId connection) override;
  void OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                     const v1::BulkMessage& message, std::string payload) override;
  void OnConnectionLost(net::ConnectionId connection, const Status& why) override;

  void Dial(LineRef ref);
  // A message about a transfer that is not under way here.
  void OnStray(net::ConnectionId connection, const net::Peer& peer, const TransferId& transfer,
               const v1::BulkMessage& message);
  void RememberEarly(net::ConnectionId connection, const EarlyKey& key);
  void ForgetEarly(const EarlyKey& key);
  // Whether the message of `connection` is to be heard as that of the line.
  bool BelongsTo(LineRef ref, Line& line, net::ConnectionId connection,
                 const v1::BulkMessage& message);
  LineLoss Lose(LineRef ref, Line& line, const Status& why);
  void Leave(Line& line, const TransferId& transfer, const Status& why);
  void SayFarewell(net::ConnectionId connection);

  net::EventLoop& loop_;
  Random& random_;
  LineEvents& events_;
  std::unique_ptr<net::BulkSockets> sockets_;
  std::map<TransferId, std::vector<Line>> lines_;
  std::map<net::ConnectionId, LineRef> line_of_;
  std::map<net::ConnectionId, Farewell> farewells_;  // each ends with its attempt to connect
  std::map<EarlyKey, net::ConnectionId> early_;
  std::deque<EarlyKey> early_order_;
  std::map<TransferId, Past> past_;
  std::deque<TransferId> past_order_;
};

}  // namespace sluice::transfer
