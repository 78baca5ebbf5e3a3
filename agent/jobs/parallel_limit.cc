#include "agent/jobs/parallel_limit.h"

#include <algorithm>

namespace sluice::agent {

bool ParallelLimit::TakeLocked(const Place& place, bool small) {
  Queue& queue = QueueOf(small);
  auto found = std::find(queue.begin(), queue.end(), &place);
  if (found == queue.end()) found = queue.insert(queue.end(), &place);
  return static_cast<size_t>(found - queue.begin()) < places_;
}

bool ParallelLimit::Place::Take() {
  MutexLock lock(limit_.mutex_);
  return limit_.TakeLocked(*this, small_);
}

Status ParallelLimit::Place::Await(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    MutexLock lock(limit_.mutex_);
    limit_.changed_.NotifyAll();
  });
  MutexLock lock(limit_.mutex_);
  while (!limit_.TakeLocked(*this, small_)) {
    if (stop.stop_requested()) {
      std::erase(limit_.QueueOf(small_), this);
      return NamedError(StatusCode::kCancelled, "cancelled",
                        "stopped while it waited for its place");
    }
    limit_.changed_.Wait(limit_.mutex_);
  }
  return absl::OkStatus();
}

void ParallelLimit::Place::Leave() {
  MutexLock lock(limit_.mutex_);
  if (std::erase(limit_.QueueOf(small_), this) > 0) limit_.changed_.NotifyAll();
}

}  // namespace sluice::agent
