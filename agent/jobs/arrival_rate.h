// How fast a transfer's bytes have been coming lately.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"

namespace sluice::agent {

// Looks back over a window, so that a link that has changed is known for what it is now. One
// thread's.
class ArrivalRate {
 public:
  // As much as this, or as long, and a rate is known: on a fast link nobody waits for it.
  static constexpr uint64_t kBytesMin = uint64_t{1} << 20;
  static constexpr absl::Duration kTimeMin = absl::Seconds(1);
  static constexpr absl::Duration kWindow = absl::Seconds(5);
  static constexpr absl::Duration kSampleEvery = absl::Milliseconds(50);

  // `bytes` have come in all until `now` (monotonic).
  void Add(absl::Duration now, uint64_t bytes);
  std::optional<double> BytesPerSecond() const;
  // Since when not one byte has come; nothing before the first sample.
  absl::Duration SilentFor(absl::Duration now) const;

 private:
  struct Sample {
    absl::Duration at;
    uint64_t bytes = 0;
  };
  std::deque<Sample> samples_;  // at most kWindow / kSampleEvery and the latest
  absl::Duration grown_at_;     // when the latest byte was seen
};

}  // namespace sluice::agent
