// The source's half of a transfer: the reader's thread reads and seals what is wanted, the loop
// sends.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/carriage.h"
#include "common/transfer/sender_machine.h"

namespace sluice::transfer {

class OutgoingCarriage final : public Carriage {
 public:
  OutgoingCarriage(SenderMachine::Options options, const Clock& clock);

  SenderMachine& machine() override { return machine_; }
  Effects Perform(Effect effect) override;
  void CountSent(size_t bytes) override { CountPayload(bytes); }
  void CountReceived(size_t, size_t) override {}  // a receiver sends none
  void End(const Status& why) override;

  // The reader's thread. Takes the first wanted chunk at or after `from`, or the first of all if
  // there is none; waits for one. Nothing when `patience` passes without any; OutOfRange when the
  // transfer has ended well; else its cause.
  StatusOr<std::optional<uint32_t>> TakeWanted(uint32_t from, absl::Duration patience);
  void PutBack(uint32_t index);
  // Whether it is wanted now.
  bool IsWanted(uint32_t index) const;
  Status cause() const;
  void CountSealed(uint64_t droplet_bytes) { CountDone(droplet_bytes); }

 private:
  // With what the loop's pace allows.
  SenderMachine::Options Paced(SenderMachine::Options options);

  SenderMachine machine_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::set<uint32_t> wanted_ ABSL_GUARDED_BY(mutex_);  // bounded by the receivers' credit
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Status why_ ABSL_GUARDED_BY(mutex_);
};

// What a job runs. `sealing_key` as SealingKey() derives it.
StatusOr<std::unique_ptr<OutgoingTransfer>> MakeSealingTransfer(
    OutgoingOptions options, const Secret& sealing_key, std::shared_ptr<OutgoingCarriage> carriage,
    std::shared_ptr<LoopCalls> loop, Files& files);

}  // namespace sluice::transfer
