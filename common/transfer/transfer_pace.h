// How fast this process sends and receives, as the exchange's loop keeps it: nobody waits, but who
// was refused is called when its time has come.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/timers.h"
#include "common/transfer/rate_limit.h"
#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

struct Rates {
  Rate send = {};
  Rate receive = {};
};

// Lives on its loop's thread.
class TransferPace {
 public:
  using GoOn = std::function<void(const TransferId&)>;
  // `rates` are those of all transfers together. `go_on` is never called from within a call here.
  // The rest is borrowed.
  TransferPace(Timers& timers, const Clock& clock, const Rates& rates, GoOn go_on);
  ~TransferPace();
  TransferPace(const TransferPace&) = delete;
  TransferPace& operator=(const TransferPace&) = delete;

  // `own` bounds it in each direction besides.
  void Join(const TransferId& transfer, Rate own);
  void Leave(const TransferId& transfer);

  // False: it is called to go on, and asks again then.
  bool MaySend(const TransferId& transfer, uint64_t bytes);
  // They go whatever the rate: others wait for them.
  void SendAnyway(const TransferId& transfer, uint64_t bytes);
  // How many of `chunks` it may have sent to it. Below that it is called, as above.
  uint32_t MayReceive(const TransferId& transfer, uint64_t chunk_bytes, uint32_t chunks);
  // Of these, what it did not ask for.
  void GiveBackReceiving(const TransferId& transfer, uint64_t bytes);

 private:
  // Sets the timer to when somebody may go on.
  void Await();
  void CallThose();

  Timers& timers_;
  const Clock& clock_;
  const GoOn go_on_;
  RateLimit sending_;
  RateLimit receiving_;
  Timers::Id timer_ = 0;
  std::optional<absl::Duration> due_at_;
};

}  // namespace sluice::transfer
