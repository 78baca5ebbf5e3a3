#include "common/transfer/chunk_digest_log.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/transfer/layout_record.h"
#include "common/transfer/octets.h"

namespace sluice::transfer {
namespace {

constexpr std::string_view kDigestLogMagic("\x89SLDIG\n\0", kFileMagicBytes);
// A disk writes sectors of 512 bytes as a whole, and a whole number of records fills one: a record
// that was not synced is there, or is zeros, or lies beyond the end. Anything else is damage.
constexpr size_t kRecordsAt = 512;
constexpr size_t kRecordBytes = 64;
constexpr size_t kCheckBytes = 8;
constexpr size_t kPaddingBytes = kRecordBytes - 4 - 4 - crypto::Sha256Digest::kBytes - kCheckBytes;
static_assert(kRecordsAt % kRecordBytes == 0 && kLayoutRecordBytes <= kRecordsAt);

struct DigestRecord {
  uint32_t index = 0;
  uint32_t batch = 0;  // position of the first record that was synced together with it
  crypto::Sha256Digest digest;
};

std::string SerializeDigestRecord(const StreamLayout& layout, uint32_t position,
                                  const DigestRecord& record) {
  std::string octets;
  AppendNumber(octets, record.index, 4);
  AppendNumber(octets, record.batch, 4);
  octets.append(record.digest.bytes());
  octets.append(kPaddingBytes, '\0');
  std::string checked(layout.transfer.bytes());
  AppendNumber(checked, position, 4);
  checked.append(octets);
  octets.append(crypto::Sha256Of(checked).bytes().substr(0, kCheckBytes));
  return octets;
}

std::optional<DigestRecord> ParseDigestRecord(const StreamLayout& layout, uint32_t position,
                                              std::string_view octets) {
  OctetReader reader(octets);
  DigestRecord record;
  record.index = static_cast<uint32_t>(reader.Number(4));
  record.batch = static_cast<uint32_t>(reader.Number(4));
  record.digest = *crypto::Sha256Digest::FromBytes(reader.Bytes(crypto::Sha256Digest::kBytes));
  if (SerializeDigestRecord(layout, position, record) != octets) return std::nullopt;
  return record;
}

std::string Beginning(const StreamLayout& layout) {
  std::string beginning = SerializeLayoutRecord(kDigestLogMagic, layout);
  beginning.resize(kRecordsAt);
  return beginning;
}

size_t BytesOf(size_t records) { return kRecordsAt + records * kRecordBytes; }

Status LogDamaged(std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "digest-log-damaged",
                    absl::StrCat("log of chunk digests: ", ToAbsl(what),
                                 "; begin another transfer, with a new content key"));
}

}  // namespace

ChunkDigestLog::ChunkDigestLog(std::unique_ptr<RandomAccessFile> file, const StreamLayout& layout)
    : file_(std::move(file)),
      layout_(layout),
      known_(layout.chunk_count),
      digests_(layout.chunk_count) {}

StatusOr<std::unique_ptr<ChunkDigestLog>> ChunkDigestLog::Open(Files& files,
                                                               const std::string& path,
                                                               const StreamLayout& layout) {
  auto file = files.OpenRandomAccess(path, FileOpening::kExisting);
  if (ErrorName(file.status()) == "no-file") {
    SLUICE_RETURN_IF_ERROR(files.Create(path, Beginning(layout), FileAccess::kOwnerOnly));
    file = files.OpenRandomAccess(path, FileOpening::kExisting);
  }
  if (!file.ok()) return file.status();
  std::unique_ptr<ChunkDigestLog> log(new ChunkDigestLog(*std::move(file), layout));
  // What a killed process wrote may be in memory only.
  SLUICE_RETURN_IF_ERROR(log->file_->Sync());
  SLUICE_ASSIGN_OR_RETURN(const uint32_t good, log->Load());
  SLUICE_ASSIGN_OR_RETURN(const uint64_t bytes, log->file_->Size());
  if (bytes == BytesOf(good)) return log;
  // New records must find nothing where they are put.
  SLUICE_ASSIGN_OR_RETURN(const std::string content, files.Read(path, BytesOf(layout.chunk_count)));
  SLUICE_RETURN_IF_ERROR(files.Replace(path, std::string_view(content).substr(0, BytesOf(good)),
                                       FileAccess::kOwnerOnly));
  SLUICE_ASSIGN_OR_RETURN(log->file_, files.OpenRandomAccess(path, FileOpening::kExisting));
  return log;
}

StatusOr<uint32_t> ChunkDigestLog::Load() {
  SLUICE_ASSIGN_OR_RETURN(const uint64_t bytes, file_->Size());
  if (bytes < kRecordsAt || bytes > BytesOf(layout_.chunk_count)) {
    return LogDamaged("is shorter or longer than it can be");
  }
  std::string content(bytes, '\0');
  SLUICE_ASSIGN_OR_RETURN(const size_t count, file_->Read(0, content));
  if (count != bytes || !content.starts_with(Beginning(layout_))) {
    return LogDamaged("does not begin as that of this stream does");
  }
  const auto records = static_cast<uint32_t>((bytes - kRecordsAt) / kRecordBytes);
  std::optional<uint32_t> first_absent;
  for (uint32_t position = 0; position < records; ++position) {
    const auto octets = std::string_view(content).substr(BytesOf(position), kRecordBytes);
    if (octets.find_first_not_of('\0') == std::string_view::npos) {
      if (!first_absent) first_absent = position;
      continue;
    }
    const auto record = ParseDigestRecord(layout_, position, octets);
    if (!record || record->index >= layout_.chunk_count || record->batch > position) {
      return LogDamaged(absl::StrFormat("record %d is not as it was written", position));
    }
    if (first_absent) {
      if (record->batch <= *first_absent) continue;  // of the same Sync(), which did not return
      return LogDamaged(absl::StrFormat("record %d is missing", *first_absent));
    }
    if (!known_.Insert(record->index)) {
      return LogDamaged(absl::StrFormat("two records of chunk %d", record->index));
    }
    digests_[record->index] = record->digest;
    order_.push_back(record->index);
  }
  synced_ = static_cast<uint32_t>(order_.size());
  return synced_;
}

std::optional<crypto::Sha256Digest> ChunkDigestLog::Find(uint32_t index) const {
  if (!known_.Contains(index)) return std::nullopt;
  return digests_[index];
}

Status ChunkDigestLog::Append(uint32_t index, const crypto::Sha256Digest& digest) {
  if (!known_.Insert(index)) {
    if (digests_[index] == digest) return absl::OkStatus();
    return NamedError(
        StatusCode::kDataLoss, "chunk-changed",
        absl::StrFormat("chunk %d has other bytes than when it was read before", index));
  }
  digests_[index] = digest;
  order_.push_back(index);
  return absl::OkStatus();
}

Status ChunkDigestLog::Sync() {
  if (synced_ == order_.size()) return absl::OkStatus();
  std::string records;
  for (auto position = synced_; position < order_.size(); ++position) {
    const uint32_t index = order_[position];
    records.append(SerializeDigestRecord(layout_, position, {index, synced_, digests_[index]}));
  }
  SLUICE_RETURN_IF_ERROR(file_->Write(BytesOf(synced_), records));
  SLUICE_RETURN_IF_ERROR(file_->Sync());
  synced_ = static_cast<uint32_t>(order_.size());
  return absl::OkStatus();
}

}  // namespace sluice::transfer
