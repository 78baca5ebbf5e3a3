#include "coordinator/daemon/event_recorder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "coordinator/daemon/ledger_record.h"

namespace sluice::coordinator {

EventRecorder::EventRecorder(Ledger& ledger, PromotionBook& book, Timers& timers, Observer observer)
    : ledger_(ledger), book_(book), timers_(timers), observer_(std::move(observer)) {}

EventRecorder::~EventRecorder() {
  if (recovery_) timers_.Cancel(*recovery_);
}

Status EventRecorder::CheckReady() const {
  SLUICE_RETURN_IF_ERROR(failure_);
  if (in_flight_ < kAppendsMax) return absl::OkStatus();
  return NamedError(StatusCode::kResourceExhausted, "coordinator-busy",
                    absl::StrCat(kAppendsMax, " entries wait for the ledger's disk; try again"));
}

Status EventRecorder::Record(const std::string& promotion, const Event& event, Recorded done) {
  SLUICE_RETURN_IF_ERROR(CheckReady());
  SLUICE_ASSIGN_OR_RETURN(Promotion after, book_.Stage(promotion, event));
  Append(RecordOf(event, promotion),
         [this, after = std::move(after), done = std::move(done)](StatusOr<uint64_t> sequence) {
           if (sequence.ok()) book_.Commit(after, *sequence);
           done(sequence);
           if (sequence.ok()) observer_.on_changed(after.id);
         });
  return absl::OkStatus();
}

Status EventRecorder::RecordTrust(std::string envelope, absl::Time now, Recorded done) {
  SLUICE_RETURN_IF_ERROR(CheckReady());
  Append({.at = now, .kind = std::string(kTrustKind), .promotion = "", .body = std::move(envelope)},
         std::move(done));
  return absl::OkStatus();
}

void EventRecorder::Append(LedgerDraft draft, Ledger::Appended done) {
  ++in_flight_;
  ledger_.Append({std::move(draft)}, [this, done = std::move(done)](StatusOr<uint64_t> sequence) {
    --in_flight_;
    if (!sequence.ok()) OnFailure(sequence.status());
    done(std::move(sequence));
  });
}

// Whatever is in flight builds on what was not kept and fails too; only when its answers are in
// does the ledger begin anew.
void EventRecorder::OnFailure(const Status& failure) {
  if (failure_.ok()) LogStatus(LogLevel::kError, "ledger-unavailable", failure);
  failure_ = failure;
  book_.DropStaged();
  if (in_flight_ > 0 || recovery_) return;
  recovery_ = timers_.After(kRecoverAfter, [this] {
    recovery_.reset();
    failure_ = absl::OkStatus();
    ledger_.Recover();
    observer_.on_recovered();
  });
}

}  // namespace sluice::coordinator
