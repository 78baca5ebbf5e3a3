// Who decides which thread goes on: the kernel, unless a simulation has its threads run one at a
// time, in an order that follows from a seed. Thread and ConditionVariable ask here; nobody else.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"

namespace sluice {

// A thread belongs to the schedule of the thread that started it. Of a schedule's threads one runs;
// the others stand in Wait(), or have not begun. They wait with no lock held but the one they name.
class ThreadSchedule {
 public:
  virtual ~ThreadSchedule() = default;

  // The calling thread's; null where the kernel decides.
  static ThreadSchedule* OfThisThread() { return current_; }

  // Returns after a Notify() of the same address, or when `timeout` has passed: then false.
  virtual bool Wait(const void* condition, absl::Duration timeout) = 0;
  virtual void Notify(const void* condition) = 0;

  // The body of a new thread, to be run by it at once: it begins when its turn comes. `number` is
  // what AwaitEnd() knows it by.
  virtual std::function<void()> Enrol(std::function<void()> body, uint64_t& number) = 0;
  // Returns when that thread's body has returned.
  virtual void AwaitEnd(uint64_t number) = 0;

 protected:
  // What the calling thread belongs to from now on.
  static void Join(ThreadSchedule* schedule) { current_ = schedule; }

 private:
  static inline thread_local ThreadSchedule* current_ = nullptr;
};

}  // namespace sluice
