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
  ThreadedExchange(const Clock& clock, Entropy& entropy) : clock_(clock), entropy_(entropy) {}

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
    SLUICE_CHECK(options.meetings.size() == options.recipients.size());
    SLUICE_RETURN_IF_ERROR(CheckMeetings(options.meetings));
    SLUICE_ASSIGN_OR_RETURN(const StreamHeader header,
                            MakeHeader(options.layout, options.statement_sha256,
                                       options.content_key, options.recipients, entropy_));
    SLUICE_ASSIGN_OR_RETURN(std::string header_bytes, SerializeHeader(header, options.sign));
    auto carriage = std::make_shared<OutgoingCarriage>(
        SenderMachine::Options{options.layout, std::move(header_bytes), options.meetings.size(),
                               options.droplet_sha256, options.silence_max},
        clock_);
    SLUICE_RETURN_IF_ERROR(CallAndWait([&](ExchangeLoop& loop) {
      return loop.Begin(carriage, options.meetings, options.silence_max);
    }));
    return std::make_unique<SealingTransfer>(
        carriage, calls_, SealingKey(options.content_key, options.layout.transfer), options.sign);
  }

  StatusOr<std::unique_ptr<IncomingTransfer>> Receive(IncomingOptions options) override {
    const crypto::Sha256Digest droplet_sha256 = options.droplet_sha256;
    std::shared_ptr<IncomingCarriage> carriage;
    SLUICE_RETURN_IF_ERROR(CallAndWait([&](ExchangeLoop& loop) {
      const std::vector<Meeting> meetings = {options.meeting};
      const absl::Duration silence_max = options.silence_max;
      carriage = std::make_shared<IncomingCarriage>(std::move(options), loop.credit(), clock_);
      return loop.Begin(carriage, meetings, silence_max);
    }));
    return std::make_unique<OpeningTransfer>(carriage, calls_, droplet_sha256);
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
  const std::shared_ptr<LoopCalls> calls_ = std::make_shared<LoopCalls>(kLoopCallsMax);
  std::string endpoint_;
  bool stop_ = false;             // the thread's
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace

StatusOr<std::unique_ptr<BulkExchange>> BulkExchange::Start(net::Network& network,
                                                            const Clock& clock, Entropy& entropy,
                                                            Options options) {
  auto exchange = std::make_unique<ThreadedExchange>(clock, entropy);
  SLUICE_RETURN_IF_ERROR(exchange->Run(network, std::move(options)));
  return exchange;
}

}  // namespace sluice::transfer
