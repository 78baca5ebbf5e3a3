// One transfer as the exchange's loop carries it: a state machine, and the way between the loop's
// thread and the thread that reads or writes the droplet.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "common/base/mailbox.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/stream_machine.h"
#include "common/transfer/transfer_pace.h"

namespace sluice::transfer {

class ExchangeLoop;

// What other threads have the loop do. Bounded: who asks faster than the loop works waits.
using LoopCalls = Mailbox<std::function<void(ExchangeLoop&)>>;
inline constexpr size_t kLoopCallsMax = 256;

// Owned by the loop while it lasts, and by the handle that reads or writes. Calls come on the
// loop's thread, except where said.
class Carriage {
 public:
  Carriage(const StreamLayout& layout, const Clock& clock)
      : layout_(layout), clock_(clock), started_(clock.Monotonic()) {}
  virtual ~Carriage() = default;
  Carriage(const Carriage&) = delete;
  Carriage& operator=(const Carriage&) = delete;

  virtual StreamMachine& machine() = 0;
  // Carries out an effect that is no message. Gives what the machine says to that.
  virtual Effects Perform(Effect effect) = 0;

  // Before the machine hears of anything. The pace is the loop's.
  void SetPace(TransferPace& pace) { pace_ = &pace; }

  // What was verified is passed on to nobody any more.
  virtual Effects StopServing() { return {}; }
  // A header or chunk has gone, or come.
  virtual void CountSent(size_t bytes) = 0;
  virtual void CountReceived(size_t peer, size_t bytes) = 0;
  // After each event of the machine: what it says of itself, for figures().
  void Note(bool connected, uint64_t bytes_again) {
    connected_ = connected;
    again_bytes_ = bytes_again;
  }
  void NoteWays(std::vector<WayFigures> ways);
  // Over for whoever reads or writes, for this cause, unless it was over before. Any thread.
  virtual void End(const Status& why) = 0;

  // Any thread.
  const StreamLayout& layout() const { return layout_; }
  const TransferId& id() const { return layout_.transfer; }
  const Clock& clock() const { return clock_; }
  TransferFigures figures() const;

 protected:
  TransferPace& pace() { return *pace_; }
  // What the machine may send is for the pace to say.
  Allowance AllowanceOfPace();
  // What figures() calls sent, of this from fellows, and served.
  void CountPayload(size_t bytes) { payload_bytes_ += bytes; }
  void CountOfFellow(size_t bytes) { fellow_bytes_ += bytes; }
  void CountServed(size_t bytes) { served_bytes_ += bytes; }
  void CountDone(uint64_t droplet_bytes) { done_bytes_ += droplet_bytes; }
  // From now on no time is counted.
  void StopTime();

 private:
  const StreamLayout layout_;
  const Clock& clock_;
  const absl::Duration started_;
  TransferPace* pace_ = nullptr;
  std::atomic<uint64_t> payload_bytes_{0};
  std::atomic<uint64_t> fellow_bytes_{0};
  std::atomic<uint64_t> served_bytes_{0};
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<uint64_t> again_bytes_{0};
  std::atomic<bool> connected_{false};
  std::atomic<int64_t> took_nanoseconds_{-1};  // below 0: not over
  mutable Mutex ways_mutex_;
  std::vector<WayFigures> ways_ ABSL_GUARDED_BY(ways_mutex_);
};

}  // namespace sluice::transfer
