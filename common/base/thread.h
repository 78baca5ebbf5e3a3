// A named thread that is always joined. Everything outside common/base starts threads through this.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace sluice {

class ThreadSchedule;

// Runs `body` at once on a thread of its own; the destructor waits for it to return, so the owner
// makes `body` end first (a stop message, a closed queue). Signals stay blocked in the thread:
// the process's main thread takes them by signalfd.
class Thread {
 public:
  // `name` is cut to the kernel's 15 characters.
  Thread(const std::string& name, std::function<void()> body);
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

 private:
  std::function<void()> Scheduled(std::function<void()> body);

  ThreadSchedule* const schedule_;  // null where the kernel decides
  uint64_t number_ = 0;             // in the schedule
  std::thread thread_;
};

}  // namespace sluice
