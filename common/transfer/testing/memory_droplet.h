// A droplet in memory as a source that an outgoing transfer reads, and a look at how it was read.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::transfer {

class MemoryDroplet final : public DropletSource {
 public:
  // In pieces that do not fit the chunks.
  explicit MemoryDroplet(std::string bytes, size_t piece_bytes = 7'001)
      : bytes_(std::move(bytes)), piece_bytes_(piece_bytes) {}

  Status Read(uint64_t offset, const Take& take) override {
    {
      MutexLock lock(mutex_);
      offsets_.push_back(offset);
    }
    while (offset < bytes_.size()) {
      AwaitRelease(offset);
      const std::string_view piece = std::string_view(bytes_).substr(offset, piece_bytes_);
      SLUICE_RETURN_IF_ERROR(take(piece));
      offset += piece.size();
    }
    return absl::OkStatus();
  }

  // Nothing from `offset` on is given before Release().
  void StopAt(uint64_t offset) {
    MutexLock lock(mutex_);
    stop_at_ = offset;
  }
  void Release() {
    MutexLock lock(mutex_);
    stop_at_ = bytes_.size();
    released_.NotifyAll();
  }

  // Where readings began.
  std::vector<uint64_t> offsets() const {
    MutexLock lock(mutex_);
    return offsets_;
  }

 private:
  void AwaitRelease(uint64_t offset) {
    MutexLock lock(mutex_);
    while (offset >= stop_at_) released_.Wait(mutex_);
  }

  const std::string bytes_;
  const size_t piece_bytes_;
  mutable Mutex mutex_;
  ConditionVariable released_;
  uint64_t stop_at_ ABSL_GUARDED_BY(mutex_) = bytes_.size();
  std::vector<uint64_t> offsets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::transfer
