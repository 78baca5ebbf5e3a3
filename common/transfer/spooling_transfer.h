// What a target's job holds of a transfer: the thread that takes chunks in, and readers of the
// spool.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/base/thread.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/chunk_intake.h"
#include "common/transfer/incoming_transfer.h"

namespace sluice::transfer {

class SpoolingTransfer final : public IncomingTransfer {
 public:
  SpoolingTransfer(IncomingOptions options, std::shared_ptr<SpoolFile> file,
                   std::shared_ptr<IncomingCarriage> carriage, std::shared_ptr<LoopCalls> loop);
  ~SpoolingTransfer() override;

  std::unique_ptr<ArrivingDroplet> Open() override;
  Status AwaitVerified() override { return carriage_->AwaitVerified(); }
  void Cancel(const Status& why) override;
  void Waive() override;
  void Leave() override;
  TransferFigures figures() const override { return carriage_->figures(); }

 private:
  const crypto::Sha256Digest droplet_sha256_;
  const std::shared_ptr<IncomingCarriage> carriage_;
  const std::shared_ptr<LoopCalls> loop_;
  ChunkIntake intake_;
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace sluice::transfer
