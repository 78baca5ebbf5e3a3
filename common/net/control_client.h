// An agent's or operator's end of the control protocol: one session with the coordinator, opened
// again by itself after every loss.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace sluice::v1 {
class ControlMessage;
class Welcome;
}  // namespace sluice::v1

namespace sluice::net {

class EventLoop;
class Network;

struct ControlClientOptions {
  std::string endpoint;         // what to dial, "tcp://HOST:PORT"
  std::string coordinator_key;  // 32 raw bytes: whom to expect there
  std::vector<std::string> features;
  std::string version;
  std::string bulk_endpoint;  // agents that listen for bulk
};

struct ControlClientEvents {
  std::function<void(const v1::Welcome&)> on_welcome;
  std::function<void(const v1::ControlMessage&)> on_message;
  // Why it ended: "coordinator-unreachable", "not-admitted" (our key is unknown there),
  // "wrong-coordinator-key" (after three broken handshakes in a row: the first may be a restart),
  // "endless-message" (more than kUnfinishedBytesMax of one).
  // The client goes on trying with back-off (at most 2 s after a transport failure, 60 s after a
  // refusal); this is called once per loss or failed attempt.
  std::function<void(const Status&)> on_lost;
};

// Lives on `loop`'s thread; callbacks come on it.
class ControlClient {
 public:
  virtual ~ControlClient() = default;
  static std::unique_ptr<ControlClient> Dial(Network& network, EventLoop& loop, const Clock& clock,
                                             Entropy& entropy, Random& random,
                                             ControlClientOptions options,
                                             ControlClientEvents events);
  // Fills in session and sequence. Unavailable "coordinator-unreachable" when there is no session.
  virtual Status Send(v1::ControlMessage message) = 0;
  virtual bool connected() const = 0;
};

}  // namespace sluice::net
