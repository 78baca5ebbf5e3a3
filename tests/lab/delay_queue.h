// Packets on their way through one direction of a delay line. Knows neither sockets nor clocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace sluice::lab {

using Packet = std::vector<uint8_t>;

// First in, first out, each packet not before the delay that held when it came: a delay that gets
// shorter lets no packet overtake another.
class DelayQueue {
 public:
  // What is under way at most; what comes beyond it is lost, as in a router. 1 Gbit/s x 500 ms.
  static constexpr size_t kBytesMax = 64 << 20;

  void SetDelay(absl::Duration delay) { delay_ = delay; }

  // False when the packet is lost.
  bool Push(Packet packet, absl::Duration now) {
    if (bytes_ + packet.size() > kBytesMax) return false;
    bytes_ += packet.size();
    waiting_.push_back({now + delay_, std::move(packet)});
    return true;
  }

  // When the first packet is to leave; nothing while none waits.
  std::optional<absl::Duration> NextDue() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().due;
  }

  // The first packet if its time has come. It stays the first until Pop().
  const Packet* Due(absl::Duration now) const {
    if (waiting_.empty() || waiting_.front().due > now) return nullptr;
    return &waiting_.front().packet;
  }

  void Pop() {
    bytes_ -= waiting_.front().packet.size();
    waiting_.pop_front();
  }

 private:
  struct Waiting {
    absl::Duration due;
    Packet packet;
  };

  absl::Duration delay_;
  std::deque<Waiting> waiting_;
  size_t bytes_ = 0;
};

}  // namespace sluice::lab
