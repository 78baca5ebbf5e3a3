#include "common/transfer/called_exchange.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mailbox.h"
#include "common/transfer/exchange_loop.h"
#include "common/transfer/incoming_transfer.h"
#include "common/transfer/outgoing_transfer.h"
#include "common/transfer/spool.h"
#include "common/transfer/spooling_transfer.h"

namespace sluice::transfer {
namespace {

// Calls of other threads that are worked off in one turn of the loop.
constexpr int kCallsPerTurn = 64;

Status Stopped() {
  return NamedError(StatusCode::kCancelled, "cancelled", "this process is stopping");
}

// What is waiting to be read for fellows, of all transfers; each has FellowServer::kReadingMax at
// most.
constexpr size_t kServedReadsMax = 256;

// A recipient's place is found by its key, so each has one of its own.
Status CheckMeetings(const std::vector<Meeting>& meetings) {
  std::set<std::string> keys;
  for (const Meeting& meeting : meetings) {
    if (keys.insert(meeting.peer.curve_key).second) continue;
    return NamedError(StatusCode::kInvalidArgument, "peer-twice",
                      "a transfer goes to each agent once, whatever it does with the droplet");
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<OutgoingTransfer>> CalledExchange::Send(OutgoingOptions options) {
  SLUICE_RETURN_IF_ERROR(CheckMeetings(options.meetings));
  auto carriage = std::make_shared<OutgoingCarriage>(
      SenderMachine::Options{.layout = options.layout,
                             .header = options.seed.header,
                             .receivers = options.meetings.size(),
                             .droplet_sha256 = options.droplet_sha256,
                             .silence_max = options.silence_max},
      clock_);
  const std::vector<Meeting> meetings = options.meetings;
  const absl::Duration silence_max = options.silence_max;
  const Rate rate = options.rate;
  const Secret sealing_key = SealingKey(options.seed.content_key, options.layout.transfer);
  SLUICE_ASSIGN_OR_RETURN(auto transfer, MakeSealingTransfer(std::move(options), sealing_key,
                                                             carriage, calls_, files_));
  SLUICE_RETURN_IF_ERROR(CallAndWait(
      [&](ExchangeLoop& loop) { return loop.Begin(carriage, meetings, silence_max, rate); }));
  return transfer;
}

StatusOr<std::unique_ptr<IncomingTransfer>> CalledExchange::Receive(IncomingOptions options) {
  options.meeting.end = LineEnd::kChooses;
  std::vector<Meeting> meetings = {options.meeting};
  for (const Fellow& fellow : options.fellows) {
    const bool chooses = options.target_index < fellow.target_index;
    meetings.push_back(fellow.meeting);
    meetings.back().end = chooses ? LineEnd::kChooses : LineEnd::kFollows;
  }
  SLUICE_RETURN_IF_ERROR(CheckMeetings(meetings));
  if (options.fellows.size() > kFellowsMax) {
    return NamedError(StatusCode::kInvalidArgument, "too-many-fellows",
                      "a transfer has no more targets than a header has recipients");
  }
  Executor* const serving = options.fellows.empty() ? nullptr : &Serving();
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<SpoolFile> file, OpenSpoolFile(options));
  std::shared_ptr<IncomingCarriage> carriage;
  SLUICE_RETURN_IF_ERROR(CallAndWait([&](ExchangeLoop& loop) {
    carriage =
        std::make_shared<IncomingCarriage>(options, file, loop.credit(), serving, calls_, clock_);
    return loop.Begin(carriage, meetings, options.silence_max, options.rate);
  }));
  return std::make_unique<SpoolingTransfer>(std::move(options), std::move(file),
                                            std::move(carriage), calls_);
}

StatusOr<std::unique_ptr<SpoolFile>> CalledExchange::OpenSpoolFile(const IncomingOptions& options) {
  auto spooled = spool_.Resume(options.layout, options.verify);
  if (!absl::IsNotFound(spooled.status())) return spooled;
  spooled = spool_.Admit(options.layout);
  if (ErrorName(spooled.status()) != "spool-full") return spooled;
  // Those that have all they need make room.
  SLUICE_RETURN_IF_ERROR(CallAndWait([](ExchangeLoop& loop) {
    loop.StopServingAll();
    return absl::OkStatus();
  }));
  return spool_.Admit(options.layout);
}

void CalledExchange::StopServing(const TransferId& transfer) {
  calls_->Put([transfer](ExchangeLoop& loop) { loop.StopServing(transfer); });
}

Executor& CalledExchange::Serving() {
  MutexLock lock(mutex_);
  if (serving_ == nullptr) serving_ = std::make_unique<ThreadPool>("serving", 1, kServedReadsMax);
  return *serving_;
}

void CalledExchange::WorkOff(ExchangeLoop& exchange) {
  for (int i = 0; i < kCallsPerTurn && !stop_; ++i) {
    auto call = calls_->Take();
    if (!call) return;
    (*call)(exchange);
  }
}

void CalledExchange::StopWorking() {
  calls_->Put([this](ExchangeLoop&) { stop_ = true; });
  calls_->Close();
}

Status CalledExchange::CallAndWait(const std::function<Status(ExchangeLoop&)>& call) {
  auto answer = std::make_shared<Mailbox<Status>>(1);
  if (!calls_->Put([&call, answer](ExchangeLoop& loop) { answer->Put(call(loop)); })) {
    return Stopped();
  }
  return *answer->WaitAndTake();
}

}  // namespace sluice::transfer
