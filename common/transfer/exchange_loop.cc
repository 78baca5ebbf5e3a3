#include "common/transfer/exchange_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"

namespace sluice::transfer {
namespace {

constexpr absl::Duration kTickMax = absl::Milliseconds(500);
constexpr int kTicksPerSilence = 20;

}  // namespace

StatusOr<std::unique_ptr<ExchangeLoop>> ExchangeLoop::Open(const OpenSockets& open,
                                                           net::EventLoop& loop, const Clock& clock,
                                                           Random& random,
                                                           const BulkExchange::Options& options) {
  std::unique_ptr<ExchangeLoop> exchange(new ExchangeLoop(loop, clock, options));
  SLUICE_ASSIGN_OR_RETURN(exchange->lines_,
                          ExchangeLines::Open(open, loop, clock, random, *exchange));
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
  lines_->Drop(carriage.id());
  Drop(carriage.id());
}

void ExchangeLoop::StopServing(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  const std::shared_ptr<Carriage> carriage = found->second.carriage;
  Perform(*carriage, carriage->StopServing());
}

void ExchangeLoop::StopServingAll() {
  std::vector<TransferId> transfers;
  for (const auto& [transfer, carried] : carried_) transfers.push_back(transfer);
  for (const TransferId& transfer : transfers) StopServing(transfer);
}

Status ExchangeLoop::Begin(std::shared_ptr<Carriage> carriage, std::vector<Meeting> meetings,
                           absl::Duration silence_max, Rate own_rate) {
  const TransferId transfer = carriage->id();
  if (carried_.count(transfer) > 0) {
    return NamedError(StatusCode::kFailedPrecondition, "transfer-exists",
                      absl::StrCat("transfer ", transfer.hex(), " is under way already"));
  }
  Carried& carried = carried_[transfer];
  carried.carriage = carriage;
  carriage->SetPace(pace_);
  pace_.Join(transfer, own_rate);
  carried.tick_every = std::min(kTickMax, silence_max / kTicksPerSilence);
  carried.tick = loop_.timers().After(carried.tick_every, [this, transfer] { Tick(transfer); });
  lines_->Begin(transfer, std::move(meetings));
  return absl::OkStatus();
}

void ExchangeLoop::OnLineReady(LineRef line) {
  const std::shared_ptr<Carriage> carriage = carried_.at(line.transfer).carriage;
  Perform(*carriage, carriage->machine().OnConnected(line.peer, clock_.Monotonic()));
}

void ExchangeLoop::OnLineMessage(LineRef line, const v1::BulkMessage& message,
                                 std::string payload) {
  const std::shared_ptr<Carriage> carriage = carried_.at(line.transfer).carriage;
  carriage->CountReceived(line.peer, payload.size());
  // Before anybody can see that the droplet is whole: by then it is known which way it came.
  if (!payload.empty()) carriage->NoteWays(lines_->Figures(line.transfer));
  Perform(*carriage, carriage->machine().OnMessage(line.peer, message, std::move(payload),
                                                   clock_.Monotonic()));
}

void ExchangeLoop::OnLineLost(LineRef line, const LineLoss& loss) {
  const std::shared_ptr<Carriage> carriage = carried_.at(line.transfer).carriage;
  carriage->machine().OnUnreachable(line.peer, loss.why);
  if (loss.for_good) {
    return Perform(*carriage, carriage->machine().OnRefused(line.peer, loss.why));
  }
  carriage->Note(carriage->machine().connected(), carriage->machine().bytes_again());
}

void ExchangeLoop::Perform(Carriage& carriage, Effects effects) {
  const TransferId transfer = carriage.id();
  // Grows while it is worked through: effects of effects come last.
  for (size_t i = 0; i < effects.size(); ++i) {
    Effect effect = std::move(effects[i]);
    if (carried_.count(transfer) == 0) return;
    Effects more;
    std::optional<Status> end;
    if (const auto* ended = std::get_if<Ended>(&effect)) end = ended->why;
    if (auto* out = std::get_if<MessageOut>(&effect)) {
      SendOut(carriage, std::move(*out));
    } else if (const auto* hung_up = std::get_if<HungUp>(&effect)) {
      lines_->HangUp({transfer, hung_up->peer}, hung_up->why);
    } else if (const auto* over = std::get_if<LineOver>(&effect)) {
      if (!over->why.ok()) {
        LogStatus(LogLevel::kWarning, "fellow-line-over", over->why,
                  {{"transfer", transfer.hex()}});
      }
      lines_->Leave({transfer, over->peer}, over->why);
    } else {
      more = carriage.Perform(std::move(effect));
    }
    if (end) {
      carriage.NoteWays(lines_->Figures(transfer));
      lines_->Finish(transfer, *end);
      return Drop(transfer);
    }
    std::move(more.begin(), more.end(), std::back_inserter(effects));
  }
  carriage.Note(carriage.machine().connected(), carriage.machine().bytes_again());
}

void ExchangeLoop::SendOut(Carriage& carriage, MessageOut out) {
  const LineRef line{carriage.id(), out.peer};
  if (!lines_->HasConnection(line)) return;
  if (!out.payload.empty()) carriage.CountSent(out.payload.size());
  lines_->Send(line, out.message, std::move(out.payload));
}

void ExchangeLoop::Tick(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  Carried& carried = found->second;
  carried.tick = loop_.timers().After(carried.tick_every, [this, transfer] { Tick(transfer); });
  carried.carriage->NoteWays(lines_->Figures(transfer));
  Look(transfer);
}

void ExchangeLoop::Look(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  const std::shared_ptr<Carriage> carriage = found->second.carriage;
  Perform(*carriage, carriage->machine().OnTime(clock_.Monotonic()));
}

void ExchangeLoop::Drop(const TransferId& transfer) {
  const auto found = carried_.find(transfer);
  if (found == carried_.end()) return;
  loop_.timers().Cancel(found->second.tick);
  carried_.erase(found);
  credit_.Leave(transfer);
  pace_.Leave(transfer);
}

}  // namespace sluice::transfer
