#include "common/transfer/exchange_lines.h"

#include <algorithm>
#include <utility>

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
constexpr absl::Duration kRedialFirst = absl::Milliseconds(100);
constexpr absl::Duration kRedialMax = absl::Seconds(2);
constexpr int kRedialDoublingsMax = 5;
constexpr int kRefusalsMax = 3;

// The messages by which an end may come over a new connection.
bool MeetsAnew(const v1::BulkMessage& message) {
  return message.has_announce() || message.has_open() || message.has_verified();
}

}  // namespace

StatusOr<std::unique_ptr<ExchangeLines>> ExchangeLines::Open(const OpenSockets& open,
                                                             net::EventLoop& loop, Random& random,
                                                             LineEvents& events) {
  std::unique_ptr<ExchangeLines> lines(new ExchangeLines(loop, random, events));
  SLUICE_ASSIGN_OR_RETURN(lines->sockets_, open(*lines));
  return lines;
}

std::vector<LineRef> ExchangeLines::Begin(const TransferId& transfer,
                                          std::vector<Meeting> meetings) {
  if (past_.erase(transfer) > 0) std::erase(past_order_, transfer);
  std::vector<Line>& lines = lines_[transfer];
  for (Meeting& meeting : meetings) lines.push_back(Line{std::move(meeting), {}, false, 0, 0});
  std::vector<LineRef> ready;
  for (size_t peer = 0; peer < lines.size(); ++peer) {
    Line& line = lines[peer];
    if (line.meeting.dial) {
      Dial({transfer, peer});
      continue;
    }
    const EarlyKey key{transfer, line.meeting.peer.curve_key};
    const auto early = early_.find(key);
    if (early == early_.end()) continue;
    line.connection = early->second;
    line.ready = true;
    line_of_[early->second] = {transfer, peer};
    ForgetEarly(key);
    ready.push_back({transfer, peer});
  }
  return ready;
}

void ExchangeLines::Dial(LineRef ref) {
  const auto found = lines_.find(ref.transfer);
  if (found == lines_.end()) return;
  Line& line = found->second[ref.peer];
  ++line.attempts;
  line.connection = sockets_->Dial(line.meeting.endpoint, line.meeting.peer);
  line_of_[*line.connection] = ref;
}

void ExchangeLines::OnConnectionReady(net::ConnectionId connection) {
  const auto found = line_of_.find(connection);
  if (found == line_of_.end()) return SayFarewell(connection);
  const LineRef ref = found->second;
  Line& line = lines_.at(ref.transfer)[ref.peer];
  line.ready = true;
  line.attempts = 0;
  line.refusals = 0;
  events_.OnLineReady(ref);
}

void ExchangeLines::OnBulkMessage(net::ConnectionId connection, const net::Peer& peer,
                                  const v1::BulkMessage& message, std::string payload) {
  const auto transfer = TransferId::FromBytes(message.transfer());
  if (!transfer.ok()) {
    LogStatus(LogLevel::kWarning, "bulk-message-refused", transfer.status(), {{"name", peer.name}});
    return;
  }
  const auto found = lines_.find(*transfer);
  if (found == lines_.end()) return OnStray(connection, peer, *transfer, message);
  std::vector<Line>& lines = found->second;
  const auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& known) {
    return known.meeting.peer.curve_key == peer.curve_key;
  });
  if (line == lines.end()) {
    Log(LogLevel::kWarning, "transfer-of-others",
        {{"name", peer.name}, {"transfer", transfer->hex()}});
    return;
  }
  const LineRef ref{*transfer, static_cast<size_t>(line - lines.begin())};
  if (!BelongsTo(ref, *line, connection, message)) return;
  events_.OnLineMessage(ref, message, std::move(payload));
}

bool ExchangeLines::BelongsTo(LineRef ref, Line& line, net::ConnectionId connection,
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
  const bool asks = MeetsAnew(message) || message.has_fetch() || message.has_ping();
  if (asks && std::find(keys.begin(), keys.end(), peer.curve_key) != keys.end()) {
    const Status& why = past->second.why;
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
  const auto found = line_of_.find(connection);
  if (found == line_of_.end()) {
    farewells_.erase(connection);
    return;
  }
  const LineRef ref = found->second;
  events_.OnLineLost(ref, Lose(ref, lines_.at(ref.transfer)[ref.peer], why));
}

LineLoss ExchangeLines::Lose(LineRef ref, Line& line, const Status& why) {
  line_of_.erase(*line.connection);
  line.connection.reset();
  line.ready = false;
  // A handshake may break with its connection; one that fails again and again is a refusal.
  if (ErrorName(why) == "peer-not-admitted") ++line.refusals;
  if (line.refusals >= kRefusalsMax || why.code() == StatusCode::kInvalidArgument) {
    return {why, true};
  }
  if (!line.meeting.dial) return {why};
  // Full jitter: many that lost the same agent do not come back in step.
  const absl::Duration ceiling =
      std::min(kRedialMax, kRedialFirst * (1 << std::min(line.attempts, kRedialDoublingsMax)));
  const absl::Duration delay = absl::Milliseconds(static_cast<int64_t>(
      random_.Below(static_cast<uint64_t>(absl::ToInt64Milliseconds(ceiling)))));
  line.redial = loop_.timers().After(delay, [this, ref] { Dial(ref); });
  return {why};
}

bool ExchangeLines::HasConnection(LineRef ref) const {
  return lines_.at(ref.transfer)[ref.peer].connection.has_value();
}

std::optional<LineLoss> ExchangeLines::Send(LineRef ref, const v1::BulkMessage& message,
                                            std::string payload) {
  Line& line = lines_.at(ref.transfer)[ref.peer];
  const Status sent = sockets_->Send(*line.connection, message, std::move(payload));
  if (sent.ok()) return std::nullopt;
  return HangUp(ref, NamedError(StatusCode::kUnavailable, "peer-unreachable",
                                absl::StrCat("the bulk connection to the agent of ",
                                             line.meeting.peer.name, " broke: ", sent.message())));
}

std::optional<LineLoss> ExchangeLines::HangUp(LineRef ref, const Status& why) {
  Line& line = lines_.at(ref.transfer)[ref.peer];
  if (!line.connection) return std::nullopt;
  sockets_->Hangup(*line.connection);
  return Lose(ref, line, why);
}

void ExchangeLines::Leave(Line& line, const TransferId& transfer, const Status& why) {
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

void ExchangeLines::SayFarewell(net::ConnectionId connection) {
  const auto found = farewells_.find(connection);
  if (found == farewells_.end()) return;
  const Status sent =
      sockets_->Send(connection, CancelMessage(found->second.transfer, found->second.why), "");
  if (!sent.ok()) LogStatus(LogLevel::kDebug, "transfer-end-not-told", sent);
  farewells_.erase(found);
  sockets_->Hangup(connection);
}

void ExchangeLines::Drop(const TransferId& transfer) {
  const auto found = lines_.find(transfer);
  if (found == lines_.end()) return;
  for (Line& line : found->second) Leave(line, transfer, absl::OkStatus());
  lines_.erase(found);
}

void ExchangeLines::Finish(const TransferId& transfer, const Status& why) {
  const auto found = lines_.find(transfer);
  if (found == lines_.end()) return;
  Past past{{}, why};
  for (Line& line : found->second) {
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
