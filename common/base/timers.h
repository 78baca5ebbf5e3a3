// What is to happen when, in an order that does not depend on the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace sluice {

// One-shot timers on a monotonic clock. Equal times fire in the order they were set. Not
// thread-safe: belongs to one loop. `clock` is borrowed.
class Timers {
 public:
  using Id = uint64_t;
  explicit Timers(const Clock& clock) : clock_(clock) {}

  Id After(absl::Duration delay, std::function<void()> callback);
  // A timer that has fired or was cancelled is fine.
  void Cancel(Id id);
  // Runs what is due, in order. Callbacks may set and cancel timers; those they set run in a later
  // call even if due at once, so that one turn of a loop always ends.
  void RunDue();
  // How long until the next one is due; nothing when none is set.
  std::optional<absl::Duration> UntilNext() const;

 private:
  const Clock& clock_;
  Id last_id_ = 0;
  std::map<std::pair<absl::Duration, Id>, std::function<void()>> due_;
  std::map<Id, absl::Duration> due_by_id_;
};

}  // namespace sluice
