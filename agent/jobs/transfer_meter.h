// How far a running step's transfer is, for whoever shows progress.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// Thread-safe: a step shows its transfer while it has one, the control loop looks.
class TransferMeter {
 public:
  using Look = std::function<transfer::TransferFigures()>;

  void Show(Look look) {
    MutexLock lock(mutex_);
    look_ = std::move(look);
  }
  // After this nobody looks any more; what was seen last stays.
  void Hide() {
    MutexLock lock(mutex_);
    if (look_) last_ = look_();
    look_ = nullptr;
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
  std::optional<transfer::TransferFigures> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent
