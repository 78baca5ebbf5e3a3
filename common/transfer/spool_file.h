// One transfer's sealed chunks on the disk, each in its place. There is no plaintext in it, and no
// key that would open it.
//
// Format: proto/sealed-stream.md, C2.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/signature.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// How long the spool file of such a stream is, whatever its header: known before anything arrives.
uint64_t SpoolFileBytes(const StreamLayout& layout);

// A chunk is first written, then durable. One thread writes (SetHeader, Write, Sync); any number of
// threads read at the same time. Failures of the disk have the names of Files.
class SpoolFile {
 public:
  // A new one in `file`, which is empty: takes all its room and is durable when this returns, but
  // for the file's name. `header` may be empty, for one that has not arrived. "disk-full".
  static StatusOr<std::unique_ptr<SpoolFile>> Make(std::unique_ptr<RandomAccessFile> file,
                                                   const StreamLayout& layout,
                                                   std::string_view header);

  // One that was made before, perhaps by a process that was killed, on a machine that went down.
  // Syncs first, since what the page cache shows may not be on the disk; then reads all of it once
  // and counts as durable exactly the chunks whose signature `verify` accepts. A slot that is torn,
  // or has rotted, is a chunk that has not arrived. DataLoss: "spool-damaged" if the records at the
  // beginning are not as they were written or the file is too short, "spool-wrong-layout" if it is
  // about another stream.
  static StatusOr<std::unique_ptr<SpoolFile>> Load(std::unique_ptr<RandomAccessFile> file,
                                                   const StreamLayout& layout,
                                                   const ChunkVerifier& verify);

  const StreamLayout& layout() const { return layout_; }

  // Goes when this file is closed.
  void Hold(std::shared_ptr<const void> room) { room_ = std::move(room); }

  // The stream's header, "" before it was set. Its digest holds, but nobody has checked its
  // signature.
  std::string header() const;
  // Once, before the first chunk; durable when it returns.
  Status SetHeader(std::string_view header);

  // The chunks that are durable.
  ChunkSet stored() const;
  // Those that Read() gives: these, and what was written since.
  ChunkSet readable() const;

  // Into its place; a chunk that is there already is left alone. The caller has checked its
  // signature. DataLoss: names of CheckChunkPlace(), "chunk-bad-signature" for one of a wrong
  // length.
  Status Write(const SealedChunk& chunk);

  // Makes durable all that was written before, and returns which chunks have become so with it, in
  // ascending order: only these may be acknowledged. After a failure the file must be loaded again.
  StatusOr<std::vector<uint32_t>> Sync();

  // A readable chunk, as it was written. Its signature is not looked at: whoever takes it does that
  // (ChunkOpener, another target), and hashing it here would do it twice. When it no longer holds,
  // the disk has changed it: Discard() it. NotFound "chunk-not-stored"; DataLoss "spool-damaged" if
  // the file has become shorter.
  StatusOr<SealedChunk> Read(uint32_t index) const;

  // Forgets a chunk, which may then be written again. Any thread.
  void Discard(uint32_t index);

 private:
  SpoolFile(std::unique_ptr<RandomAccessFile> file, const StreamLayout& layout);

  Status LoadHeader();
  Status LoadSlots(const ChunkVerifier& verify);
  Status WriteHeaderRecord(std::string_view header);

  std::shared_ptr<const void> room_;  // first: the file is closed before it goes
  const std::unique_ptr<RandomAccessFile> file_;
  const StreamLayout layout_;
  std::vector<uint32_t> unsynced_;  // written since Sync(); the writing thread's
  mutable Mutex mutex_;
  std::string header_ ABSL_GUARDED_BY(mutex_);
  ChunkSet readable_ ABSL_GUARDED_BY(mutex_);
  ChunkSet durable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::transfer
