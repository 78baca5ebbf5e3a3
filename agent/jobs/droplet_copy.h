// What several promotions know of one droplet together: which chunks are in the copy on the disk,
// and who reads which of the others.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/mutex.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/aead.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/spool.h"
#include "common/transfer/stream_layout.h"

namespace sluice::agent {

// Thread-safe.
class DropletCopy {
 public:
  // Whoever reads chunks that are not in the copy from the blobstore. Its thread alone makes,
  // passes on and ends it.
  struct Reading {
    uint32_t next = 0;                               // chunk that it reads
    std::optional<absl::Duration> taken_since = {};  // its receivers have had bytes before them
  };
  // None while nobody reads for this one.
  using Place = std::optional<std::list<Reading>::iterator>;

  // A reading whose receivers have taken nothing for so long is waited for no more.
  static constexpr absl::Duration kStalledAfter = absl::Milliseconds(250);
  // A reading that is so far behind is not waited for: 16 MiB in chunks of the default size.
  static constexpr uint32_t kWaitedForChunksMax = 32;

  // `clock` is borrowed.
  DropletCopy(const transfer::StreamLayout& layout, Entropy& entropy, const Clock& clock);

  // One more wants the droplet; from the second on there is a copy if `spool` has room for it.
  void Join(transfer::Spool& spool);

  // Where a chunk is to be had: true in the copy; false from the blobstore, where `place` says
  // that it is read from now on. Waits while another is about to read it. "cancelled".
  StatusOr<bool> Await(uint32_t index, Place& place, const std::stop_token& stop);
  // Whether the reading goes on with chunk `index`; else it has ended, as the chunk is in the copy
  // or about to be.
  bool GoesOn(uint32_t index, Place& place);
  void Leave(Place& place);
  // Around each time that a reading's receivers take bytes.
  void BeginTaking(const Place& place);
  void EndTaking(const Place& place);

  // Whether there is one on the disk.
  bool Exists();
  // Into the copy, if there is one and it does not have the chunk.
  void Put(uint32_t index, std::string_view plain);
  // A chunk of the copy. Nothing when the disk does not give back what was written: the chunk is
  // then no longer in the copy.
  std::optional<std::string> Take(uint32_t index);

  const transfer::StreamLayout& layout() const { return layout_; }

 private:
  bool HasLocked(uint32_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OtherIsAboutToReadLocked(uint32_t index, const Place& place) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StatusOr<std::string> Open(const transfer::SpoolFile& file, uint32_t index) const;
  void LeaveLocked(Place& place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const transfer::StreamLayout layout_;
  const Secret key_;
  const Clock& clock_;
  Mutex mutex_;
  ConditionVariable changed_;
  int joined_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<transfer::SpoolFile> file_ ABSL_GUARDED_BY(mutex_);
  // Chunks that were ever sealed: a nonce, which is the chunk's index, is used once.
  transfer::ChunkSet sealed_ ABSL_GUARDED_BY(mutex_);
  transfer::ChunkSet present_ ABSL_GUARDED_BY(mutex_);
  std::list<Reading> readings_ ABSL_GUARDED_BY(mutex_);
  Mutex write_mutex_;  // before mutex_
  crypto::Aes256Gcm sealing_ ABSL_GUARDED_BY(write_mutex_);
};

}  // namespace sluice::agent
