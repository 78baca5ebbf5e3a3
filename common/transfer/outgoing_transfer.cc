#include "common/transfer/outgoing_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/transfer/exchange_loop.h"

namespace sluice::transfer {
namespace {

constexpr uint64_t kHeldChunksMin = 2;

}  // namespace

OutgoingCarriage::OutgoingCarriage(SenderMachine::Options options, const Clock& clock)
    : Carriage(options.layout, clock),
      machine_(std::move(options), clock.Monotonic()),
      held_max_(
          static_cast<uint32_t>(std::max(kHeldChunksMin, kHeldBytesMax / layout().chunk_bytes))) {}

Effects OutgoingCarriage::Perform(Effect effect) {
  if (const auto* released = std::get_if<ChunkReleased>(&effect)) {
    CountDone(layout().PlainBytes(released->index));
    MutexLock lock(mutex_);
    --held_;
    // Half a load at a time: waking the writer for each chunk costs more than it brings.
    if (waits_ && held_ <= held_max_ / 2) changed_.NotifyAll();
  } else if (const auto* ended = std::get_if<Ended>(&effect)) {
    End(ended->why);
  }
  return {};
}

void OutgoingCarriage::CountPayload(size_t bytes) {
  if (bytes == 0) return;
  Carriage::CountPayload(bytes);
  MutexLock lock(mutex_);
  if (asked_) return;
  asked_ = true;
  changed_.NotifyAll();
}

Status OutgoingCarriage::AwaitReceiver() {
  MutexLock lock(mutex_);
  while (!ended_ && !asked_) changed_.Wait(mutex_);
  return ended_ ? why_ : absl::OkStatus();
}

Status OutgoingCarriage::AwaitRoom() {
  MutexLock lock(mutex_);
  if (held_ >= held_max_) {
    waits_ = true;
    while (!ended_ && held_ > held_max_ / 2) changed_.Wait(mutex_);
    waits_ = false;
  }
  if (ended_) return why_;
  ++held_;
  return absl::OkStatus();
}

Status OutgoingCarriage::AwaitEnd() {
  MutexLock lock(mutex_);
  while (!ended_) changed_.Wait(mutex_);
  return why_;
}

Status OutgoingCarriage::cause() const {
  MutexLock lock(mutex_);
  return why_;
}

void OutgoingCarriage::End(const Status& why) {
  StopTime();
  MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  why_ = why;
  changed_.NotifyAll();
}

SealingTransfer::SealingTransfer(std::shared_ptr<OutgoingCarriage> carriage,
                                 std::shared_ptr<LoopCalls> loop, const Secret& sealing_key,
                                 ChunkSigner sign)
    : carriage_(std::move(carriage)),
      loop_(std::move(loop)),
      sealer_(carriage_->layout(), sealing_key, std::move(sign)) {}

SealingTransfer::~SealingTransfer() {
  Cancel(NamedError(StatusCode::kCancelled, "cancelled", "the source gave the transfer up"));
}

Status SealingTransfer::Write(std::string_view plain) {
  SLUICE_RETURN_IF_ERROR(carriage_->cause());
  const StreamLayout& layout = carriage_->layout();
  if (plain.size() > layout.droplet_bytes - written_) {
    const Status overrun =
        NamedError(StatusCode::kOutOfRange, "stream-overrun",
                   absl::StrFormat("the droplet has more than the %d bytes that its order names",
                                   layout.droplet_bytes));
    Cancel(overrun);
    return overrun;
  }
  written_ += plain.size();
  while (!plain.empty()) {
    const uint32_t wanted = layout.PlainBytes(sealer_.next_index());
    if (plain_.empty()) plain_.reserve(wanted + kSealBytes);
    const size_t taken = std::min(plain.size(), wanted - plain_.size());
    plain_.append(plain.substr(0, taken));
    plain.remove_prefix(taken);
    if (plain_.size() == wanted) SLUICE_RETURN_IF_ERROR(SealAndSend());
  }
  return absl::OkStatus();
}

Status SealingTransfer::SealAndSend() {
  SealedChunk chunk = sealer_.Seal(std::exchange(plain_, {}));
  SLUICE_RETURN_IF_ERROR(carriage_->AwaitRoom());
  const bool passed =
      loop_->Put([carriage = carriage_, chunk = std::move(chunk)](ExchangeLoop& loop) mutable {
        loop.Perform(*carriage, carriage->machine().OnChunkSealed(std::move(chunk)));
      });
  // The exchange has ended, and said so to the carriage before.
  return passed ? absl::OkStatus() : carriage_->cause();
}

Status SealingTransfer::Finish() {
  SLUICE_RETURN_IF_ERROR(carriage_->cause());
  const uint64_t droplet_bytes = carriage_->layout().droplet_bytes;
  if (written_ < droplet_bytes) {
    const Status truncated = NamedError(
        StatusCode::kDataLoss, "stream-truncated",
        absl::StrFormat("the droplet ended after %d of %d bytes", written_, droplet_bytes));
    Cancel(truncated);
    return truncated;
  }
  return carriage_->AwaitEnd();
}

void SealingTransfer::Cancel(const Status& why) {
  carriage_->End(why);
  loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->machine().GiveUp(why));
  });
}

}  // namespace sluice::transfer
