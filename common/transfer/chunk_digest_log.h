// What the source has sealed: the SHA-256 of each sealed chunk, on the disk before it leaves. A
// chunk that is read again, after a restart too, leaves again only if it is the same: else one
// nonce would show two plaintexts.
//
// Format: proto/sealed-stream.md, C3.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// The caller appends some, calls Sync() once, and only then lets these chunks' sealed bytes leave.
// Its owner removes the file, with the content key. Not thread-safe.
class ChunkDigestLog {
 public:
  // Makes the file if there is none. What a crash left of an unfinished Sync() is dropped.
  // DataLoss "digest-log-damaged": it is not as it was written, so it is not known what was sealed;
  // nothing more may be sealed under this content key. Failures of the disk as Files.
  static StatusOr<std::unique_ptr<ChunkDigestLog>> Open(Files& files, const std::string& path,
                                                        const StreamLayout& layout);

  // What was appended, durable or not yet. index < chunk_count, here and below.
  std::optional<crypto::Sha256Digest> Find(uint32_t index) const;

  // In memory until Sync(). One that is there is left alone; DataLoss "chunk-changed" if its digest
  // is another.
  Status Append(uint32_t index, const crypto::Sha256Digest& digest);

  // All that was appended is durable when it returns. "disk-full" may be tried again; after another
  // failure the log must be opened again.
  Status Sync();

 private:
  ChunkDigestLog(std::unique_ptr<RandomAccessFile> file, const StreamLayout& layout);

  // Reads all records, and returns how many are good. Those behind them were never synced.
  StatusOr<uint32_t> Load();

  std::unique_ptr<RandomAccessFile> file_;
  const StreamLayout layout_;
  ChunkSet known_;
  std::vector<crypto::Sha256Digest> digests_;  // by index, where `known_`
  std::vector<uint32_t> order_;                // of the records, the unsynced ones last
  uint32_t synced_ = 0;                        // records of `order_` that are durable
};

}  // namespace sluice::transfer
