#include "common/transfer/bulk_exchange.h"

#include <optional>
#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/base/mailbox.h"
#include "common/base/random.h"
#include "common/base/thread.h"
#include "common/net/event_loop.h"
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

class ThreadedExchange final : public BulkExchange {
 public:
  ThreadedExchange(const Clock& clock, Entropy& entropy, Files& files, Spool& spool)
      : clock_(clock), entropy_(entropy), files_(files), spool_(spool) {}

  ~ThreadedExchange() override {
    calls_->Put([this](ExchangeLoop&) { stop_ = true; });
    calls_->Close();
  }

  // Runs the thread, and waits until it listens or has failed to.
  Status Run(net::Network& network, Options options) {
    auto started = std::make_shared<Mailbox<StatusOr<std::string>>>(1);
    thread_.emplace("bulk", [this, &network, options = std::move(options), started] {
      Serve(network, options, *started);
    });
    SLUICE_ASSIGN_OR_RETURN(endpoint_, *started->WaitAndTake());
    return absl::OkStatus();
  }

  std::string endpoint() const override { return endpoint_; }

  StatusOr<std::unique_ptr<OutgoingTransfer>> Send(OutgoingOptions options) override {
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
    const Secret sealing_key = SealingKey(options.seed.content_key, options.layout.transfer);
    SLUICE_ASSIGN_OR_RETURN(auto transfer, MakeSealingTransfer(std::move(options), sealing_key,
                                                               carriage, calls_, files_));
    SLUICE_RETURN_IF_ERROR(CallAndWait(
        [&](ExchangeLoop& loop) { return loop.Begin(carriage, meetings, silence_max); }));
    return transfer;
  }

  StatusOr<std::unique_ptr<IncomingTransfer>> Receive(IncomingOptions options) override {
    auto spooled = spool_.Resume(options.layout, options.verify);
    if (absl::IsNotFound(spooled.status())) spooled = spool_.Admit(options.layout);
    SLUICE_RETURN_IF_ERROR(spooled.status());
    std::shared_ptr<SpoolFile> file = *std::move(spooled);
    std::shared_ptr<IncomingCarriage> carriage;
    SLUICE_RETURN_IF_ERROR(CallAndWait([&](ExchangeLoop& loop) {
      carriage = std::make_shared<IncomingCarriage>(options, *file, loop.credit(), clock_);
      return loop.Begin(carriage, {options.meeting}, options.silence_max);
    }));
    return std::make_unique<SpoolingTransfer>(std::move(options), std::move(file),
                                              std::move(carriage), calls_);
  }

 private:
  // The thread.
  void Serve(net::Network& network, const Options& options,
             Mailbox<StatusOr<std::string>>& started) {
    net::EventLoop loop(clock_);
    SeededRandom random(SeedFrom(entropy_));
    auto exchange = ExchangeLoop::Open(network, loop, clock_, random, options);
    if (!exchange.ok()) {
      started.Put(exchange.status());
      return;
    }
    loop.WatchDescriptor(calls_->descriptor(), [&] { WorkOff(**exchange); });
    started.Put((*exchange)->endpoint());
    loop.RunUntil([&] { return stop_; });
    loop.UnwatchDescriptor(calls_->descriptor());
  }

  void WorkOff(ExchangeLoop& exchange) {
    for (int i = 0; i < kCallsPerTurn && !stop_; ++i) {
      auto call = calls_->Take();
      if (!call) return;
      (*call)(exchange);
    }
  }

  Status CallAndWait(const std::function<Status(ExchangeLoop&)>& call) {
    auto answer = std::make_shared<Mailbox<Status>>(1);
    if (!calls_->Put([&call, answer](ExchangeLoop& loop) { answer->Put(call(loop)); })) {
      return Stopped();
    }
    return *answer->WaitAndTake();
  }

  static uint64_t SeedFrom(Entropy& entropy) {
    uint64_t seed = 0;
    for (const char byte : entropy.Bytes(sizeof seed))
      seed = seed << 8 | static_cast<uint8_t>(byte);
    return seed;
  }

  const Clock& clock_;
  Entropy& entropy_;
  Files& files_;
  Spool& spool_;
  const std::shared_ptr<LoopCalls> calls_ = std::make_shared<LoopCalls>(kLoopCallsMax);
  std::string endpoint_;
  bool stop_ = false;             // the thread's
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace

StatusOr<TransferSeed> MakeTransferSeed(const SeedOptions& options, Entropy& entropy) {
  TransferSeed seed = {.content_key = GenerateContentKey(entropy), .header = {}};
  SLUICE_ASSIGN_OR_RETURN(const StreamHeader header,
                          MakeHeader(options.layout, options.statement_sha256, seed.content_key,
                                     options.recipients, entropy));
  SLUICE_ASSIGN_OR_RETURN(seed.header, SerializeHeader(header, options.sign));
  return seed;
}

StatusOr<std::unique_ptr<BulkExchange>> BulkExchange::Start(net::Network& network,
                                                            const Clock& clock, Entropy& entropy,
                                                            Files& files, Spool& spool,
                                                            Options options) {
  auto exchange = std::make_unique<ThreadedExchange>(clock, entropy, files, spool);
  SLUICE_RETURN_IF_ERROR(exchange->Run(network, std::move(options)));
  return exchange;
}

}  // namespace sluice::transfer
