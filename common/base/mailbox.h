// A bounded queue of messages from any thread to one owner, who is woken through a descriptor.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "common/base/mutex.h"

namespace sluice {

// An eventfd: readable while signalled. Thread-safe.
class WakeDescriptor {
 public:
  WakeDescriptor();
  ~WakeDescriptor();
  WakeDescriptor(const WakeDescriptor&) = delete;
  WakeDescriptor& operator=(const WakeDescriptor&) = delete;

  int descriptor() const { return descriptor_; }
  void Signal();
  void Clear();

 private:
  const int descriptor_;
};

// Put() waits while the mailbox is full: back-pressure, never a drop and never growth. The owner
// polls descriptor() and drains with Take(). After Close(), Put() returns false at once.
template <typename Message>
class Mailbox {
 public:
  explicit Mailbox(size_t messages_max) : messages_max_(messages_max) {}

  bool Put(Message message) {
    MutexLock lock(mutex_);
    while (messages_.size() >= messages_max_ && !closed_) room_.Wait(mutex_);
    if (closed_) return false;
    messages_.push_back(std::move(message));
    arrived_.NotifyOne();
    wake_.Signal();
    return true;
  }

  // Never waits: false when full or closed, and `message` is dropped.
  bool TryPut(Message message) {
    MutexLock lock(mutex_);
    if (messages_.size() >= messages_max_ || closed_) return false;
    messages_.push_back(std::move(message));
    arrived_.NotifyOne();
    wake_.Signal();
    return true;
  }

  // Owner only. The oldest message, or nothing.
  std::optional<Message> Take() {
    MutexLock lock(mutex_);
    return TakeLocked();
  }

  // Owner only. Waits for a message; nothing when the mailbox is closed and empty.
  std::optional<Message> WaitAndTake() {
    MutexLock lock(mutex_);
    while (messages_.empty() && !closed_) arrived_.Wait(mutex_);
    return TakeLocked();
  }

  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    room_.NotifyAll();
    arrived_.NotifyAll();
    wake_.Signal();
  }

  int descriptor() const { return wake_.descriptor(); }

 private:
  std::optional<Message> TakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (messages_.empty()) {
      wake_.Clear();
      return std::nullopt;
    }
    Message message = std::move(messages_.front());
    messages_.pop_front();
    room_.NotifyOne();
    return message;
  }

  const size_t messages_max_;
  WakeDescriptor wake_;
  Mutex mutex_;
  ConditionVariable room_;
  ConditionVariable arrived_;
  std::deque<Message> messages_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
