#include "common/transfer/incoming_transfer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/transfer/exchange_loop.h"

namespace sluice::transfer {
namespace {

// Credit goes back for this much at a time, or when the reader has nothing else to do.
constexpr uint32_t kCreditReturnedChunks = 8;

}  // namespace

IncomingCarriage::IncomingCarriage(IncomingOptions options, CreditBudget& credit,
                                   const Clock& clock)
    : Carriage(options.layout, clock),
      options_(std::move(options)),
      credit_(credit),
      machine_({options_.layout, options_.target_index, options_.silence_max}, clock.Monotonic()) {}

Effects IncomingCarriage::Perform(Effect effect) {
  if (auto* arrived = std::get_if<ChunkArrived>(&effect)) {
    MutexLock lock(mutex_);
    if (ended_) return {};
    arrived_.push_back(std::move(arrived->chunk));
    changed_.NotifyOne();
  } else if (const auto* header = std::get_if<HeaderArrived>(&effect)) {
    auto opener = OpenHeader(header->bytes);
    if (!opener.ok()) return machine_.GiveUp(opener.status());
    machine_.OnHeaderOpened();
    credit_.Join(id());
    {
      MutexLock lock(mutex_);
      opener_.emplace(*std::move(opener));
      changed_.NotifyOne();
    }
    return Grant(0);
  } else if (const auto* ended = std::get_if<Ended>(&effect)) {
    End(ended->why);
  }
  return {};
}

StatusOr<ChunkOpener> IncomingCarriage::OpenHeader(std::string_view bytes) const {
  SLUICE_ASSIGN_OR_RETURN(const StreamHeader header, ParseHeader(bytes, options_.verify));
  if (header.layout != layout()) {
    return NamedError(StatusCode::kDataLoss, "header-wrong-layout",
                      "the stream is of another transfer or size, or cut otherwise, than agreed");
  }
  if (header.statement_sha256 != options_.statement_sha256) {
    return NamedError(StatusCode::kDataLoss, "header-wrong-statement",
                      "the stream belongs to another statement than the one that was checked");
  }
  SLUICE_ASSIGN_OR_RETURN(const Secret content_key, UnwrapFrom(header, options_.recipient));
  return ChunkOpener(layout(), SealingKey(content_key, id()), options_.verify);
}

Effects IncomingCarriage::Grant(uint32_t used) {
  if (!machine_.reading()) return {};
  const uint64_t chunk_bytes = layout().chunk_bytes;
  credit_.Hold(id(), chunk_bytes * (machine_.outstanding() - used));
  Effects effects =
      machine_.Grant(used, credit_.Window(id(), layout().chunk_bytes), clock().Monotonic());
  credit_.Hold(id(), chunk_bytes * machine_.outstanding());
  return effects;
}

StatusOr<ChunkOpener> IncomingCarriage::AwaitOpener() {
  MutexLock lock(mutex_);
  while (!opener_ && why_.ok()) changed_.Wait(mutex_);
  if (!why_.ok()) return why_;
  ChunkOpener opener = *std::move(opener_);
  opener_.reset();
  return opener;
}

StatusOr<std::optional<SealedChunk>> IncomingCarriage::TakeChunk() {
  MutexLock lock(mutex_);
  if (!why_.ok()) return why_;
  if (arrived_.empty()) return std::nullopt;
  std::optional<SealedChunk> chunk = std::move(arrived_.front());
  arrived_.pop_front();
  return chunk;
}

StatusOr<SealedChunk> IncomingCarriage::AwaitChunk() {
  MutexLock lock(mutex_);
  while (arrived_.empty() && why_.ok()) changed_.Wait(mutex_);
  if (!why_.ok()) return why_;
  SealedChunk chunk = std::move(arrived_.front());
  arrived_.pop_front();
  return chunk;
}

Status IncomingCarriage::cause() const {
  MutexLock lock(mutex_);
  return why_;
}

void IncomingCarriage::End(const Status& why) {
  StopTime();
  MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  why_ = why;
  if (!why.ok()) arrived_.clear();
  changed_.NotifyAll();
}

OpeningTransfer::OpeningTransfer(std::shared_ptr<IncomingCarriage> carriage,
                                 std::shared_ptr<LoopCalls> loop,
                                 const crypto::Sha256Digest& droplet_sha256)
    : carriage_(std::move(carriage)), loop_(std::move(loop)), droplet_sha256_(droplet_sha256) {}

OpeningTransfer::~OpeningTransfer() {
  Cancel(NamedError(StatusCode::kCancelled, "cancelled", "the target gave the transfer up"));
}

StatusOr<size_t> OpeningTransfer::Read(std::span<char> plain) {
  SLUICE_RETURN_IF_ERROR(carriage_->cause());
  if (given_ == plain_.size()) SLUICE_RETURN_IF_ERROR(OpenNext());
  const size_t count = std::min(plain.size(), plain_.size() - given_);
  std::memcpy(plain.data(), plain_.data() + given_, count);
  given_ += count;
  return count;
}

Status OpeningTransfer::OpenNext() {
  const uint32_t chunk_count = carriage_->layout().chunk_count;
  if (!opener_) {
    SLUICE_ASSIGN_OR_RETURN(ChunkOpener opener, carriage_->AwaitOpener());
    opener_.emplace(std::move(opener));
  }
  if (!plain_.empty()) ++used_;
  plain_.clear();
  given_ = 0;
  if (opened_ == chunk_count) return holds_ ? absl::OkStatus() : CheckDigest();
  SLUICE_ASSIGN_OR_RETURN(SealedChunk chunk, NextChunk());
  auto opened = opener_->Open(std::move(chunk));
  if (!opened.ok()) {
    Cancel(opened.status());
    return opened.status();
  }
  hash_.Update(*opened);
  ++opened_;
  carriage_->CountOpened(opened->size());
  // Held back until the whole is known to be right.
  if (opened_ == chunk_count) SLUICE_RETURN_IF_ERROR(CheckDigest());
  plain_ = *std::move(opened);
  return absl::OkStatus();
}

StatusOr<SealedChunk> OpeningTransfer::NextChunk() {
  if (used_ >= kCreditReturnedChunks) ReturnCredit();
  SLUICE_ASSIGN_OR_RETURN(std::optional<SealedChunk> there, carriage_->TakeChunk());
  if (there) return *std::move(there);
  ReturnCredit();
  return carriage_->AwaitChunk();
}

void OpeningTransfer::ReturnCredit() {
  if (used_ == 0) return;
  loop_->Put([carriage = carriage_, used = std::exchange(used_, 0)](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->Grant(used));
  });
}

Status OpeningTransfer::CheckDigest() {
  const crypto::Sha256Digest found = hash_.Finish();
  if (found != droplet_sha256_) {
    const Status mismatch =
        NamedError(StatusCode::kDataLoss, "digest-mismatch",
                   absl::StrCat("the droplet that arrived has the SHA-256 ", found.hex(),
                                ", the order names ", droplet_sha256_.hex()));
    Cancel(mismatch);
    return mismatch;
  }
  holds_ = true;
  loop_->Put([carriage = carriage_, found](ExchangeLoop& loop) {
    loop.Perform(*carriage,
                 carriage->machine().OnDigestHolds(found, carriage->clock().Monotonic()));
  });
  return absl::OkStatus();
}

void OpeningTransfer::Cancel(const Status& why) {
  carriage_->End(why);
  loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->machine().GiveUp(why));
  });
}

}  // namespace sluice::transfer
