// How far a running step's transfer is, for whoever shows progress.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// Thread-safe: a step shows its transfer while it has one, the control loop looks.
class TransferMeter {
 public:
  using Look = std::function<transfer::TransferFigures()>;
  using LookAtDownload = std::function<absl::Duration()>;

  // A source shows besides how long it has waited for the droplet's bytes.
  void Show(Look look, LookAtDownload look_at_download = nullptr) {
    MutexLock lock(mutex_);
    look_ = std::move(look);
    look_at_download_ = std::move(look_at_download);
  }
  // After this nobody looks any more; what was seen last stays.
  void Hide() {
    MutexLock lock(mutex_);
    if (look_) last_ = look_();
    if (look_at_download_) last_download_ = look_at_download_();
    look_ = nullptr;
    look_at_download_ = nullptr;
  }
  absl::Duration Download() const {
    MutexLock lock(mutex_);
    return look_at_download_ ? look_at_download_() : last_download_;
  }
  // Nothing before the first Show().
  std::optional<transfer::TransferFigures> Read() const {
    MutexLock lock(mutex_);
    if (look_) return look_();
    return last_;
  }

 private:
  mutable Mutex mutex_;
  Look look_ ABSL_GUARDED_BY(mutex_);
  LookAtDownload look_at_download_ ABSL_GUARDED_BY(mutex_);
  std::optional<transfer::TransferFigures> last_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_download_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent
