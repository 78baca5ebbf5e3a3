#include "common/transfer/outgoing_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_digest_log.h"
#include "common/transfer/exchange_loop.h"
#include "common/transfer/sealed_chunk.h"

namespace sluice::transfer {
namespace {

// Sealed chunks whose digests are made durable together: one sync for each would wait for the disk
// more than it works.
constexpr size_t kSyncedTogetherMax = 8;
// So much is read and thrown away rather than asked for anew from further on.
constexpr uint32_t kSkippedChunksMax = 16;

Status EndedWell() { return Status(StatusCode::kOutOfRange, "the transfer has ended well"); }

// How one reading of the source ends when something else is wanted.
constexpr std::string_view kElsewhere = "reading-goes-elsewhere";

class SealingTransfer final : public OutgoingTransfer {
 public:
  SealingTransfer(OutgoingOptions options, const Secret& sealing_key,
                  std::shared_ptr<OutgoingCarriage> carriage, std::shared_ptr<LoopCalls> loop,
                  Files& files, std::unique_ptr<ChunkDigestLog> digests)
      : options_(std::move(options)),
        carriage_(std::move(carriage)),
        loop_(std::move(loop)),
        files_(files),
        sealer_(options_.layout, sealing_key, options_.sign),
        digests_(std::move(digests)) {}

  ~SealingTransfer() override { Leave(); }

  Status Run(DropletSource& source, absl::Duration idle_max) override {
    idle_max_ = idle_max;
    Status status = absl::OkStatus();
    while (status.ok()) {
      const auto wanted = carriage_->TakeWanted(0, absl::InfiniteDuration());
      status = wanted.status();
      if (status.ok() && *wanted) status = ReadFrom(source, **wanted);
    }
    if (!absl::IsOutOfRange(status)) {
      // Unless it is the transfer's own cause, the receivers hear it.
      Cancel(status);
      return status;
    }
    const Status removed = files_.Remove(options_.digest_log_path);
    if (!removed.ok()) LogStatus(LogLevel::kWarning, "digest-log-not-removed", removed);
    return absl::OkStatus();
  }

  void Cancel(const Status& why) override {
    carriage_->End(why);
    loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) {
      loop.Perform(*carriage, carriage->machine().GiveUp(why));
    });
  }

  void Leave() override {
    const Status why =
        NamedError(StatusCode::kCancelled, "cancelled", "the source has stopped sending");
    carriage_->End(why);
    loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) { loop.Abandon(*carriage, why); });
  }

  TransferFigures figures() const override { return carriage_->figures(); }

 private:
  // One reading of the source, from the chunk that is wanted to the last that follows without a gap
  // in what is wanted.
  Status ReadFrom(DropletSource& source, uint32_t index) {
    next_ = index;
    wanted_ = index;
    plain_.clear();
    Status read = source.Read(uint64_t{index} * options_.layout.chunk_bytes,
                              [this](std::string_view bytes) { return Take(bytes); });
    // The last chunk ends where the droplet does: only now is it known to have no more bytes.
    if (read.ok() && IsLast(next_) && Full()) read = EndChunk();
    SLUICE_RETURN_IF_ERROR(Give());
    if (ErrorName(read) == kElsewhere) return absl::OkStatus();
    SLUICE_RETURN_IF_ERROR(read);
    if (!wanted_) return absl::OkStatus();
    return NamedError(StatusCode::kDataLoss, "stream-truncated",
                      absl::StrFormat("the droplet ended within chunk %d of %d", *wanted_,
                                      options_.layout.chunk_count));
  }

  Status Take(std::string_view bytes) {
    while (!bytes.empty()) {
      SLUICE_RETURN_IF_ERROR(carriage_->cause());
      if (Full()) {
        return NamedError(StatusCode::kDataLoss, "stream-overrun",
                          absl::StrFormat("the droplet has more than the %d bytes of its order",
                                          options_.layout.droplet_bytes));
      }
      const uint32_t chunk_bytes = options_.layout.PlainBytes(next_);
      if (plain_.empty()) plain_.reserve(chunk_bytes + kSealBytes);
      const size_t taken = std::min<size_t>(bytes.size(), chunk_bytes - plain_.size());
      plain_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (Full() && !IsLast(next_)) SLUICE_RETURN_IF_ERROR(EndChunk());
    }
    return absl::OkStatus();
  }

  bool IsLast(uint32_t index) const { return index + 1 == options_.layout.chunk_count; }
  bool Full() const {
    return next_ < options_.layout.chunk_count &&
           plain_.size() == options_.layout.PlainBytes(next_);
  }

  Status EndChunk() {
    SLUICE_RETURN_IF_ERROR(Prove());
    std::string plain = std::exchange(plain_, {});
    const uint32_t index = next_++;
    if (wanted_ == index) {
      SLUICE_RETURN_IF_ERROR(Seal(index, std::move(plain)));
      SLUICE_RETURN_IF_ERROR(AimAtNext());
    }
    return absl::OkStatus();
  }

  // While the droplet is read in one piece, the last chunk goes only if the whole is what was
  // published. A receiver checks that anyway; found here, the fault is known to be the source's.
  Status Prove() {
    if (proven_ != next_) return absl::OkStatus();
    hash_.Update(plain_);
    if (++proven_ < options_.layout.chunk_count) return absl::OkStatus();
    const crypto::Sha256Digest found = hash_.Finish();
    if (found == options_.droplet_sha256) return absl::OkStatus();
    return NamedError(
        StatusCode::kDataLoss, "digest-mismatch",
        absl::StrCat("the source gave bytes with sha256:", found.hex(),
                     ", its foundation published sha256:", options_.droplet_sha256.hex()));
  }

  Status Seal(uint32_t index, std::string plain) {
    SealedChunk chunk = sealer_.Seal(index, std::move(plain));
    if (!digests_->Find(index)) carriage_->CountSealed(options_.layout.PlainBytes(index));
    SLUICE_RETURN_IF_ERROR(digests_->Append(index, chunk.sealed_sha256));
    sealed_.push_back(std::move(chunk));
    return sealed_.size() < kSyncedTogetherMax ? absl::OkStatus() : Give();
  }

  // What is sealed goes, its digests durable before.
  Status Give() {
    if (sealed_.empty()) return absl::OkStatus();
    SLUICE_RETURN_IF_ERROR(digests_->Sync());
    for (SealedChunk& chunk : sealed_) {
      const bool passed =
          loop_->Put([carriage = carriage_, chunk = std::move(chunk)](ExchangeLoop& loop) mutable {
            loop.Perform(*carriage, carriage->machine().OnChunkSealed(
                                        std::move(chunk), carriage->clock().Monotonic()));
          });
      // The exchange has ended, and said so to the carriage before.
      if (!passed) return carriage_->cause();
    }
    sealed_.clear();
    return absl::OkStatus();
  }

  // Decides whether this reading goes on.
  Status AimAtNext() {
    wanted_.reset();
    if (!carriage_->IsWanted(next_)) SLUICE_RETURN_IF_ERROR(Give());
    if (next_ == options_.layout.chunk_count) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(const auto next, carriage_->TakeWanted(next_, idle_max_));
    const Status elsewhere = NamedError(StatusCode::kAborted, kElsewhere, "another offset is due");
    if (!next) return elsewhere;
    if (*next < next_ || *next - next_ > kSkippedChunksMax) {
      carriage_->PutBack(*next);
      return elsewhere;
    }
    wanted_ = *next;
    return absl::OkStatus();
  }

  const OutgoingOptions options_;
  const std::shared_ptr<OutgoingCarriage> carriage_;
  const std::shared_ptr<LoopCalls> loop_;
  Files& files_;
  ChunkSealer sealer_;
  const std::unique_ptr<ChunkDigestLog> digests_;
  absl::Duration idle_max_;
  crypto::Sha256 hash_;
  uint32_t proven_ = 0;  // chunks in hash_, from the first on
  // Of the reading that is under way:
  uint32_t next_ = 0;               // chunk that plain_ is filled for
  std::optional<uint32_t> wanted_;  // taken, at or after next_
  std::string plain_;
  std::vector<SealedChunk> sealed_;  // and not given yet
};

}  // namespace

OutgoingCarriage::OutgoingCarriage(SenderMachine::Options options, const Clock& clock)
    : Carriage(options.layout, clock), machine_(Paced(std::move(options)), clock.Monotonic()) {}

SenderMachine::Options OutgoingCarriage::Paced(SenderMachine::Options options) {
  options.allowance = AllowanceOfPace();
  return options;
}

Effects OutgoingCarriage::Perform(Effect effect) {
  if (const auto* wanted = std::get_if<ChunksWanted>(&effect)) {
    MutexLock lock(mutex_);
    wanted_.insert(wanted->indexes.begin(), wanted->indexes.end());
    changed_.NotifyAll();
  } else if (const auto* ended = std::get_if<Ended>(&effect)) {
    End(ended->why);
  }
  return {};
}

StatusOr<std::optional<uint32_t>> OutgoingCarriage::TakeWanted(uint32_t from,
                                                               absl::Duration patience) {
  MutexLock lock(mutex_);
  while (!ended_ && wanted_.empty()) {
    if (patience == absl::InfiniteDuration()) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitFor(mutex_, patience) && wanted_.empty() && !ended_) {
      return std::optional<uint32_t>();
    }
  }
  if (ended_) return why_.ok() ? EndedWell() : why_;
  auto found = wanted_.lower_bound(from);
  if (found == wanted_.end()) found = wanted_.begin();
  return std::optional<uint32_t>(wanted_.extract(found).value());
}

void OutgoingCarriage::PutBack(uint32_t index) {
  MutexLock lock(mutex_);
  wanted_.insert(index);
}

bool OutgoingCarriage::IsWanted(uint32_t index) const {
  MutexLock lock(mutex_);
  return wanted_.contains(index);
}

Status OutgoingCarriage::cause() const {
  MutexLock lock(mutex_);
  return ended_ && why_.ok() ? EndedWell() : why_;
}

void OutgoingCarriage::End(const Status& why) {
  StopTime();
  MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  why_ = why;
  changed_.NotifyAll();
}

StatusOr<std::unique_ptr<OutgoingTransfer>> MakeSealingTransfer(
    OutgoingOptions options, const Secret& sealing_key, std::shared_ptr<OutgoingCarriage> carriage,
    std::shared_ptr<LoopCalls> loop, Files& files) {
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<ChunkDigestLog> digests,
                          ChunkDigestLog::Open(files, options.digest_log_path, options.layout));
  return std::make_unique<SealingTransfer>(std::move(options), sealing_key, std::move(carriage),
                                           std::move(loop), files, std::move(digests));
}

}  // namespace sluice::transfer
