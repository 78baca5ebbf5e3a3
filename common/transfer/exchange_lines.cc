#include "common/transfer/exchange_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/transfer/bulk_message.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::transfer {
namespace {

// Other ends that spoke of a transfer before it began here.
constexpr size_t kEarlyMax = 64;
// Transfers that are over and still answered for.
constexpr size_t kPastMax = 256;
// What has been taken from a relay is told in such portions: it lets no more through before.
constexpr uint64_t kTakenToldEvery = 512 << 10;
// Several fit into the silence after which a relay forgets a connection.
constexpr absl::Duration kRelaySignOfLife = absl::Seconds(8);
// For an other end that is to hear of a failure and has not come, or is dialled once more for it.
constexpr absl::Duration kFarewellMax = absl::Seconds(10);

// The messages by which an end may come over a new connection.
bool MeetsAnew(const v1::BulkMessage& message) {
  return message.has_announce() || message.has_open() || message.has_verified();
}

bool IsRelays(const v1::BulkMessage& message) {
  return message.has_relay_join() || message.has_relay_joined() || message.has_relay_parted();
}

}  // namespace

StatusOr<std::unique_ptr<ExchangeLines>> ExchangeLines::Open(const OpenSockets& open,
                                                             net::EventLoop& loop,
                                                             const Clock& clock, Random& random,
                                                             LineEvents& events) {
  std::unique_ptr<ExchangeLines> lines(new ExchangeLines(loop, clock, random, events));
  SLUICE_ASSIGN_OR_RETURN(lines->sockets_, open(*lines));
  return lines;
}

void ExchangeLines::Begin(const TransferId& transfer, std::vector<Meeting> meetings) {
  if (past_.erase(transfer) > 0) std::erase(past_order_, transfer);
  std::vector<Line>& lines = lines_[transfer];
  for (Meeting& meeting : meetings) {
    std::vector<WayKind> kinds;
    for (const Way& way : meeting.ways) kinds.push_back(way.kind);
    LineWays ways(kinds, meeting.end, random_);
    lines.push_back(Line{std::move(meeting), std::move(ways), std::vector<Leg>(kinds.size()), {}});
  }
  const size_t count = lines.size();
  for (size_t peer = 0; peer < count; ++peer) {
    const LineRef ref{transfer, peer};
    Line* line = Find(ref);
    if (line == nullptr) return;  // one that was ready at once has ended it
    CarryOut(ref, line->ways.OnBegin(clock_.Monotonic()));
    TakeEarly(transfer, peer);
  }
}

void ExchangeLines::TakeEarly(const TransferId& transfer, size_t peer) {
  Line* line = Find({transfer, peer});
  if (line == nullptr) return;
  const EarlyKey key{transfer, line->meeting.peer.curve_key};
  const auto early = early_.find(key);
  if (early == early_.end()) return;
  const net::ConnectionId connection = early->second;
  ForgetEarly(key);
  for (size_t way = 0; way < line->legs.size(); ++way) {
    if (line->meeting.ways[way].kind != WayKind::kAccepted) continue;
    line->legs[way].connection = connection;
    line->legs[way].ready = true;
    leg_of_[connection] = {{transfer, peer}, way};
    return CarryOut({transfer, peer}, line->ways.OnReady(way, clock_.Monotonic()));
  }
  sockets_->Hangup(connection);
}

ExchangeLines::Line* ExchangeLines::Find(LineRef ref) {
  const auto found = lines_.find(ref.transfer);
  return found == lines_.end() ? nullptr : &found->second[ref.peer];
}

void ExchangeLines::CarryOut(LineRef ref, LineWays::Actions actions) {
  for (const LineWays::Action& action : actions) {
    // What the action before has led to may have ended the transfer, or the line.
    Line* line = Find(ref);
    if (line == nullptr || line->left) return;
    if (const auto* dial = std::get_if<LineWays::Dial>(&action)) {
      Dial(ref, *line, dial->way);
    } else if (const auto* carry = std::get_if<LineWays::Carry>(&action)) {
      line->carrying = carry->way;
      events_.OnLineReady(ref);
    } else if (const auto* known = std::get_if<LineWays::MakeKnown>(&action)) {
      const Status sent =
          sockets_->Send(*line->legs[known->way].connection, AnnounceMessage(ref.transfer), "");
      if (!sent.ok()) BreakLater(*line, known->way, sent);
    } else if (const auto* hang_up = std::get_if<LineWays::HangUp>(&action)) {
      HangUpLeg(*line, hang_up->way);
    } else if (const auto* lost = std::get_if<LineWays::Lost>(&action)) {
      line->carrying.reset();
      events_.OnLineLost(ref, {lost->why, lost->for_good});
    }
  }
  Line* line = Find(ref);
  if (line == nullptr || line->left) return;
  loop_.timers().Cancel(line->due);
  const auto due_at = line->ways.due_at();
  if (!due_at) return;
  line->due = loop_.timers().After(std::max(absl::ZeroDuration(), *due_at - clock_.Monotonic()),
                                   [this, ref] {
                                     if (Line* due = Find(ref))
                                       CarryOut(ref, due->ways.OnTime(clock_.Monotonic()));
                                   });
}

void ExchangeLines::Dial(LineRef ref, Line& line, size_t way) {
  const Way& dialled = line.meeting.ways[way];
  const bool relay = dialled.kind == WayKind::kRelay;
  line.legs[way].connection =
      sockets_->Dial(dialled.endpoint, relay ? dialled.host : line.meeting.peer);
  leg_of_[*line.legs[way].connection] = {ref, way};
}

void ExchangeLines::HangUpLeg(Line& line, size_t way, bool soon) {
  Leg& leg = line.legs[way];
  loop_.timers().Cancel(leg.sign_of_life);
  leg.ready = false;
  if (!leg.connection) return;
  leg_of_.erase(*leg.connection);
  const net::ConnectionId connection = *std::exchange(leg.connection, std::nullopt);
  if (soon) {
    sockets_->HangupSoon(connection);
  } else {
    sockets_->Hangup(connection);
  }
}

void ExchangeLines::BreakLater(Line& line, size_t way, const Status& why) {
  if (line.carrying == way) line.carrying.reset();
  const net::ConnectionId connection = *line.legs[way].connection;
  sockets_->Hangup(connection);
  loop_.timers().After(absl::ZeroDuration(),
                       [this, connection, why] { OnConnectionLost(connection, why); });
}

void ExchangeLines::OnConnectionReady(net::ConnectionId connection) {
  const auto found = leg_of_.find(connection);
  if (found == leg_of_.end()) return SayFarewell(connection);
  const LegRef ref = found->second;
  Line& line = *Find(ref.line);
  if (line.meeting.ways[ref.way].kind == WayKind::kRelay) {
    line.legs[ref.way].taken_bytes = 0;
    return KeepRelay(ref, connection);
  }
  line.legs[ref.way].ready = true;
  CarryOut(ref.line, line.ways.OnReady(ref.way, clock_.Monotonic()));
}

void ExchangeLines::KeepRelay(LegRef ref, net::ConnectionId connection) {
  Line* line = Find(ref.line);
  if (line == nullptr || line->legs[ref.way].connection != connection) return;
  SayToRelay(ref.line, ref.way);
  line->legs[ref.way].sign_of_life = loop_.timers().After(
      kRelaySignOfLife, [this, ref, connection] { KeepRelay(ref, connection); });
}

void ExchangeLines::SayToRelay(LineRef ref, size_t way) {
  Line& line = *Find(ref);
  Leg& leg = line.legs[way];
  leg.told_bytes = leg.taken_bytes;
  const Status sent = sockets_->Send(
      *leg.connection,
      RelayJoinMessage(ref.transfer, net::RelayName(line.meeting.peer), leg.taken_bytes), "");
  if (!sent.ok()) BreakLater(line, way, sent);
}

void ExchangeLines::OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                                  const v1::BulkMessage& message, std::string payload) {
  const auto transfer = TransferId::FromBytes(message.transfer());
  if (!transfer.ok()) {
    LogStatus(LogLevel::kWarning, "bulk-message-refused", transfer.status(), {{"name", peer.name}});
    return;
  }
  const auto leg = leg_of_.find(connection);
  const bool ours = leg != leg_of_.end() && leg->second.line.transfer == *transfer;
  if (peer.role == net::PeerRole::kCoordinator) {
    if (ours) return OnRelayMessage(leg->second, message, std::move(payload));
    if (message.has_relay_joined()) SayFarewell(connection);
    return;
  }
  if (IsRelays(message)) return;
  if (ours) return OnLegMessage(leg->second, connection, message, std::move(payload));
  const auto found = lines_.find(*transfer);
  if (found == lines_.end()) return OnStray(connection, peer, *transfer, message);
  std::vector<Line>& lines = found->second;
  for (size_t number = 0; number < lines.size(); ++number) {
    const Meeting& meeting = lines[number].meeting;
    if (meeting.peer.curve_key != peer.curve_key) continue;
    if (lines[number].left) return TurnAway(connection, *transfer, message, *lines[number].left);
    for (size_t way = 0; way < meeting.ways.size(); ++way) {
      if (meeting.ways[way].kind != WayKind::kAccepted) continue;
      return OnLegMessage({{*transfer, number}, way}, connection, message, std::move(payload));
    }
    return;  // it was not to dial here
  }
  Log(LogLevel::kWarning, "transfer-of-others",
      {{"name", peer.name}, {"transfer", transfer->hex()}});
}

void ExchangeLines::OnRelayMessage(LegRef ref, const v1::BulkMessage& message,
                                   std::string payload) {
  Line& line = *Find(ref.line);
  Leg& leg = line.legs[ref.way];
  const net::ConnectionId connection = *leg.connection;
  if (message.has_relay_joined()) {
    // It answers each sign of life; only the first means that the other end has come.
    if (std::exchange(leg.ready, true)) return;
    return CarryOut(ref.line, line.ways.OnReady(ref.way, clock_.Monotonic()));
  }
  if (message.has_relay_parted()) {
    leg.ready = false;
    return CarryOut(ref.line, line.ways.OnParted(ref.way, PartedCause(message.relay_parted()),
                                                 clock_.Monotonic()));
  }
  leg.taken_bytes += payload.size();
  if (!leg.ready) return;
  if (leg.taken_bytes - leg.told_bytes >= kTakenToldEvery) SayToRelay(ref.line, ref.way);
  OnLegMessage(ref, connection, message, std::move(payload));
}

void ExchangeLines::OnLegMessage(LegRef ref, net::ConnectionId connection,
                                 const v1::BulkMessage& message, std::string payload) {
  Line& line = *Find(ref.line);
  Leg& leg = line.legs[ref.way];
  const bool new_connection = leg.connection != connection;
  bool for_line = !new_connection && line.carrying == ref.way;
  if (MeetsAnew(message)) {
    if (new_connection) {
      HangUpLeg(line, ref.way);
      leg.connection = connection;
      leg_of_[connection] = ref;
    }
    leg.ready = true;
    leg.bytes += payload.size();
    LineWays::Heard heard = line.ways.OnMeeting(ref.way, new_connection, clock_.Monotonic());
    if (heard.is_for_line) line.carrying = ref.way;
    CarryOut(ref.line, std::move(heard.actions));
    for_line = heard.is_for_line;
  } else {
    leg.bytes += payload.size();
  }
  if (!message.has_closed() && !message.has_cancel()) line.ways.OnHeard(ref.way);
  // Who gives up says so over whatever it has.
  if (for_line || message.has_cancel()) {
    events_.OnLineMessage(ref.line, message, std::move(payload));
  }
}

void ExchangeLines::OnStray(net::ConnectionId connection, const net::Peer& peer,
                            const TransferId& transfer, const v1::BulkMessage& message) {
  const auto past = past_.find(transfer);
  if (past == past_.end()) {
    if (message.has_announce() || message.has_open()) {
      RememberEarly(connection, {transfer, peer.curve_key});
    } else if (early_.count({transfer, peer.curve_key}) == 0) {
      sockets_->Hangup(connection);
    }
    return;
  }
  const std::vector<std::string>& keys = past->second.curve_keys;
  if (std::find(keys.begin(), keys.end(), peer.curve_key) == keys.end()) {
    return sockets_->Hangup(connection);
  }
  TurnAway(connection, transfer, message, past->second.why);
}

void ExchangeLines::TurnAway(net::ConnectionId connection, const TransferId& transfer,
                             const v1::BulkMessage& message, const Status& why) {
  if (MeetsAnew(message) || message.has_fetch() || message.has_credit() || message.has_ping()) {
    const Status sent = sockets_->Send(
        connection, why.ok() ? ClosedMessage(transfer) : CancelMessage(transfer, why), "");
    if (!sent.ok()) LogStatus(LogLevel::kDebug, "transfer-end-not-told", sent);
  }
  sockets_->Hangup(connection);
}

void ExchangeLines::RememberEarly(net::ConnectionId connection, const EarlyKey& key) {
  const auto [known, inserted] = early_.try_emplace(key, connection);
  if (!inserted) {
    if (known->second != connection) sockets_->Hangup(known->second);
    known->second = connection;
    return;
  }
  early_order_.push_back(key);
  if (early_order_.size() <= kEarlyMax) return;
  const EarlyKey oldest = early_order_.front();
  sockets_->Hangup(early_.at(oldest));
  ForgetEarly(oldest);
}

void ExchangeLines::ForgetEarly(const EarlyKey& key) {
  early_.erase(key);
  std::erase(early_order_, key);
}

void ExchangeLines::OnConnectionLost(net::ConnectionId connection, const Status& why) {
  const auto found = leg_of_.find(connection);
  if (found == leg_of_.end()) return EndFarewell(connection);
  const LegRef ref = found->second;
  Line& line = *Find(ref.line);
  loop_.timers().Cancel(line.legs[ref.way].sign_of_life);
  line.legs[ref.way].connection.reset();
  line.legs[ref.way].ready = false;
  if (line.carrying == ref.way) line.carrying.reset();
  leg_of_.erase(found);
  CarryOut(ref.line, line.ways.OnLost(ref.way, why, clock_.Monotonic()));
}

bool ExchangeLines::HasConnection(LineRef ref) const {
  return lines_.at(ref.transfer)[ref.peer].carrying.has_value();
}

void ExchangeLines::Send(LineRef ref, const v1::BulkMessage& message, std::string payload) {
  Line& line = *Find(ref);
  const size_t way = *line.carrying;
  line.legs[way].bytes += payload.size();
  const Status sent = sockets_->Send(*line.legs[way].connection, message, std::move(payload));
  if (sent.ok()) return;
  BreakLater(line, way,
             NamedError(StatusCode::kUnavailable, "peer-unreachable",
                        absl::StrCat("the bulk connection to the agent of ", line.meeting.peer.name,
                                     " broke: ", sent.message())));
}

void ExchangeLines::HangUp(LineRef ref, const Status& why) {
  Line& line = *Find(ref);
  if (line.carrying) BreakLater(line, *line.carrying, why);
}

void ExchangeLines::HangUpAll(LineRef ref, Line& line, const Status& why) {
  loop_.timers().Cancel(line.due);
  const bool untold = !why.ok() && !line.carrying;
  if (!why.ok() && line.carrying) TellAgain(ref, line, *line.carrying, why);
  for (size_t way = 0; way < line.legs.size(); ++way) {
    Leg& leg = line.legs[way];
    if (!leg.connection || !untold) {
      // What is queued for a transfer that has failed is of no use, but the word that it has.
      HangUpLeg(line, way, !why.ok());
      continue;
    }
    loop_.timers().Cancel(leg.sign_of_life);
    const net::ConnectionId connection = *std::exchange(leg.connection, std::nullopt);
    leg_of_.erase(connection);
    const bool relay = line.meeting.ways[way].kind == WayKind::kRelay;
    const bool joins = relay && !leg.ready;
    farewells_[connection] = {ref.transfer, why, joins ? net::RelayName(line.meeting.peer) : "", 0};
    if (leg.ready) {
      SayFarewell(connection);
    } else if (joins) {
      farewells_[connection].patience =
          loop_.timers().After(kFarewellMax, [this, connection] { EndFarewell(connection); });
    }
  }
}

void ExchangeLines::TellAgain(LineRef ref, const Line& line, size_t way, const Status& why) {
  const Way& dialled = line.meeting.ways[way];
  if (dialled.kind == WayKind::kAccepted) return;
  const bool relay = dialled.kind == WayKind::kRelay;
  const net::ConnectionId connection =
      sockets_->Dial(dialled.endpoint, relay ? dialled.host : line.meeting.peer);
  farewells_[connection] = {
      ref.transfer, why, relay ? net::RelayName(line.meeting.peer) : "",
      loop_.timers().After(kFarewellMax, [this, connection] { EndFarewell(connection); })};
}

void ExchangeLines::Leave(LineRef ref, const Status& why) {
  Line& line = *Find(ref);
  HangUpAll(ref, line, absl::OkStatus());
  line.carrying.reset();
  line.left = why;
}

void ExchangeLines::SayFarewell(net::ConnectionId connection) {
  const auto found = farewells_.find(connection);
  if (found == farewells_.end()) return;
  Farewell& farewell = found->second;
  if (!farewell.relay_to.empty()) {
    // The relay first, and next time, when the other end has come, that one.
    const std::string to = std::exchange(farewell.relay_to, "");
    const Status sent = sockets_->Send(connection, RelayJoinMessage(farewell.transfer, to, 0), "");
    if (sent.ok()) return;
  }
  const Status sent =
      sockets_->Send(connection, CancelMessage(farewell.transfer, farewell.why), "");
  if (!sent.ok()) LogStatus(LogLevel::kDebug, "transfer-end-not-told", sent);
  EndFarewell(connection);
}

void ExchangeLines::EndFarewell(net::ConnectionId connection) {
  const auto found = farewells_.find(connection);
  if (found == farewells_.end()) return;
  loop_.timers().Cancel(found->second.patience);
  farewells_.erase(found);
  sockets_->Hangup(connection);
}

void ExchangeLines::Drop(const TransferId& transfer) {
  const auto found = lines_.find(transfer);
  if (found == lines_.end()) return;
  for (size_t peer = 0; peer < found->second.size(); ++peer) {
    HangUpAll({transfer, peer}, found->second[peer], absl::OkStatus());
  }
  lines_.erase(found);
}

void ExchangeLines::Finish(const TransferId& transfer, const Status& why) {
  const auto found = lines_.find(transfer);
  if (found == lines_.end()) return;
  Past past{{}, why};
  for (size_t peer = 0; peer < found->second.size(); ++peer) {
    Line& line = found->second[peer];
    past.curve_keys.push_back(line.meeting.peer.curve_key);
    HangUpAll({transfer, peer}, line, why);
  }
  lines_.erase(found);
  if (past_.insert_or_assign(transfer, std::move(past)).second) past_order_.push_back(transfer);
  if (past_order_.size() <= kPastMax) return;
  past_.erase(past_order_.front());
  past_order_.pop_front();
}

std::vector<WayFigures> ExchangeLines::Figures(const TransferId& transfer) const {
  std::vector<WayFigures> figures;
  const auto found = lines_.find(transfer);
  if (found == lines_.end()) return figures;
  for (size_t peer = 0; peer < found->second.size(); ++peer) {
    const Line& line = found->second[peer];
    const std::vector<LineWays::Account> accounts = line.ways.accounts();
    for (size_t way = 0; way < accounts.size(); ++way) {
      figures.push_back({.peer = peer,
                         .kind = accounts[way].kind,
                         .endpoint = line.meeting.ways[way].endpoint,
                         .carrying = line.carrying == way,
                         .state = accounts[way].state,
                         .tries = accounts[way].tries,
                         .times_ready = accounts[way].times_ready,
                         .bytes = line.legs[way].bytes,
                         .why = accounts[way].why});
    }
  }
  return figures;
}

}  // namespace sluice::transfer
