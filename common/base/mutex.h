// A mutex whose use clang's thread-safety analysis checks.
//
// std::mutex underneath, not absl::Mutex: Debian's Abseil is built without ThreadSanitizer's
// annotations, and TSan then reports correctly locked code.
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "common/base/thread_schedule.h"

namespace sluice {

class ABSL_LOCKABLE Mutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits are in a loop over the caller's condition: wake-ups may be spurious.
class ConditionVariable {
 public:
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (ThreadSchedule* schedule = ThreadSchedule::OfThisThread()) {
      WaitScheduled(*schedule, mutex, absl::InfiniteDuration());
      return;
    }
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `timeout` passed without a wake-up.
  bool WaitFor(Mutex& mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (ThreadSchedule* schedule = ThreadSchedule::OfThisThread()) {
      return WaitScheduled(*schedule, mutex, timeout);
    }
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const auto result = condition_.wait_for(lock, absl::ToChronoNanoseconds(timeout));
    lock.release();
    return result == std::cv_status::no_timeout;
  }
  void NotifyOne() {
    if (ThreadSchedule* schedule = ThreadSchedule::OfThisThread()) schedule->Notify(this);
    condition_.notify_one();
  }
  void NotifyAll() {
    if (ThreadSchedule* schedule = ThreadSchedule::OfThisThread()) schedule->Notify(this);
    condition_.notify_all();
  }

 private:
  bool WaitScheduled(ThreadSchedule& schedule, Mutex& mutex, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    mutex.mutex_.unlock();
    const bool notified = schedule.Wait(this, timeout);
    mutex.mutex_.lock();
    return notified;
  }

  std::condition_variable condition_;
};

}  // namespace sluice
