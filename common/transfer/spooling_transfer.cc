#include "common/transfer/spooling_transfer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/transfer/exchange_loop.h"

namespace sluice::transfer {
namespace {

class SpooledDroplet final : public ArrivingDroplet {
 public:
  explicit SpooledDroplet(std::shared_ptr<IncomingCarriage> carriage)
      : carriage_(std::move(carriage)) {}

  StatusOr<bool> AwaitBytes(absl::Duration patience) override {
    if (given_ < plain_.size()) return true;
    return carriage_->AwaitReadable(next_, patience);
  }

  StatusOr<size_t> Read(std::span<char> plain) override {
    if (given_ == plain_.size()) SLUICE_RETURN_IF_ERROR(OpenNext());
    const size_t count = std::min(plain.size(), plain_.size() - given_);
    std::memcpy(plain.data(), plain_.data() + given_, count);
    given_ += count;
    return count;
  }

 private:
  // The next chunk's bytes into plain_; nothing there at the end.
  Status OpenNext() {
    plain_.clear();
    given_ = 0;
    SLUICE_ASSIGN_OR_RETURN(const auto stored, carriage_->AwaitChunk(next_));
    if (!stored) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(SealedChunk chunk, stored->file->Read(next_));
    if (!opener_) opener_.emplace(carriage_->layout(), stored->sealing_key);
    SLUICE_ASSIGN_OR_RETURN(plain_, opener_->Open(std::move(chunk)));
    ++next_;
    return absl::OkStatus();
  }

  const std::shared_ptr<IncomingCarriage> carriage_;
  std::optional<ChunkOpener> opener_;
  uint32_t next_ = 0;  // chunk to be opened
  std::string plain_;  // of the one before
  size_t given_ = 0;   // bytes of plain_ that the reader has
};

}  // namespace

SpoolingTransfer::SpoolingTransfer(IncomingOptions options, std::shared_ptr<SpoolFile> file,
                                   std::shared_ptr<IncomingCarriage> carriage,
                                   std::shared_ptr<LoopCalls> loop)
    : droplet_sha256_(options.droplet_sha256),
      carriage_(carriage),
      loop_(loop),
      intake_(std::move(options), std::move(file), std::move(carriage), std::move(loop)) {
  thread_.emplace("intake", [this] { intake_.Run(); });
}

SpoolingTransfer::~SpoolingTransfer() { Leave(); }

void SpoolingTransfer::Leave() {
  const Status why =
      NamedError(StatusCode::kCancelled, "cancelled", "the target has stopped receiving");
  const bool verified = carriage_->verified();
  carriage_->End(why);
  // A source that has not heard yet that all is well still hears it.
  if (verified) return;
  loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) { loop.Abandon(*carriage, why); });
}

std::unique_ptr<ArrivingDroplet> SpoolingTransfer::Open() {
  return std::make_unique<SpooledDroplet>(carriage_);
}

void SpoolingTransfer::Cancel(const Status& why) {
  carriage_->End(why);
  loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->machine().GiveUp(why));
  });
}

void SpoolingTransfer::Waive() {
  carriage_->ShowVerified();
  loop_->Put([carriage = carriage_, sha256 = droplet_sha256_](ExchangeLoop& loop) {
    loop.Perform(*carriage,
                 carriage->machine().OnDigestHolds(sha256, carriage->clock().Monotonic()));
  });
}

}  // namespace sluice::transfer
