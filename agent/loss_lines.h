// When the loss of the coordinator is worth a line of the log: it is dialled about once a second
// for as long as it is away.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace sluice::agent {

// Not thread-safe.
class LossLines {
 public:
  static constexpr absl::Duration kEvery = absl::Minutes(1);

  // A loss, or a try that failed, at this monotonic time. How many there were since the last line,
  // this one too, when another line is due: for the first one, then once in kEvery.
  std::optional<int64_t> Count(absl::Duration now) {
    ++untold_;
    if (told_at_ && now - *told_at_ < kEvery) return std::nullopt;
    told_at_ = now;
    const int64_t told = untold_;
    untold_ = 0;
    return told;
  }
  // The next loss is a first one again.
  void Forget() { *this = LossLines(); }

 private:
  std::optional<absl::Duration> told_at_;
  int64_t untold_ = 0;
};

}  // namespace sluice::agent
