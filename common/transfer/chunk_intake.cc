#include "common/transfer/chunk_intake.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/transfer/content_key.h"
#include "common/transfer/exchange_loop.h"
#include "common/transfer/stream_header.h"

namespace sluice::transfer {
namespace {

// Failures of this process, of which the source is not told: it waits until there is room.
bool IsOurs(const Status& why) {
  return absl::IsResourceExhausted(why) || absl::IsUnavailable(why);
}

}  // namespace

ChunkIntake::ChunkIntake(IncomingOptions options, std::shared_ptr<SpoolFile> file,
                         std::shared_ptr<IncomingCarriage> carriage,
                         std::shared_ptr<LoopCalls> loop)
    : options_(std::move(options)),
      file_(std::move(file)),
      carriage_(std::move(carriage)),
      loop_(std::move(loop)),
      stored_(file_->stored()) {
  for (auto index = stored_.FirstPresent(); index; index = stored_.FirstPresent(*index + 1)) {
    carriage_->CountStored(options_.layout.PlainBytes(*index));
  }
}

void ChunkIntake::Run() {
  const Status why = Work();
  if (why.ok() || !carriage_->cause().ok()) return;
  LogStatus(LogLevel::kWarning, "transfer-failed", why,
            {{"transfer", options_.layout.transfer.hex()}});
  if (IsOurs(why)) {
    carriage_->End(why);
    loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) { loop.Abandon(*carriage, why); });
    return;
  }
  carriage_->End(why);
  loop_->Put([carriage = carriage_, why](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->machine().GiveUp(why));
  });
}

Status ChunkIntake::Work() {
  if (!file_->header().empty()) SLUICE_RETURN_IF_ERROR(OpenStream(file_->header()));
  while (true) {
    if (opener_ && opened_ == options_.layout.chunk_count) return Verify();
    // What is there is opened before more is waited for; what has come goes first, it is credit.
    SLUICE_ASSIGN_OR_RETURN(auto arrivals, carriage_->TakeArrivals(!CanOpenNext()));
    if (arrivals.over) return absl::OkStatus();
    if (!arrivals.header.empty()) SLUICE_RETURN_IF_ERROR(OpenStream(arrivals.header));
    if (!arrivals.chunks.empty()) SLUICE_RETURN_IF_ERROR(Store(std::move(arrivals.chunks)));
    const bool in_memory = !fresh_.empty();
    while (CanOpenNext() && (!in_memory || fresh_.contains(opened_))) {
      SLUICE_RETURN_IF_ERROR(OpenNext());
      if (!in_memory) break;
    }
    fresh_.clear();
    carriage_->ShowOpened(opened_);
  }
}

Status ChunkIntake::OpenStream(const std::string& header) {
  SLUICE_ASSIGN_OR_RETURN(const Secret content_key, UnwrapKey(header));
  const Secret sealing_key = SealingKey(content_key, options_.layout.transfer);
  opener_.emplace(options_.layout, sealing_key);
  if (file_->header().empty()) SLUICE_RETURN_IF_ERROR(file_->SetHeader(header));
  carriage_->Show(sealing_key, file_);
  loop_->Put([carriage = carriage_](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->BeginReading());
  });
  return absl::OkStatus();
}

StatusOr<Secret> ChunkIntake::UnwrapKey(const std::string& bytes) const {
  SLUICE_ASSIGN_OR_RETURN(const StreamHeader header, ParseHeader(bytes, options_.verify));
  if (header.layout != options_.layout) {
    return NamedError(StatusCode::kDataLoss, "header-wrong-layout",
                      "the stream is of another transfer or size, or cut otherwise, than agreed");
  }
  if (header.statement_sha256 != options_.statement_sha256) {
    return NamedError(StatusCode::kDataLoss, "header-wrong-statement",
                      "the stream belongs to another statement than the one that was checked");
  }
  return UnwrapFrom(header, options_.recipient);
}

Status ChunkIntake::Store(std::vector<ChunkArrived> chunks) {
  for (ChunkArrived& arrived : chunks) {
    SealedChunk& chunk = arrived.chunk;
    const Status checked = CheckChunk(options_.layout, options_.verify, chunk);
    if (!checked.ok() && arrived.peer > 0) {
      Blame(arrived, checked);
      continue;
    }
    SLUICE_RETURN_IF_ERROR(checked);
    SLUICE_RETURN_IF_ERROR(file_->Write(chunk));
    fresh_[chunk.index] = std::move(chunk);
  }
  SLUICE_ASSIGN_OR_RETURN(std::vector<uint32_t> durable, file_->Sync());
  for (const uint32_t index : durable) {
    stored_.Insert(index);
    carriage_->CountStored(options_.layout.PlainBytes(index));
  }
  loop_->Put([carriage = carriage_, durable = std::move(durable)](ExchangeLoop& loop) {
    loop.Perform(*carriage, carriage->machine().OnStored(durable, carriage->clock().Monotonic()));
  });
  return absl::OkStatus();
}

void ChunkIntake::Blame(const ChunkArrived& arrived, const Status& why) {
  loop_->Put([carriage = carriage_, peer = arrived.peer, index = arrived.chunk.index,
              why](ExchangeLoop& loop) {
    loop.Perform(*carriage,
                 carriage->machine().OnBadChunk(peer, index, why, carriage->clock().Monotonic()));
  });
}

bool ChunkIntake::CanOpenNext() const {
  return opener_ && opened_ < options_.layout.chunk_count && stored_.Contains(opened_);
}

Status ChunkIntake::OpenNext() {
  SealedChunk chunk;
  if (const auto fresh = fresh_.find(opened_); fresh != fresh_.end()) {
    chunk = std::move(fresh->second);
    fresh_.erase(fresh);
  } else {
    SLUICE_ASSIGN_OR_RETURN(chunk, file_->Read(opened_));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string plain, opener_->Open(std::move(chunk)));
  hash_.Update(plain);
  ++opened_;
  return absl::OkStatus();
}

Status ChunkIntake::Verify() {
  const crypto::Sha256Digest found = hash_.Finish();
  if (found != options_.droplet_sha256) {
    return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                      absl::StrCat("the droplet that arrived has the SHA-256 ", found.hex(),
                                   ", the order names ", options_.droplet_sha256.hex()));
  }
  carriage_->ShowVerified();
  loop_->Put([carriage = carriage_, found](ExchangeLoop& loop) {
    loop.Perform(*carriage,
                 carriage->machine().OnDigestHolds(found, carriage->clock().Monotonic()));
  });
  return absl::OkStatus();
}

}  // namespace sluice::transfer
