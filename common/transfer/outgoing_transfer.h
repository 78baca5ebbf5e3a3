// The source's half of a transfer: chunks are sealed in the writer's thread, the loop sends them.
#pragma once

#include <memory>
#include <string>

#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/carriage.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/sender_machine.h"

namespace sluice::transfer {

// Sealed and not yet asked for by every receiver: what keeps the line busy while the writer waits
// for its own source.
inline constexpr uint64_t kHeldBytesMax = 2 << 20;

class OutgoingCarriage final : public Carriage {
 public:
  OutgoingCarriage(SenderMachine::Options options, const Clock& clock);

  SenderMachine& machine() override { return machine_; }
  Effects Perform(Effect effect) override;
  // The first is the header, which goes to a receiver that asks.
  void CountPayload(size_t bytes) override;

  // Any thread. Waits until a receiver has asked; the cause if the transfer is over.
  Status AwaitReceiver();

  // Any thread. Waits until one more chunk may be held; the cause if the transfer is over.
  Status AwaitRoom();
  Status AwaitEnd();
  // The cause, if the transfer is over; OK else, and when it ended well.
  Status cause() const;
  // Over for the writer, for this cause, unless it was over before.
  void End(const Status& why);

 private:
  SenderMachine machine_;
  const uint32_t held_max_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  uint32_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Status why_ ABSL_GUARDED_BY(mutex_);
};

// What a job writes to. `sealing_key` as SealingKey() derives it.
class SealingTransfer final : public OutgoingTransfer {
 public:
  SealingTransfer(std::shared_ptr<OutgoingCarriage> carriage, std::shared_ptr<LoopCalls> loop,
                  const Secret& sealing_key, ChunkSigner sign);
  ~SealingTransfer() override;

  Status AwaitReceiver() override { return carriage_->AwaitReceiver(); }
  Status Write(std::string_view plain) override;
  Status Finish() override;
  void Cancel(const Status& why) override;
  TransferFigures figures() const override { return carriage_->figures(); }

 private:
  Status SealAndSend();

  const std::shared_ptr<OutgoingCarriage> carriage_;
  const std::shared_ptr<LoopCalls> loop_;
  ChunkSealer sealer_;
  std::string plain_;  // of the next chunk, as far as it was written
  uint64_t written_ = 0;
};

}  // namespace sluice::transfer
