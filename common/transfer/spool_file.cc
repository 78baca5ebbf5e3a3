#include "common/transfer/spool_file.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/crypto/digest.h"
#include "common/transfer/layout_record.h"
#include "common/transfer/octets.h"
#include "common/transfer/stream_header.h"

namespace sluice::transfer {
namespace {

constexpr std::string_view kSpoolMagic("\x89SLSPOL\n", kFileMagicBytes);
// The three parts begin at multiples of a page, so that writing one cannot tear another.
constexpr uint64_t kHeaderRecordAt = 4096;
constexpr uint64_t kSlotsAt = 40'960;
constexpr size_t kHeaderLengthBytes = 4;
static_assert(kHeaderRecordAt + kHeaderLengthBytes + kHeaderBytesMax +
                  crypto::Sha256Digest::kBytes <=
              kSlotsAt);

uint64_t SlotAt(const StreamLayout& layout, uint32_t index) {
  return kSlotsAt + uint64_t{index} * (kSignatureBytes + layout.chunk_bytes + kSealBytes);
}

Status SpoolDamaged(std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "spool-damaged",
                    absl::StrCat("spool file: ", ToAbsl(what)));
}

StatusOr<std::string> ReadExactly(const RandomAccessFile& file, uint64_t offset, size_t bytes) {
  std::string content(bytes, '\0');
  SLUICE_ASSIGN_OR_RETURN(const size_t count, file.Read(offset, content));
  if (count != bytes) return SpoolDamaged("is shorter than it was made");
  return content;
}

// The transfer is in it, so that no other file's header passes.
crypto::Sha256Digest HeaderRecordDigest(const StreamLayout& layout, std::string_view header) {
  return crypto::Sha256Of(absl::StrCat(ToAbsl(layout.transfer.bytes()), ToAbsl(header)));
}

}  // namespace

uint64_t SpoolFileBytes(const StreamLayout& layout) {
  if (layout.chunk_count == 0) return kSlotsAt;
  const uint32_t last = layout.chunk_count - 1;
  return SlotAt(layout, last) + kSignatureBytes + layout.SealedBytes(last);
}

SpoolFile::SpoolFile(std::unique_ptr<RandomAccessFile> file, const StreamLayout& layout)
    : file_(std::move(file)),
      layout_(layout),
      readable_(layout.chunk_count),
      durable_(layout.chunk_count) {}

StatusOr<std::unique_ptr<SpoolFile>> SpoolFile::Make(std::unique_ptr<RandomAccessFile> file,
                                                     const StreamLayout& layout,
                                                     std::string_view header) {
  std::unique_ptr<SpoolFile> made(new SpoolFile(std::move(file), layout));
  SLUICE_RETURN_IF_ERROR(made->file_->Allocate(SpoolFileBytes(layout)));
  SLUICE_RETURN_IF_ERROR(made->file_->Write(0, SerializeLayoutRecord(kSpoolMagic, layout)));
  if (!header.empty()) SLUICE_RETURN_IF_ERROR(made->WriteHeaderRecord(header));
  SLUICE_RETURN_IF_ERROR(made->file_->Sync());
  MutexLock lock(made->mutex_);
  made->header_ = header;
  return made;
}

StatusOr<std::unique_ptr<SpoolFile>> SpoolFile::Load(std::unique_ptr<RandomAccessFile> file,
                                                     const StreamLayout& layout,
                                                     const ChunkVerifier& verify) {
  std::unique_ptr<SpoolFile> loaded(new SpoolFile(std::move(file), layout));
  SLUICE_RETURN_IF_ERROR(loaded->file_->Sync());
  SLUICE_ASSIGN_OR_RETURN(const std::string record,
                          ReadExactly(*loaded->file_, 0, kLayoutRecordBytes));
  const auto written = ParseLayoutRecord(kSpoolMagic, record);
  if (!written.ok()) return SpoolDamaged(FromAbsl(written.status().message()));
  if (*written != layout) {
    return NamedError(
        StatusCode::kDataLoss, "spool-wrong-layout",
        absl::StrFormat("the spool has transfer %s with %d bytes in chunks of %d, "
                        "asked for are %d in chunks of %d",
                        written->transfer.hex(), written->droplet_bytes, written->chunk_bytes,
                        layout.droplet_bytes, layout.chunk_bytes));
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t bytes, loaded->file_->Size());
  if (bytes < SpoolFileBytes(layout)) return SpoolDamaged("is shorter than it was made");
  SLUICE_RETURN_IF_ERROR(loaded->LoadHeader());
  if (!loaded->header().empty()) SLUICE_RETURN_IF_ERROR(loaded->LoadSlots(verify));
  return loaded;
}

Status SpoolFile::LoadHeader() {
  SLUICE_ASSIGN_OR_RETURN(const std::string length_octets,
                          ReadExactly(*file_, kHeaderRecordAt, kHeaderLengthBytes));
  const uint64_t length = OctetReader(length_octets).Number(kHeaderLengthBytes);
  if (length > kHeaderBytesMax) return SpoolDamaged("its header's length is impossible");
  SLUICE_ASSIGN_OR_RETURN(const std::string rest,
                          ReadExactly(*file_, kHeaderRecordAt + kHeaderLengthBytes,
                                      length + crypto::Sha256Digest::kBytes));
  const std::string_view header = std::string_view(rest).substr(0, length);
  const std::string_view digest = std::string_view(rest).substr(length);
  const bool absent = length == 0 && digest.find_first_not_of('\0') == std::string_view::npos;
  if (!absent && (length == 0 || digest != HeaderRecordDigest(layout_, header).bytes())) {
    return SpoolDamaged("its header is not as it was written");
  }
  MutexLock lock(mutex_);
  header_ = header;
  return absl::OkStatus();
}

Status SpoolFile::LoadSlots(const ChunkVerifier& verify) {
  for (uint32_t i = 0; i < layout_.chunk_count; ++i) {
    const uint64_t slot = SlotAt(layout_, i);
    SLUICE_ASSIGN_OR_RETURN(const std::string signature,
                            ReadExactly(*file_, slot, kSignatureBytes));
    // Never written: not worth reading, for it is most of a young file.
    if (signature.find_first_not_of('\0') == std::string::npos) continue;
    SLUICE_ASSIGN_OR_RETURN(const std::string sealed,
                            ReadExactly(*file_, slot + kSignatureBytes, layout_.SealedBytes(i)));
    if (!verify(signature, ChunkSignedBytes(layout_, i, sealed))) continue;
    MutexLock lock(mutex_);
    readable_.Insert(i);
    durable_.Insert(i);
  }
  return absl::OkStatus();
}

std::string SpoolFile::header() const {
  MutexLock lock(mutex_);
  return header_;
}

Status SpoolFile::WriteHeaderRecord(std::string_view header) {
  SLUICE_CHECK(!header.empty() && header.size() <= kHeaderBytesMax);
  std::string record;
  AppendNumber(record, header.size(), kHeaderLengthBytes);
  record.append(header);
  record.append(HeaderRecordDigest(layout_, header).bytes());
  return file_->Write(kHeaderRecordAt, record);
}

Status SpoolFile::SetHeader(std::string_view header) {
  SLUICE_CHECK(this->header().empty());
  SLUICE_RETURN_IF_ERROR(WriteHeaderRecord(header));
  SLUICE_RETURN_IF_ERROR(file_->Sync());
  MutexLock lock(mutex_);
  header_ = header;
  return absl::OkStatus();
}

ChunkSet SpoolFile::stored() const {
  MutexLock lock(mutex_);
  return durable_;
}

ChunkSet SpoolFile::readable() const {
  MutexLock lock(mutex_);
  return readable_;
}

Status SpoolFile::Write(const SealedChunk& chunk) {
  SLUICE_RETURN_IF_ERROR(CheckChunkPlace(layout_, chunk.index, chunk.sealed.size()));
  if (chunk.signature.size() != kSignatureBytes) {
    return NamedError(
        StatusCode::kDataLoss, "chunk-bad-signature",
        absl::StrFormat("chunk %d: a signature of %d bytes", chunk.index, chunk.signature.size()));
  }
  {
    MutexLock lock(mutex_);
    SLUICE_CHECK(!header_.empty());
    if (readable_.Contains(chunk.index)) return absl::OkStatus();
  }
  // The signature last: cut off in between, the slot still looks as if never written.
  const uint64_t slot = SlotAt(layout_, chunk.index);
  SLUICE_RETURN_IF_ERROR(file_->Write(slot + kSignatureBytes, chunk.sealed));
  SLUICE_RETURN_IF_ERROR(file_->Write(slot, chunk.signature));
  unsynced_.push_back(chunk.index);
  MutexLock lock(mutex_);
  readable_.Insert(chunk.index);
  return absl::OkStatus();
}

StatusOr<std::vector<uint32_t>> SpoolFile::Sync() {
  std::vector<uint32_t> durable;
  if (unsynced_.empty()) return durable;
  SLUICE_RETURN_IF_ERROR(file_->Sync());
  MutexLock lock(mutex_);
  for (const uint32_t index : unsynced_) {
    // A reader may have discarded it meanwhile; discarded and written again it is there twice.
    if (readable_.Contains(index) && durable_.Insert(index)) durable.push_back(index);
  }
  unsynced_.clear();
  std::sort(durable.begin(), durable.end());
  return durable;
}

StatusOr<SealedChunk> SpoolFile::Read(uint32_t index) const {
  {
    MutexLock lock(mutex_);
    if (index >= layout_.chunk_count || !readable_.Contains(index)) {
      return NamedError(StatusCode::kNotFound, "chunk-not-stored",
                        absl::StrFormat("chunk %d is not in the spool", index));
    }
  }
  SealedChunk chunk;
  chunk.index = index;
  const uint64_t slot = SlotAt(layout_, index);
  SLUICE_ASSIGN_OR_RETURN(chunk.signature, ReadExactly(*file_, slot, kSignatureBytes));
  SLUICE_ASSIGN_OR_RETURN(chunk.sealed,
                          ReadExactly(*file_, slot + kSignatureBytes, layout_.SealedBytes(index)));
  return chunk;
}

void SpoolFile::Discard(uint32_t index) {
  MutexLock lock(mutex_);
  readable_.Remove(index);
  durable_.Remove(index);
}

}  // namespace sluice::transfer
