// The agent's link to its coordinator, whatever happens to it: dialled again when a newer trust
// document names another key, and reports that it had no room for are asked for again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/authority.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/net/control_client.h"

namespace sluice::agent {

// Lives on the loop's thread; everything is borrowed.
class CoordinatorLink {
 public:
  struct Options {
    std::string endpoint;  // "tcp://HOST:PORT"
    std::string version;
    std::string bulk_endpoint;  // "" when this agent only dials
  };
  struct Events {
    std::function<void(const v1::Welcome&)> on_welcome;
    std::function<void(const v1::ControlMessage&)> on_message;
    std::function<void(const Status&)> on_lost;
    // Some time after a report was refused because the link was full: send again what the
    // coordinator has not recorded. Comes again until nothing is refused any more.
    std::function<void()> on_room;
  };
  struct Parts {
    const Authority& authority;
    net::Network& network;
    net::EventLoop& loop;
    const Clock& clock;
    Entropy& entropy;
    Random& random;
  };
  CoordinatorLink(Options options, Parts parts, Events events);
  ~CoordinatorLink();

  // Dials whom the trust document in force names, unless that is whom the link is with already.
  void Follow();
  // Unavailable "coordinator-unreachable" without a session: reports are due again at the next
  // welcome. ResourceExhausted "link-full".
  Status Send(v1::ControlMessage message);

 private:
  void AwaitRoom();

  const Options options_;
  const Parts parts_;
  const Events events_;
  std::string coordinator_key_;  // with whom the link is; empty before Follow()
  std::unique_ptr<net::ControlClient> client_;
  Timers::Id room_ = 0;
  bool awaiting_room_ = false;
};

}  // namespace sluice::agent
