// A target's half of a transfer: the loop collects sealed chunks, the reader's thread opens them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/crypto/digest.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/carriage.h"
#include "common/transfer/credit_budget.h"
#include "common/transfer/receiver_machine.h"
#include "common/transfer/sealed_chunk.h"

namespace sluice::transfer {

class IncomingCarriage final : public Carriage {
 public:
  // `credit` is the exchange's.
  IncomingCarriage(IncomingOptions options, CreditBudget& credit, const Clock& clock);

  ReceiverMachine& machine() override { return machine_; }
  Effects Perform(Effect effect) override;
  // The reader is done with `used` chunks.
  Effects Grant(uint32_t used);

  // Any thread. The stream's opener, once: waits for the header. The cause if the transfer is over.
  StatusOr<ChunkOpener> AwaitOpener();
  // The next chunk if it is there.
  StatusOr<std::optional<SealedChunk>> TakeChunk();
  // Waits for it.
  StatusOr<SealedChunk> AwaitChunk();
  Status cause() const;
  // Over for the reader, for this cause, unless it was over before.
  void End(const Status& why);
  void CountOpened(uint64_t droplet_bytes) { CountDone(droplet_bytes); }

 private:
  StatusOr<ChunkOpener> OpenHeader(std::string_view bytes) const;

  const IncomingOptions options_;
  CreditBudget& credit_;
  ReceiverMachine machine_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::optional<ChunkOpener> opener_ ABSL_GUARDED_BY(mutex_);
  std::deque<SealedChunk> arrived_ ABSL_GUARDED_BY(mutex_);  // bounded by the credit
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Status why_ ABSL_GUARDED_BY(mutex_);
};

// What a job reads from.
class OpeningTransfer final : public IncomingTransfer {
 public:
  OpeningTransfer(std::shared_ptr<IncomingCarriage> carriage, std::shared_ptr<LoopCalls> loop,
                  const crypto::Sha256Digest& droplet_sha256);
  ~OpeningTransfer() override;

  StatusOr<size_t> Read(std::span<char> plain) override;
  void Cancel(const Status& why) override;
  TransferFigures figures() const override { return carriage_->figures(); }

 private:
  // The next chunk's bytes into plain_; nothing there at the end.
  Status OpenNext();
  StatusOr<SealedChunk> NextChunk();
  void ReturnCredit();
  // The whole droplet has been hashed.
  Status CheckDigest();

  const std::shared_ptr<IncomingCarriage> carriage_;
  const std::shared_ptr<LoopCalls> loop_;
  const crypto::Sha256Digest droplet_sha256_;
  std::optional<ChunkOpener> opener_;
  crypto::Sha256 hash_;
  std::string plain_;    // of one chunk, opened
  size_t given_ = 0;     // bytes of plain_ that the reader has
  uint32_t opened_ = 0;  // chunks
  uint32_t used_ = 0;    // chunks whose credit is to be returned
  bool holds_ = false;   // the digest of the whole
};

}  // namespace sluice::transfer
