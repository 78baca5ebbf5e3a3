// The lines of this process's transfers to their other ends: all connections of each line's ways,
// made, waited for, lost and made again as LineWays decides. Knows who speaks over which, and
// nothing of what is said but how conversations begin.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/line_ways.h"
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

// All calls come on the loop's thread, and never from within a call of ExchangeLines' but Begin().
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
                                                       net::EventLoop& loop, const Clock& clock,
                                                       Random& random, LineEvents& events);

  std::string endpoint() const { return sockets_->endpoint(); }

  // One line for each meeting, of a transfer that has none. OnLineReady() may be called from
  // within, for an other end that has come before.
  void Begin(const TransferId& transfer, std::vector<Meeting> meetings);
  // Something carries the line.
  bool HasConnection(LineRef line) const;
  // Needs a connection. When it does not take the message it is lost, of which OnLineLost() tells.
  void Send(LineRef line, const v1::BulkMessage& message, std::string payload);
  // Breaks what carries the line, if anything does; OnLineLost() follows.
  void HangUp(LineRef line, const Status& why);
  // Nothing carries this line any more, and nothing is sought that would. Who comes is told why.
  void Leave(LineRef line, const Status& why);
  // No line of the transfer is there any more. Nobody is told.
  void Drop(const TransferId& transfer);
  // Likewise, but who asks about the transfer from now on is told how it ended, and so are those
  // that were not met yet when it failed.
  void Finish(const TransferId& transfer, const Status& why);

  // What became of all ways of a transfer's lines.
  std::vector<WayFigures> Figures(const TransferId& transfer) const;

 private:
  // One way's connection.
  struct Leg {
    std::optional<net::ConnectionId> connection;
    bool ready = false;        // what is sent over it reaches the other end
    uint64_t bytes = 0;        // of payloads, over all its connections
    uint64_t taken_bytes = 0;  // kRelay: of payloads that came over this connection
    uint64_t told_bytes = 0;   // of these, the relay knows
    Timers::Id sign_of_life = 0;
  };
  struct Line {
    Meeting meeting;
    LineWays ways;
    std::vector<Leg> legs;           // one for each way
    std::optional<size_t> carrying;  // way; as the events' receiver knows it
    Timers::Id due = 0;
    std::optional<Status> left = std::nullopt;  // for this reason; the transfer goes on without it
  };
  struct LegRef {
    LineRef line;
    size_t way = 0;
  };
  // What is remembered of a transfer that is over, for messages that cross its end.
  struct Past {
    std::vector<std::string> curve_keys;
    Status why;
  };
  // A transfer that failed before its other end was met, which is to hear why.
  struct Farewell {
    TransferId transfer;
    Status why;
    std::string relay_to;  // foundation, over a relay
    Timers::Id patience = 0;
  };
  // A transfer and the key of who spoke of it before it began here.
  using EarlyKey = std::pair<TransferId, std::string>;

  ExchangeLines(net::EventLoop& loop, const Clock& clock, Random& random, LineEvents& events)
      : loop_(loop), clock_(clock), random_(random), events_(events) {}

  void OnConnectionReady(net::ConnectionId connection) override;
  void OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                     const v1::BulkMessage& message, std::string payload) override;
  void OnConnectionLost(net::ConnectionId connection, const Status& why) override;

  // Null when the transfer has ended.
  Line* Find(LineRef ref);
  void CarryOut(LineRef ref, LineWays::Actions actions);
  void Dial(LineRef ref, Line& line, size_t way);
  void HangUpLeg(Line& line, size_t way, bool soon = false);
  // A hung up leg is lost as one that broke by itself, but not while a message is being sent.
  void BreakLater(Line& line, size_t way, const Status& why);

  // A message over a connection that is a way's already, or over one that the other end made.
  void OnRelayMessage(LegRef leg, const v1::BulkMessage& message, std::string payload);
  void OnLegMessage(LegRef leg, net::ConnectionId connection, const v1::BulkMessage& message,
                    std::string payload);
  void SayToRelay(LineRef ref, size_t way);
  void KeepRelay(LegRef leg, net::ConnectionId connection);

  // A message about a transfer that is not under way here.
  void OnStray(net::ConnectionId connection, const net::Peer& peer, const TransferId& transfer,
               const v1::BulkMessage& message);
  // Tells who asks about what is over, well or for this reason.
  void TurnAway(net::ConnectionId connection, const TransferId& transfer,
                const v1::BulkMessage& message, const Status& why);
  void RememberEarly(net::ConnectionId connection, const EarlyKey& key);
  void ForgetEarly(const EarlyKey& key);
  void TakeEarly(const TransferId& transfer, size_t peer);
  void HangUpAll(LineRef ref, Line& line, const Status& why);
  // The word of a failure goes with the queue that is dropped when the other end is slow to read.
  // One that dials comes again and is told; one that is dialled would wait for ever.
  void TellAgain(LineRef ref, const Line& line, size_t way, const Status& why);
  // The connection may be the one over which somebody is told.
  void SayFarewell(net::ConnectionId connection);
  void EndFarewell(net::ConnectionId connection);

  net::EventLoop& loop_;
  const Clock& clock_;
  Random& random_;
  LineEvents& events_;
  std::unique_ptr<net::BulkSockets> sockets_;
  std::map<TransferId, std::vector<Line>> lines_;
  std::map<net::ConnectionId, LegRef> leg_of_;
  std::map<net::ConnectionId, Farewell> farewells_;
  std::map<EarlyKey, net::ConnectionId> early_;
  std::deque<EarlyKey> early_order_;
  std::map<TransferId, Past> past_;
  std::deque<TransferId> past_order_;
};

}  // namespace sluice::transfer
