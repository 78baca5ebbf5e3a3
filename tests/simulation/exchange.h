// An agent's bulk exchange on the simulated network: the product's own, with the history's loop for
// its thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "common/transfer/called_exchange.h"
#include "common/transfer/exchange_loop.h"
#include "tests/simulation/bulk_network.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

class Exchange final : public transfer::CalledExchange {
 public:
  struct Options {
    net::Peer self;
    std::string endpoint;
    uint64_t jitter_seed = 0;
    // Not empty: what every droplet is taken to have (kDigestUnchecked).
    std::string believed_sha256;
    bool chunks_unchecked = false;  // every signature is taken for good (kChunksUnchecked)
  };
  // All borrowed but the options.
  Exchange(World& world, BulkNetwork& network, Options options, Files& files,
           transfer::Spool& spool)
      : CalledExchange(world.clock, files, spool),
        options_(std::move(options)),
        random_(options_.jitter_seed),
        loop_(world.clock) {
    const transfer::OpenSockets open = [&](net::BulkEvents& events) {
      return network.Open(options_.self, options_.endpoint, events);
    };
    exchange_ = *transfer::ExchangeLoop::Open(open, loop_, world.clock, random_,
                                              transfer::BulkExchange::Options());
  }
  ~Exchange() override { StopWorking(); }

  std::string endpoint() const override { return options_.endpoint; }

  StatusOr<std::unique_ptr<transfer::OutgoingTransfer>> Send(
      transfer::OutgoingOptions options) override {
    if (!options_.believed_sha256.empty()) {
      options.droplet_sha256 = *crypto::Sha256Digest::FromHex(options_.believed_sha256);
    }
    return CalledExchange::Send(std::move(options));
  }
  StatusOr<std::unique_ptr<transfer::IncomingTransfer>> Receive(
      transfer::IncomingOptions options) override {
    if (!options_.believed_sha256.empty()) {
      options.droplet_sha256 = *crypto::Sha256Digest::FromHex(options_.believed_sha256);
    }
    if (options_.chunks_unchecked) {
      options.verify = [](std::string_view, std::string_view) { return true; };
    }
    return CalledExchange::Receive(std::move(options));
  }

  void DoCalls() { WorkOff(*exchange_); }
  void RunTimers() { loop_.timers().RunDue(); }
  std::optional<absl::Duration> UntilNextTimer() { return loop_.timers().UntilNext(); }

 private:
  const Options options_;
  SeededRandom random_;
  net::EventLoop loop_;
  std::unique_ptr<transfer::ExchangeLoop> exchange_;
};

}  // namespace sluice::simulation
