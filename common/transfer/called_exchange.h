// The exchange as other threads see it: makes the transfers' handles, and has the loop carry what
// they stand for.
#pragma once

#include <functional>
#include <memory>

#include "common/base/executor.h"
#include "common/base/mutex.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/carriage.h"

namespace sluice::transfer {

class SpoolFile;

// Whoever derives from it gives the loop a thread. All borrowed.
class CalledExchange : public BulkExchange {
 public:
  CalledExchange(const Clock& clock, Files& files, Spool& spool)
      : clock_(clock), files_(files), spool_(spool) {}

  StatusOr<std::unique_ptr<OutgoingTransfer>> Send(OutgoingOptions options) override;
  StatusOr<std::unique_ptr<IncomingTransfer>> Receive(IncomingOptions options) override;
  void StopServing(const TransferId& transfer) override;

 protected:
  // The loop's thread. Does what was asked for, a bounded part of it, as long as calls().
  void WorkOff(ExchangeLoop& exchange);
  // Nothing more is worked off after this call.
  void StopWorking();
  bool stopped() const { return stop_; }  // the loop's thread
  LoopCalls& calls() const { return *calls_; }

 private:
  // Made when the first transfer has fellows.
  Executor& Serving();
  StatusOr<std::unique_ptr<SpoolFile>> OpenSpoolFile(const IncomingOptions& options);
  Status CallAndWait(const std::function<Status(ExchangeLoop&)>& call);

  const Clock& clock_;
  Files& files_;
  Spool& spool_;
  const std::shared_ptr<LoopCalls> calls_ = std::make_shared<LoopCalls>(kLoopCallsMax);
  bool stop_ = false;  // the loop's thread
  Mutex mutex_;
  std::unique_ptr<ThreadPool> serving_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::transfer
