#include "tests/foundation/change_count.h"

namespace sluice::box {

void ChangeCount::Note() {
  {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  noted_.notify_all();
}

uint64_t ChangeCount::Await(uint64_t seen, std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  noted_.wait_for(lock, longest, [&] { return count_ > seen; });
  return count_;
}

}  // namespace sluice::box
