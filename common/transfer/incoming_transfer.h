// A target's half of a transfer, as the loop carries it and its other threads share it: sealed
// chunks come from the loop, a thread of the transfer stores them (chunk_intake.h), readers open
// them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/executor.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/carriage.h"
#include "common/transfer/credit_budget.h"
#include "common/transfer/receiver_machine.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/spool_file.h"

namespace sluice::transfer {

class IncomingCarriage final : public Carriage,
                               public std::enable_shared_from_this<IncomingCarriage> {
 public:
  // On the loop's thread. `credit` is the exchange's. `file` may have a header and chunks already.
  // `serving` reads what fellows ask for, and outlives the loop; null if there are none.
  IncomingCarriage(const IncomingOptions& options, std::shared_ptr<SpoolFile> file,
                   CreditBudget& credit, Executor* serving, std::shared_ptr<LoopCalls> loop,
                   const Clock& clock);

  ReceiverMachine& machine() override { return machine_; }
  Effects Perform(Effect effect) override;
  void CountSent(size_t bytes) override { CountServed(bytes); }
  void CountReceived(size_t peer, size_t bytes) override;
  Effects StopServing() override;
  void End(const Status& why) override;
  // There is a place for the stream's chunks.
  Effects BeginReading();

  // The intake's thread.
  struct Arrivals {
    std::string header;
    std::vector<ChunkArrived> chunks;
    bool over = false;  // the transfer has ended well, and nothing comes any more
  };
  // What has come since; waits for something if `wait`. The cause if the transfer is over.
  StatusOr<Arrivals> TakeArrivals(bool wait);
  // The stream can be read from here on.
  void Show(const Secret& sealing_key, std::shared_ptr<SpoolFile> file);
  // So many chunks from the first on have been opened and hashed.
  void ShowOpened(uint32_t chunks);
  void ShowVerified();
  void CountStored(uint64_t droplet_bytes) { CountDone(droplet_bytes); }

  // Any thread. Waits until chunk `index` may be given out, the last one not before the digest of
  // the whole holds. Null at the end of the droplet; the cause if the transfer has failed.
  struct Stored {
    Secret sealing_key;
    std::shared_ptr<SpoolFile> file;
  };
  StatusOr<std::optional<Stored>> AwaitChunk(uint32_t index);
  // Whether AwaitChunk() would give an answer now, or within `patience`.
  StatusOr<bool> AwaitReadable(uint32_t index, absl::Duration patience);
  Status AwaitVerified();
  bool verified() const;
  Status cause() const;

 private:
  // Has the chunk read on another thread; what it says when that cannot be begun.
  Effects Serve(const ChunkToRead& reading);
  // What a chunk that comes counts for the rates.
  uint64_t PacedBytes() const;
  bool Readable(uint32_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ChunkVerifier verify_;
  std::shared_ptr<SpoolFile> file_;  // the loop's thread; null when nobody is served any more
  CreditBudget& credit_;
  Executor* const serving_;
  const std::shared_ptr<LoopCalls> loop_;
  ReceiverMachine machine_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::string header_ ABSL_GUARDED_BY(mutex_);
  std::deque<ChunkArrived> chunks_ ABSL_GUARDED_BY(mutex_);  // bounded by the credit
  std::optional<Stored> stored_ ABSL_GUARDED_BY(mutex_);
  uint32_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
  bool verified_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Status why_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::transfer
