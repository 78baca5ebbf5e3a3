// Brings events into the ledger and the book: judged at once, in effect only when they are kept.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/promotion.h"
#include "coordinator/daemon/promotion_book.h"

namespace sluice::coordinator {

// Belongs to the loop. What it is given is borrowed and outlives the ledger's last answer.
class EventRecorder {
 public:
  static constexpr size_t kAppendsMax = 1024;  // in flight
  // How long nothing is written after the ledger has failed.
  static constexpr absl::Duration kRecoverAfter = absl::Seconds(2);

  struct Observer {
    // A promotion's committed state is another one now.
    std::function<void(const std::string& promotion)> on_changed;
    // The ledger takes entries again.
    std::function<void()> on_recovered;
  };

  EventRecorder(Ledger& ledger, PromotionBook& book, Timers& timers, Observer observer);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // OK: `event` is legal after all that came before it, and is being written; `done` follows with
  // the entry's sequence number, or why it was not kept, then on_changed(). Otherwise nothing has
  // happened: names of Apply(), ResourceExhausted "coordinator-busy", Unavailable
  // "ledger-unavailable" (also given to `done`).
  using Recorded = std::function<void(StatusOr<uint64_t> sequence)>;
  Status Record(const std::string& promotion, const Event& event, Recorded done);

  // A trust document that shall hold from here on.
  Status RecordTrust(std::string envelope, absl::Time now, Recorded done);

 private:
  Status CheckReady() const;
  void Append(LedgerDraft draft, Ledger::Appended done);
  void OnFailure(const Status& failure);

  Ledger& ledger_;
  PromotionBook& book_;
  Timers& timers_;
  const Observer observer_;
  size_t in_flight_ = 0;
  Status failure_;  // of the ledger; not OK until it is tried again
  std::optional<Timers::Id> recovery_;
};

}  // namespace sluice::coordinator
