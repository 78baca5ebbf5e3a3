#include "common/transfer/transfer_pace.h"

#include <algorithm>
#include <utility>

namespace sluice::transfer {

TransferPace::TransferPace(Timers& timers, const Clock& clock, const Rates& rates, GoOn go_on)
    : timers_(timers),
      clock_(clock),
      go_on_(std::move(go_on)),
      sending_(rates.send),
      receiving_(rates.receive) {}

TransferPace::~TransferPace() { timers_.Cancel(timer_); }

void TransferPace::Join(const TransferId& transfer, Rate own) {
  sending_.Join(transfer, own);
  receiving_.Join(transfer, own);
}

void TransferPace::Leave(const TransferId& transfer) {
  sending_.Leave(transfer);
  receiving_.Leave(transfer);
  Await();
}

bool TransferPace::MaySend(const TransferId& transfer, uint64_t bytes) {
  const bool may = sending_.Take(transfer, bytes, clock_.Monotonic());
  if (!may) Await();
  return may;
}

void TransferPace::SendAnyway(const TransferId& transfer, uint64_t bytes) {
  sending_.Spend(transfer, bytes, clock_.Monotonic());
  Await();
}

uint32_t TransferPace::MayReceive(const TransferId& transfer, uint64_t chunk_bytes,
                                  uint32_t chunks) {
  const absl::Duration now = clock_.Monotonic();
  uint32_t taken = 0;
  while (taken < chunks && receiving_.Take(transfer, chunk_bytes, now)) ++taken;
  if (taken < chunks) Await();
  return taken;
}

void TransferPace::GiveBackReceiving(const TransferId& transfer, uint64_t bytes) {
  receiving_.GiveBack(transfer, bytes);
  Await();
}

void TransferPace::Await() {
  const auto sending = sending_.NextAt();
  const auto receiving = receiving_.NextAt();
  auto next = sending ? sending : receiving;
  if (next && receiving) next = std::min(*next, *receiving);
  if (next == due_at_) return;
  timers_.Cancel(timer_);
  due_at_ = next;
  if (!next) return;
  timer_ = timers_.After(std::max(absl::ZeroDuration(), *next - clock_.Monotonic()),
                         [this] { CallThose(); });
}

void TransferPace::CallThose() {
  due_at_.reset();
  const absl::Duration now = clock_.Monotonic();
  for (RateLimit* limit : {&sending_, &receiving_}) {
    while (const auto transfer = limit->Next(now)) go_on_(*transfer);
  }
  Await();
}

}  // namespace sluice::transfer
