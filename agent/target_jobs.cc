// Going on with jobs that were accepted.

#include "agent/target_jobs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/job_report.h"
#include "agent/target_jobs_job.h"
#include "agent/target_transfer.h"
#include "common/base/logging.h"
#include "common/transfer/spool.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// The journal's disk is looked at so often while it is full.
constexpr absl::Duration kRoomPoll = absl::Seconds(1);
// How long after its end an order's failure at one target may still be undone at the others.
constexpr absl::Duration kUndoAfterExpiry = absl::Hours(1);

// What runs on the executor's thread, with everything that it needs.
struct UploadTask {
  TargetWork& work;
  transfer::BulkExchange& exchange;
  TargetAssignment assignment;
  IncomingTerms terms;
  std::shared_ptr<const trust::TrustDocument> trust;
  std::shared_ptr<TransferMeter> meter;
  std::stop_token leaving;

  // True when the app runs the droplet already.
  StatusOr<bool> Run(TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop) const {
    SLUICE_ASSIGN_OR_RETURN(
        const trust::Statement statement,
        CheckStatement(terms.statement, terms.order, terms.order_sha256, *trust));
    bool opened = false;
    const OpenIncoming open = [this, &opened](std::stop_token transfer_stop) {
      opened = true;
      return OpenIncomingTransfer(exchange, terms, *trust, *meter, leaving,
                                  std::move(transfer_stop));
    };
    const StatusOr<bool> uploaded = work.Upload(assignment, statement, terms.statement, open, facts,
                                                checkpoint, std::move(stop));
    if (uploaded.ok() && !opened && terms.path) DeclineTransfer(exchange, terms, *trust);
    return uploaded;
  }
};

}  // namespace

TargetJobs::TargetJobs(JobServices services, TargetWork& work, transfer::BulkExchange& exchange,
                       transfer::Spool& spool, Entropy& entropy, crypto::SealSuite seal_suite)
    : services_(std::move(services)),
      work_(work),
      exchange_(exchange),
      spool_(spool),
      entropy_(entropy),
      seal_suite_(seal_suite),
      jobs_(services_) {}
TargetJobs::~TargetJobs() = default;

Status TargetJobs::Restore(const JobRecord& stored) {
  auto job = std::make_unique<Job>();
  job->stored = stored;
  SLUICE_ASSIGN_OR_RETURN(job->record, ParseTargetRecord(stored.state));
  SLUICE_ASSIGN_OR_RETURN(job->facts, ParseTargetFacts(stored.facts));
  SLUICE_ASSIGN_OR_RETURN(job->order, trust::PeekOrder(stored.order));
  if (stored.key.target_index >= job->order.targets.size()) {
    return NamedError(StatusCode::kDataLoss, "journal-unreadable",
                      "a job in the journal is for a target that its order does not name");
  }
  job->order_sha256 = trust::OrderSha256(stored.order);
  Apply(jobs_.Hold(std::move(job)), {Restarted{}});
  return absl::OkStatus();
}

void TargetJobs::OnCommand(const v1::JobCommand& command) {
  const JobKey key = KeyOf(command);
  Job* job = jobs_.Find(key);
  if (job == nullptr) {
    const auto stored = services_.journal.FindJob(key);
    if (!stored.ok()) return services_.give_up(stored.status());
    if (!stored->has_value()) return BeginAccept(key, command);
    if (const Status status = Restore(**stored); !status.ok()) return services_.give_up(status);
    job = jobs_.Find(key);
  }
  if (job->accepting) {
    const bool end = command.step() == v1::JOB_STEP_CANCEL || command.step() == v1::JOB_STEP_UNDO;
    if (end) job->stop.request_stop();
    return;
  }
  if (const Status same = CheckSameOrder(*job, command); !same.ok()) {
    return Refuse(key, command.order(), same);
  }
  const uint64_t revision = job->stored.revision;
  OnWish(*job, command);
  if (job->stored.revision == revision && Reportable(job->record)) {
    SendReport(services_, job->stored);
  }
  jobs_.Forget(*job);
}

void TargetJobs::OnWish(Job& job, const v1::JobCommand& command) {
  switch (command.step()) {
    case v1::JOB_STEP_TRANSFER:
      if (job.AwaitsTransfer()) {
        job.path.reset();
        const std::vector<ChosenPath> paths = PathsOf(command, services_.Coordinator());
        if (!paths.empty()) job.path = paths.front();
        job.fellow_paths = FellowPathsOf(command);
        job.record.statement = command.statement();
        Apply(job, {TransferWished{}});
      }
      return;
    case v1::JOB_STEP_ACTIVATE:
      if (job.order.activate) return Apply(job, {ActivateWished{}});
      return ObeyStepOrder(job, command.step_order(), trust::Action::kActivate);
    case v1::JOB_STEP_UNDO:
      if (command.step_order().empty()) return OnUndoWish(job);
      return ObeyStepOrder(job, command.step_order(), trust::Action::kRollback);
    case v1::JOB_STEP_CANCEL:
      return ObeyStepOrder(job, command.step_order(), trust::Action::kCancel);
    default:
      return;  // ACCEPT: the first result is the answer
  }
}

// The coordinator may undo what has failed elsewhere. What is finished here it may take back only
// for the sake of other targets of the same order, and while that order lives, or shortly after,
// since one of them may have waited until it expired: later, and for a
// single target, an operator's rollback order is needed.
void TargetJobs::OnUndoWish(Job& job) {
  const bool finished = job.record.state.phase == TargetPhase::kVerified;
  const bool others = job.order.targets.size() > 1;
  if (finished && (!others || services_.clock.Now() >= job.order.expires_at + kUndoAfterExpiry)) {
    return RefuseStep(job, "",
                      NamedError(StatusCode::kPermissionDenied, "rollback-order-missing",
                                 "the promotion is finished here; going back needs a rollback "
                                 "order"));
  }
  Apply(job, {UndoWished{UndoKind::kFailure}});
}

void TargetJobs::Apply(Job& job, const Happening& happening) {
  // Nothing that stops needs to be journalled first: what was stopped in vain begins again.
  if (Decide(job.record.state, happening.event).stop_running) job.stop.request_stop();
  if (job.unsaved.empty() && ApplyNow(job, happening) != Saved::kLater) return;
  const bool end = std::holds_alternative<StepEnded>(happening.event);
  if (!end && (job.Waits(happening) || job.unsaved.size() >= kUnsavedWishesMax)) return;
  job.unsaved.push_back(happening);  // in their order
}

Saved TargetJobs::ApplyNow(Job& job, const Happening& happening) {
  const TargetDecision decision = Decide(job.record.state, happening.event);
  const TargetRecord before = job.record;
  job.record.state = decision.state;  // what runs is known to this process alone
  if (!decision.changed) return Saved::kYes;
  if (happening.order && happening.order->rollback) {
    job.record.rollback = happening.order->rollback;
  }
  Status refusal = std::exchange(job.refusal, absl::OkStatus());
  const Saved saved = Save(job, happening.order ? &*happening.order : nullptr);
  if (saved == Saved::kYes) {
    Carry(job, decision);
  } else if (saved == Saved::kLater) {
    job.record = before;
    job.refusal = std::move(refusal);
  }
  return saved;
}

void TargetJobs::Retry() {
  jobs_.ForEach([this](Job& job) {
    RunUnstarted(job);
    while (!job.unsaved.empty()) {
      const Happening next = job.unsaved.front();
      if (StillObeyed(job, next) && ApplyNow(job, next) == Saved::kLater) break;
      job.unsaved.pop_front();
    }
    ReportNews(job);
  });
}

// Acts on a decision that is journalled.
void TargetJobs::Carry(Job& job, const TargetDecision& decision) {
  Log(LogLevel::kInfo, "job-state",
      {{"promotion", job.stored.key.promotion},
       {"role", "target"},
       {"state", TargetPhaseName(decision.state.phase)},
       {"reason", ErrorName(decision.state.cause)}});
  if (Reportable(job.record)) SendReport(services_, job.stored);
  DropSpooled(job);
  if (decision.start) StartStep(job, *decision.start);
}

// What a transfer has left in the spool goes as soon as no upload may need it any more.
void TargetJobs::DropSpooled(const Job& job) {
  if (job.NeedsSpooled()) return;
  // Another target here, of the same order, has the same transfer.
  const bool shared = jobs_.CountIf([&job](const Job& other) {
    return other.order_sha256 == job.order_sha256 && other.NeedsSpooled();
  }) > 0;
  const auto transfer = TransferIdOf(job.order_sha256);
  if (shared || !transfer.ok()) return;
  // Until all have the droplet, those that have it already pass it on to others.
  if (job.record.state.phase != TargetPhase::kUploaded) exchange_.StopServing(*transfer);
  const Status removed = spool_.Remove(*transfer);
  if (removed.ok() || absl::IsNotFound(removed)) return;
  LogStatus(LogLevel::kWarning, "spool-not-cleaned", removed,
            {{"promotion", job.stored.key.promotion}});
}

void TargetJobs::ForgetStrays() {
  std::set<transfer::TransferId> needed;
  jobs_.ForEach([&needed](const Job& job) {
    const auto transfer = TransferIdOf(job.order_sha256);
    if (job.MayTransfer() && transfer.ok()) needed.insert(*transfer);
  });
  const auto spooled = spool_.List();
  if (!spooled.ok()) return LogStatus(LogLevel::kWarning, "spool-not-listed", spooled.status());
  for (const transfer::SpooledTransfer& stray : *spooled) {
    if (needed.contains(stray.transfer)) continue;
    const Status removed = spool_.Remove(stray.transfer);
    if (!removed.ok()) LogStatus(LogLevel::kWarning, "spool-not-cleaned", removed);
  }
}

// Brings what is journalled of the job in line with its record: state, receipt, report.
void TargetJobs::Prepare(Job& job) {
  if (const auto outcome = OutcomeOf(job.record, job.order)) {
    const auto receipt = trust::SignReceipt(
        ReceiptOf(job.record, job.facts, job.Assignment(), job.order_sha256, *outcome),
        services_.authority.key().identity);
    // A foundation's answer that cannot be signed (a guid that is none) leaves the report alone.
    if (receipt.ok()) {
      job.record.receipt = *receipt;
    } else {
      LogStatus(LogLevel::kWarning, "receipt-not-signed", receipt.status(),
                {{"promotion", job.stored.key.promotion}});
    }
  }
  const TargetPhase phase = job.record.state.phase;
  if (!job.MayTransfer()) job.stored.secret = Secret();
  job.stored.state = FormatTargetRecord(job.record);
  job.stored.facts = FormatTargetFacts(job.facts);
  job.stored.open =
      !Ended(phase) && phase != TargetPhase::kVerified && phase != TargetPhase::kStuck;
  if (Reportable(job.record)) {
    PutReport(job.stored, ReportOf(job.record, job.facts, job.order, job.refusal),
              services_.clock.Now());
  }
}

// With the order that it follows from, if any. Without room the job's record stays as it was.
Saved TargetJobs::Save(Job& job, const ObeyedOrder* order) {
  JobRecord before = job.stored;
  Prepare(job);
  const Saved saved =
      JudgeSave(services_, order != nullptr ? SaveAcceptance(job, *order)
                                            : services_.journal.SaveJob(job.stored));
  if (saved != Saved::kYes) job.stored = std::move(before);
  return saved;
}

// Called by the step that runs, on its thread. While the journal's disk is full it waits: until the
// order's end what is being uploaded, which nobody misses, and for ever what has begun to change
// what runs, or puts it back. Whoever stops the step ends the wait.
Checkpoint TargetJobs::CheckpointOf(const Job& job, TargetStep step) {
  const absl::Time ends_at =
      step == TargetStep::kUpload ? job.order.expires_at : absl::InfiniteFuture();
  return [this, key = job.stored.key, stop = job.stop.get_token(),
          ends_at](const TargetFacts& facts) -> Status {
    const auto show = [&](const TargetFacts& shown) {
      services_.post([this, key, shown] { OnFacts(key, shown); });
    };
    bool waits = false;
    while (true) {
      const Status saved = services_.journal.SaveFacts(key, FormatTargetFacts(facts));
      if (saved.ok()) break;
      if (ErrorName(saved) != "disk-full") return saved;
      if (services_.clock.Now() >= ends_at) {
        return NamedError(StatusCode::kDeadlineExceeded, "order-expired",
                          "the order expired while the journal waited for room; promote again");
      }
      if (!std::exchange(waits, true)) {
        LogStatus(LogLevel::kWarning, "journal-full", saved, {{"promotion", key.promotion}});
        TargetFacts waiting = facts;
        waiting.waiting_for = kWaitingForRoom;
        show(waiting);
      }
      SLUICE_RETURN_IF_ERROR(services_.waiter.Wait(kRoomPoll, stop));
    }
    show(facts);
    return absl::OkStatus();
  };
}

void TargetJobs::StartStep(Job& job, TargetStep step) {
  job.stop = std::stop_source();
  job.unstarted = step;
  RunUnstarted(job);
}

// A step for which no thread is free begins when there is one.
void TargetJobs::RunUnstarted(Job& job) {
  if (!job.unstarted) return;
  const JobKey key = job.stored.key;
  const TargetStep step = *job.unstarted;
  if (job.stop.stop_requested()) {
    job.unstarted.reset();
    const Status stopped = NamedError(StatusCode::kCancelled, "cancelled", "stopped in time");
    return EndStep(key, {step, stopped, false, job.facts});
  }
  const Checkpoint checkpoint = CheckpointOf(job, step);
  UploadTask upload = {.work = work_,
                       .exchange = exchange_,
                       .assignment = job.Assignment(),
                       .terms = {.order = job.order,
                                 .order_sha256 = job.order_sha256,
                                 .target_index = key.target_index,
                                 .statement = job.record.statement,
                                 .seal_offer = job.record.seal_offer,
                                 .seal_secret = job.stored.secret,
                                 .path = job.path,
                                 .fellow_paths = job.fellow_paths,
                                 .chunk_bytes = services_.chunk_bytes},
                       .trust = services_.authority.trust(),
                       .meter = job.meter,
                       .leaving = services_.leaving};
  StepEnd end = {
      .step = step, .status = absl::OkStatus(), .runs_already = false, .facts = job.facts};
  const bool begun = services_.executor.Run([this, key, checkpoint, upload = std::move(upload), end,
                                             stop = job.stop.get_token()]() mutable {
    if (end.step == TargetStep::kUpload) {
      const StatusOr<bool> runs_already = upload.Run(end.facts, checkpoint, stop);
      end.status = runs_already.status();
      end.runs_already = runs_already.ok() && *runs_already;
    } else if (end.step == TargetStep::kActivate) {
      end.status = work_.Activate(upload.assignment, end.facts, checkpoint, stop);
    } else {
      end.status = work_.Undo(upload.assignment, end.facts, checkpoint, stop);
    }
    services_.post([this, key, end = std::move(end)] { EndStep(key, end); });
  });
  if (begun) job.unstarted.reset();
}

void TargetJobs::OnFacts(const JobKey& key, const TargetFacts& facts) {
  Job* job = jobs_.Find(key);
  if (job == nullptr) return;
  job->facts = facts;
  ReportNews(*job);
}

// What the facts have that no report has shown; news of which the journal has no room for later.
void TargetJobs::ReportNews(Job& job) {
  const TargetFacts& facts = job.facts;
  if (job.record.state.phase != TargetPhase::kTransferring || !facts.FromSource()) return;
  // The first upload is no news, and each that is begun again is.
  const bool again = facts.uploads_begun > std::max(job.uploads_reported, int64_t{1});
  const bool news = !job.transfer_reported || again || facts.waiting_for != job.waiting_reported;
  if (!news || Save(job) != Saved::kYes) return;
  job.transfer_reported = true;
  job.uploads_reported = facts.uploads_begun;
  job.waiting_reported = facts.waiting_for;
  SendReport(services_, job.stored);
}

void TargetJobs::EndStep(const JobKey& key, const StepEnd& end) {
  Job* job = jobs_.Find(key);
  if (job == nullptr) return;
  job->facts = end.facts;
  if (!end.status.ok()) {
    LogStatus(LogLevel::kWarning, "step-failed", end.status,
              {{"promotion", key.promotion}, {"role", "target"}});
  }
  Apply(*job, {StepEnded{end.step, end.status, end.runs_already}});
}

void TargetJobs::OnRecorded(const JobKey& key, uint64_t revision) {
  jobs_.OnRecorded(key, revision);
}
void TargetJobs::ResendReports() { jobs_.ResendReports(); }
void TargetJobs::SendProgress() { jobs_.SendProgress(); }
void TargetJobs::StopAll() { jobs_.StopAll(); }

}  // namespace sluice::agent
