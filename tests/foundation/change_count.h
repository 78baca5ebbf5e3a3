// Counts what changes in the box, for whoever waits for something to come about.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace sluice::box {

// Any thread. A change may be noted before whoever makes it has let go of its mutex: to see it one
// has to take that.
class ChangeCount {
 public:
  void Note();
  // Waits until more than `seen` were noted, or `longest` has passed; how many there were.
  uint64_t Await(uint64_t seen, std::chrono::milliseconds longest);

 private:
  std::mutex mutex_;
  std::condition_variable noted_;
  uint64_t count_ = 0;
};

}  // namespace sluice::box
