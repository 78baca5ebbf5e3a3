#include "common/transfer/bulk_exchange.h"

#include <optional>
#include <utility>

#include "common/base/mailbox.h"
#include "common/base/random.h"
#include "common/base/thread.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/transfer/called_exchange.h"
#include "common/transfer/exchange_loop.h"

namespace sluice::transfer {
namespace {

class ThreadedExchange final : public CalledExchange {
 public:
  ThreadedExchange(const Clock& clock, Entropy& entropy, Files& files, Spool& spool)
      : CalledExchange(clock, files, spool), clock_(clock), entropy_(entropy) {}

  ~ThreadedExchange() override { StopWorking(); }

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

 private:
  // The thread.
  void Serve(net::Network& network, const Options& options,
             Mailbox<StatusOr<std::string>>& started) {
    net::EventLoop loop(clock_);
    SeededRandom random(SeedFrom(entropy_));
    const OpenSockets open = [&](net::BulkEvents& events) {
      return net::BulkSockets::Open(network, loop, events, options.listen_endpoint);
    };
    auto exchange = ExchangeLoop::Open(open, loop, clock_, random, options);
    if (!exchange.ok()) {
      started.Put(exchange.status());
      return;
    }
    loop.WatchDescriptor(calls().descriptor(), [&] { WorkOff(**exchange); });
    started.Put((*exchange)->endpoint());
    loop.RunUntil([&] { return stopped(); });
    loop.UnwatchDescriptor(calls().descriptor());
  }

  static uint64_t SeedFrom(Entropy& entropy) {
    uint64_t seed = 0;
    for (const char byte : entropy.Bytes(sizeof seed))
      seed = seed << 8 | static_cast<uint8_t>(byte);
    return seed;
  }

  const Clock& clock_;
  Entropy& entropy_;
  std::string endpoint_;
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace

Meeting DirectMeeting(net::Peer peer, const std::string& endpoint) {
  const WayKind kind = endpoint.empty() ? WayKind::kAccepted : WayKind::kDialled;
  return {.peer = std::move(peer), .ways = {{.kind = kind, .endpoint = endpoint, .host = {}}}};
}

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
