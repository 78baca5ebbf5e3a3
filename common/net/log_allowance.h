// How often something that strangers can bring about is logged by name; how often it happened is
// counted elsewhere. Not thread-safe.
#pragma once

#include "absl/time/time.h"

namespace sluice::net {

class LogAllowance {
 public:
  static constexpr int kLines = 20;
  static constexpr absl::Duration kPeriod = absl::Seconds(10);

  // Whether one more line may be written at this monotonic time.
  bool Take(absl::Duration now) {
    if (left_ == kLines || now - began_ >= kPeriod) {
      began_ = now;
      left_ = kLines;
    }
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  absl::Duration began_;
  int left_ = kLines;
};

}  // namespace sluice::net
