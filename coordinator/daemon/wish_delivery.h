// Tells agents what is wanted of them: each wish once per connection and again when it changes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "common/net/control_server.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::coordinator {

class AgentRegistry;

// Belongs to the loop. `sender` and `agents` are borrowed.
class WishDelivery {
 public:
  WishDelivery(net::ControlSender& sender, const AgentRegistry& agents)
      : sender_(sender), agents_(agents) {}

  // Sends those of the promotion's wishes that the agents connected now have not been sent. A
  // promotion without wishes is forgotten.
  void Deliver(const Promotion& promotion);
  // What Deliver() sends next is all of it.
  void ForgetAll() { delivered_.clear(); }

 private:
  using JobKey = std::tuple<std::string, int, uint32_t>;  // promotion, role, target index
  struct Delivered {
    net::SessionId session = 0;
    std::string digest;  // of the command: wishes hold envelopes, too much to keep
  };
  void Forget(const std::string& promotion);

  net::ControlSender& sender_;
  const AgentRegistry& agents_;
  std::map<JobKey, Delivered> delivered_;
};

}  // namespace sluice::coordinator
