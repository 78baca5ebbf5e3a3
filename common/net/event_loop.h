// One thread's loop over sockets, descriptors, timers and messages from other threads.
#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/timers.h"

namespace sluice::net {

// Made, run and destroyed on one thread, except Post() and Stop(), which any thread may call.
// A turn: due timers, then each readable thing once, then posted calls (at most 64 of each).
class EventLoop {
 public:
  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Timers& timers();
  const Clock& clock() const;

  // Calls `on_readable` while `descriptor` is readable. Unwatch before closing it.
  void WatchDescriptor(int descriptor, std::function<void()> on_readable);
  void UnwatchDescriptor(int descriptor);

  // For common/net only: `socket` is a ZeroMQ socket handle.
  void WatchSocket(void* socket, std::function<void()> on_readable);
  void UnwatchSocket(void* socket);

  // Runs `call` on the loop's thread. Waits while 1,024 calls are queued; false after Stop().
  bool Post(std::function<void()> call);

  // Until Stop(), from any thread or a callback.
  void Run();
  void Stop();
  // Runs until `done()` or Stop(); for programs that wait for one thing at a time.
  void RunUntil(const std::function<bool()>& done);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace sluice::net
