#include "common/base/timers.h"

#include <algorithm>

namespace sluice {

Timers::Id Timers::After(absl::Duration delay, std::function<void()> callback) {
  const Id id = ++last_id_;
  const absl::Duration at = clock_.Monotonic() + delay;
  due_.emplace(std::make_pair(at, id), std::move(callback));
  due_by_id_.emplace(id, at);
  return id;
}

void Timers::Cancel(Id id) {
  const auto found = due_by_id_.find(id);
  if (found == due_by_id_.end()) return;
  due_.erase({found->second, id});
  due_by_id_.erase(found);
}

void Timers::RunDue() {
  const absl::Duration now = clock_.Monotonic();
  const Id newest = last_id_;
  for (auto next = due_.begin(); next != due_.end() && next->first.first <= now;) {
    if (next->first.second > newest) {
      ++next;
      continue;
    }
    const auto callback = std::move(next->second);
    due_by_id_.erase(next->first.second);
    due_.erase(next);
    callback();
    // The callback may have changed the map: begin again with what is due and was set before.
    next = due_.begin();
  }
}

std::optional<absl::Duration> Timers::UntilNext() const {
  if (due_.empty()) return std::nullopt;
  return std::max(absl::ZeroDuration(), due_.begin()->first.first - clock_.Monotonic());
}

}  // namespace sluice
