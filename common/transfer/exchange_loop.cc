#include "common/transfer/exchange_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/logging.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

// Other ends that spoke of a transfer before it began here.
constexpr size_t kEarlyMax = 64;
// Transfers that are over and still answered for.
constexpr size_t kPastMax = 256;
constexpr absl::Duration kRedialFirst = absl::Milliseconds(100);
constexpr absl::Duration kRedialMax = absl::Seconds(2);
constexpr int kRedialDoublingsMax = 5;
constexpr int kRefusalsMax = 3;
constexpr absl::Duration kTickMax = absl::Milliseconds(500);
constexpr int kTicksPerSilence = 20;

// The messages by which an end may come over a new connection.
bool MeetsAnew(const v1::BulkMessage& message) {
  return message.has_announce() || message.has_open() || message.has_verified();
}

}  // namespace

StatusOr<std::unique_ptr<ExchangeLoop>> ExchangeLoop::Open(net::Network& network,
                                                           net::EventLoop& loop, const Clock& clock,
                                                           Random& random,
                                                           const BulkExchange::Options& options) {
  std::unique_ptr<ExchangeLoop> exchange(
      new ExchangeLoop(loop, clock, random, options.credit_bytes));
  SLUICE_ASSIGN_OR_RETURN(exchange->sockets_, net::BulkSockets::Open(network, loop, *exchange,
                                                                     options.listen_endpoint));
  return exchange;
}

ExchangeLoop::~ExchangeLoop() {
  while (!carried_.empty()) {
    const std::shared_ptr<Carriage> carriage = carried_.begin()->second.carriage;
    Abandon(*carriage, NamedError(StatusCode::kCancelled, "cancelled", "this process is stopping"));
  }
}

void ExchangeLoop::Abandon(Carriage& carriage, const Status& why) {
  carriage.End(why);
  carriage.machine().Abandon();
  Drop(carriage.id());
}

Status ExchangeLoop::Begin(std::shared_ptr<Carriage> carriage, std::vector<Meeting> meetings,
                           absl::Duration silence_max) {
  const TransferId transfer = carriage->id();
  if (carried_.count(transfer) > 0) {
    return NamedError(StatusCode::kFailedPrecondition, "transfer-exists",
                      absl::StrCat("transfer ", transfer.hex(), " is under way already"));
  }
  if (past_.erase(transfer) > 0) std::erase(past_order_, transfer);
  Carried& carried = carried_[transfer];
  carried.carriage = carriage;
  carried.tick_every = std::min(kTickMax, silence_max / kTicksPerSilence);
  for (Meeting& meeting : meetings)
    carried.lines.push_back(Line{std::move(meeting), {}, false, 0, 0});
  carried.tick = loop_.timers().After(carried.tick_every, [this, transfer] { Tick(transfer); });
  for (size_t peer = 0; peer < carried.lines.size(); ++peer) {
    Line& line = carried.lines[peer];
    if (line.meeting.dial) {
      Dial(transfer, peer);
      continue;
    }
    const EarlyKey key{transfer, line.meeting.peer.curve_key};
    const auto early = early_.find(key);
    if (early == early_.end()) continue;
    line.connection = early->second;
    line.ready = true;
    line_of_[early->second] = {transfer, peer};
    ForgetEarly(key);
    Perform(*carriage, carriage->machine().OnConnected(peer, clock_.Monotonic()));
    // Performing may have ended it.
    if (carried_.count(transfer) == 0) break;
  }
  return absl::OkStatus();
}

void ExchangeLoop::Dial(const TransferId& transfer, size_t peer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  Line& line = found->second.lines[peer];
  ++line.attempts;
  line.connection = sockets_->Dial(line.meeting.endpoint, line.meeting.peer);
  line_of_[*line.connection] = {transfer, peer};
}

void ExchangeLoop::OnConnectionReady(net::ConnectionId connection) {
  const auto found = line_of_.find(connection);
  if (found == line_of_.end()) return SayFarewell(connection);
  const LineRef ref = found->second;
  Carried& carried = carried_.at(ref.transfer);
  Line& line = carried.lines[ref.peer];
  line.ready = true;
  line.attempts = 0;
  line.refusals = 0;
  const std::shared_ptr<Carriage> carriage = carried.carriage;
  Perform(*carriage, carriage->machine().OnConnected(ref.peer, clock_.Monotonic()));
}

void ExchangeLoop::OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                                 const v1::BulkMessage& message, std::string payload) {
  const auto transfer = TransferId::FromBytes(message.transfer());
  if (!transfer.ok()) {
    LogStatus(LogLevel::kWarning, "bulk-message-refused", transfer.status(), {{"name", peer.name}});
    return;
  }
  const auto found = carried_.find(*transfer);
  if (found == carried_.end()) return OnStray(connection, peer, *transfer, message);
  Carried& carried = found->second;
  const auto line = std::find_if(
      carried.lines.begin(), carried.lines.end(),
      [&](const Line& known) { return known.meeting.peer.curve_key == peer.curve_key; });
  if (line == carried.lines.end()) {
    Log(LogLevel::kWarning, "transfer-of-others",
        {{"name", peer.name}, {"transfer", transfer->hex()}});
    return;
  }
  const size_t number = static_cast<size_t>(line - carried.lines.begin());
  if (!BelongsTo({*transfer, number}, *line, connection, message)) return;
  const std::shared_ptr<Carriage> carriage = carried.carriage;
  carriage->CountPayload(payload.size());
  Perform(*carriage,
          carriage->machine().OnMessage(number, message, std::move(payload), clock_.Monotonic()));
}

bool ExchangeLoop::BelongsTo(LineRef ref, Line& line, net::ConnectionId connection,
                             const v1::BulkMessage& message) {
  if (line.connection == connection) return true;
  if (line.meeting.dial || !(MeetsAnew(message) || message.has_cancel())) return false;
  if (line.connection) {
    line_of_.erase(*line.connection);
    sockets_->Hangup(*line.connection);
  }
  line.connection = connection;
  line.ready = true;
  line_of_[connection] = ref;
  return true;
}

void ExchangeLoop::OnStray(net::ConnectionId connection, const net::Peer& peer,
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
  const bool asks = MeetsAnew(message) || message.has_fetch() || message.has_ping();
  if (asks && std::find(keys.begin(), keys.end(), peer.curve_key) != keys.end()) {
    const Status& why = past->second.why;
    const Status sent = sockets_->Send(
        connection, why.ok() ? ClosedMessage(transfer) : CancelMessage(transfer, why), "");
    if (!sent.ok()) LogStatus(LogLevel::kDebug, "transfer-end-not-told", sent);
  }
  sockets_->Hangup(connection);
}

void ExchangeLoop::RememberEarly(net::ConnectionId connection, const EarlyKey& key) {
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

void ExchangeLoop::ForgetEarly(const EarlyKey& key) {
  early_.erase(key);
  std::erase(early_order_, key);
}

void ExchangeLoop::OnConnectionLost(net::ConnectionId connection, const Status& why) {
  const auto found = line_of_.find(connection);
  if (found == line_of_.end()) {
    farewells_.erase(connection);
    return;
  }
  const LineRef ref = found->second;
  Carried& carried = carried_.at(ref.transfer);
  const std::shared_ptr<Carriage> carriage = carried.carriage;
  Perform(*carriage, LoseLine(carried, ref.peer, why));
}

Effects ExchangeLoop::LoseLine(Carried& carried, size_t peer, const Status& why) {
  Line& line = carried.lines[peer];
  line_of_.erase(*line.connection);
  line.connection.reset();
  line.ready = false;
  StreamMachine& machine = carried.carriage->machine();
  machine.OnUnreachable(peer, why);
  // A handshake may break with its connection; one that fails again and again is a refusal.
  if (ErrorName(why) == "peer-not-admitted") ++line.refusals;
  if (line.refusals >= kRefusalsMax || why.code() == StatusCode::kInvalidArgument) {
    return machine.GiveUp(why);
  }
  if (!line.meeting.dial) return {};
  // Full jitter: many that lost the same agent do not come back in step.
  const absl::Duration ceiling =
      std::min(kRedialMax, kRedialFirst * (1 << std::min(line.attempts, kRedialDoublingsMax)));
  const absl::Duration delay = absl::Milliseconds(static_cast<int64_t>(
      random_.Below(static_cast<uint64_t>(absl::ToInt64Milliseconds(ceiling)))));
  line.redial = loop_.timers().After(
      delay, [this, transfer = carried.carriage->id(), peer] { Dial(transfer, peer); });
  return {};
}

void ExchangeLoop::Perform(Carriage& carriage, Effects effects) {
  const TransferId transfer = carriage.id();
  // Grows while it is worked through: effects of effects come last.
  for (size_t i = 0; i < effects.size(); ++i) {
    Effect effect = std::move(effects[i]);
    const auto found = carried_.find(transfer);
    if (found == carried_.end()) return;
    Effects more;
    std::optional<Status> end;
    if (const auto* ended = std::get_if<Ended>(&effect)) end = ended->why;
    if (auto* out = std::get_if<MessageOut>(&effect)) {
      more = SendOut(found->second, std::move(*out));
    } else if (const auto* hung_up = std::get_if<HungUp>(&effect)) {
      more = HangUp(found->second, *hung_up);
    } else {
      more = carriage.Perform(std::move(effect));
    }
    if (end) return Finish(transfer, *end);
    std::move(more.begin(), more.end(), std::back_inserter(effects));
  }
  carriage.Note(carriage.machine().connected(), carriage.machine().bytes_again());
}

Effects ExchangeLoop::SendOut(Carried& carried, MessageOut out) {
  const auto connection = carried.lines[out.peer].connection;
  if (!connection) return {};
  const size_t payload_bytes = out.payload.size();
  const Status sent = sockets_->Send(*connection, out.message, std::move(out.payload));
  if (sent.ok()) {
    if (payload_bytes > 0) carried.carriage->CountPayload(payload_bytes);
    return {};
  }
  sockets_->Hangup(*connection);
  return LoseLine(carried, out.peer,
                  NamedError(StatusCode::kUnavailable, "peer-unreachable",
                             absl::StrCat("the bulk connection to the agent of ",
                                          carried.lines[out.peer].meeting.peer.name,
                                          " broke: ", sent.message())));
}

Effects ExchangeLoop::HangUp(Carried& carried, const HungUp& hung_up) {
  const auto connection = carried.lines[hung_up.peer].connection;
  if (!connection) return {};
  sockets_->Hangup(*connection);
  return LoseLine(carried, hung_up.peer, hung_up.why);
}

void ExchangeLoop::Leave(Line& line, const TransferId& transfer, const Status& why) {
  loop_.timers().Cancel(line.redial);
  if (!line.connection) return;
  line_of_.erase(*line.connection);
  const net::ConnectionId connection = *std::exchange(line.connection, std::nullopt);
  if (!line.ready && !why.ok()) {
    farewells_[connection] = {transfer, why};
  } else {
    sockets_->Hangup(connection);
  }
}

void ExchangeLoop::SayFarewell(net::ConnectionId connection) {
  const auto found = farewells_.find(connection);
  if (found == farewells_.end()) return;
  const Status sent =
      sockets_->Send(connection, CancelMessage(found->second.transfer, found->second.why), "");
  if (!sent.ok()) LogStatus(LogLevel::kDebug, "transfer-end-not-told", sent);
  farewells_.erase(found);
  sockets_->Hangup(connection);
}

void ExchangeLoop::Tick(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  Carried& carried = found->second;
  carried.tick = loop_.timers().After(carried.tick_every, [this, transfer] { Tick(transfer); });
  const std::shared_ptr<Carriage> carriage = carried.carriage;
  Perform(*carriage, carriage->machine().OnTime(clock_.Monotonic()));
}

void ExchangeLoop::Drop(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  loop_.timers().Cancel(found->second.tick);
  for (Line& line : found->second.lines) Leave(line, transfer, absl::OkStatus());
  carried_.erase(found);
  credit_.Leave(transfer);
}

void ExchangeLoop::Finish(const TransferId& transfer, const Status& why) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  Past past{{}, why};
  for (Line& line : found->second.lines) {
    past.curve_keys.push_back(line.meeting.peer.curve_key);
    if (!why.ok()) Leave(line, transfer, why);
  }
  Drop(transfer);
  if (past_.insert_or_assign(transfer, std::move(past)).second) past_order_.push_back(transfer);
  if (past_order_.size() <= kPastMax) return;
  past_.erase(past_order_.front());
  past_order_.pop_front();
}

}  // namespace sluice::transfer
