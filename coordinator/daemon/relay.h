// The relay: passes sealed droplet streams between agents that cannot reach each other. A thread
// with a loop of its own, so that no chunk delays what the coordinator does else.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/thread.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"

namespace sluice::coordinator {

class Relay {
 public:
  // Serves until destroyed. Unavailable "cannot-listen". Borrowed.
  static StatusOr<std::unique_ptr<Relay>> Start(net::Network& network, const Clock& clock,
                                                const std::string& listen_endpoint);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // The endpoint in use, with its port.
  const std::string& endpoint() const { return endpoint_; }

 private:
  explicit Relay(const Clock& clock) : loop_(clock) {}

  net::EventLoop loop_;  // but for Stop(), the thread's
  std::string endpoint_;
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace sluice::coordinator
