#include "common/net/event_loop.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "common/base/mailbox.h"

namespace sluice::net {
namespace {

constexpr size_t kPostedCallsMax = 1024;
constexpr int kCallsPerTurn = 64;

// ZeroMQ socket, or null and a descriptor.
using Watched = std::pair<void*, int>;

}  // namespace

struct EventLoop::State {
  explicit State(const Clock& its_clock) : clock(its_clock), timers(its_clock) {}

  // What is readable now, or becomes so before the next timer is due.
  void Wait() {
    std::vector<zmq::pollitem_t> items = {{nullptr, posted.descriptor(), ZMQ_POLLIN, 0}};
    std::vector<Watched> keys;
    for (const auto& [key, callback] : watched) {
      items.push_back({key.first, key.second, ZMQ_POLLIN, 0});
      keys.push_back(key);
    }
    std::chrono::milliseconds timeout(-1);
    if (const auto next = timers.UntilNext()) {
      // Rounded up, so that a timer less than a millisecond away does not spin the loop.
      timeout = absl::ToChronoMilliseconds(std::min(*next, absl::Hours(1))) +
                std::chrono::milliseconds(1);
      if (*next == absl::ZeroDuration()) timeout = std::chrono::milliseconds(0);
    }
    try {
      zmq::poll(items, timeout);
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
      return;
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      if (items[i + 1].revents == 0) continue;
      // A callback before may have stopped watching this one.
      const auto found = watched.find(keys[i]);
      if (found == watched.end()) continue;
      const auto callback = found->second;
      callback();
    }
    if (items[0].revents != 0) RunPosted();
  }

  void RunPosted() {
    for (int i = 0; i < kCallsPerTurn; ++i) {
      auto call = posted.Take();
      if (!call) return;
      (*call)();
    }
  }

  const Clock& clock;
  Timers timers;
  std::map<Watched, std::function<void()>> watched;
  Mailbox<std::function<void()>> posted{kPostedCallsMax};
  std::atomic<bool> stopped = false;
};

EventLoop::EventLoop(const Clock& clock) : state_(std::make_unique<State>(clock)) {}
EventLoop::~EventLoop() = default;

Timers& EventLoop::timers() { return state_->timers; }
const Clock& EventLoop::clock() const { return state_->clock; }

void EventLoop::WatchDescriptor(int descriptor, std::function<void()> on_readable) {
  state_->watched[{nullptr, descriptor}] = std::move(on_readable);
}
void EventLoop::UnwatchDescriptor(int descriptor) { state_->watched.erase({nullptr, descriptor}); }

void EventLoop::WatchSocket(void* socket, std::function<void()> on_readable) {
  state_->watched[{socket, 0}] = std::move(on_readable);
}
void EventLoop::UnwatchSocket(void* socket) { state_->watched.erase({socket, 0}); }

bool EventLoop::Post(std::function<void()> call) { return state_->posted.Put(std::move(call)); }

void EventLoop::Run() {
  RunUntil([] { return false; });
}

void EventLoop::Stop() {
  state_->stopped = true;
  state_->posted.Close();
}

void EventLoop::RunUntil(const std::function<bool()>& done) {
  while (!state_->stopped && !done()) {
    state_->timers.RunDue();
    // A timer may have been what was waited for: then nothing else is.
    if (!state_->stopped && !done()) state_->Wait();
  }
}

}  // namespace sluice::net
