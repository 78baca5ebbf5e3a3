// Whether to obey: new jobs, and the orders that continue, end or undo them.

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/job_report.h"
#include "agent/order_judge.h"
#include "agent/target_jobs.h"
#include "agent/target_jobs_job.h"
#include "common/base/logging.h"
#include "common/crypto/key_agreement.h"
#include "common/trust/seal_offer.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// From its acceptance on, a transfer may wait this long for its beginning.
constexpr absl::Duration kSealOfferLife = absl::Hours(24);

Status Busy(std::string_view what) {
  return NamedError(StatusCode::kUnavailable, "agent-busy",
                    absl::StrCat("the target's agent ", ToAbsl(what), "; try again later"));
}

UndoKind UndoOf(trust::Action action) {
  return action == trust::Action::kRollback ? UndoKind::kRollback : UndoKind::kCancel;
}

TargetEvent EventOf(trust::Action action) {
  if (action == trust::Action::kActivate) return ActivateWished{};
  return UndoWished{UndoOf(action)};
}

}  // namespace

void TargetJobs::BeginAccept(const JobKey& key, const v1::JobCommand& command) {
  const std::string& envelope = command.order();
  auto judged = JudgePromoteOrder(services_.authority, envelope, key);
  if (!judged.ok()) return Refuse(key, envelope, judged.status());
  // What waits at the barrier, for a change window perhaps, takes nothing from the others.
  const size_t busy = jobs_.CountIf([](const Job& other) {
    return other.accepting ||
           (other.stored.open && other.record.state.phase != TargetPhase::kUploaded);
  });
  if (busy >= kOpenJobsMax) {
    return Refuse(key, envelope,
                  Busy(absl::StrCat("works on ", kOpenJobsMax, " promotions already")));
  }
  auto job = std::make_unique<Job>();
  job->stored.key = key;
  job->stored.order = envelope;
  job->order = judged->order;
  job->order_sha256 = judged->sha256;
  job->accepting = true;
  Log(LogLevel::kInfo, "order-judged",
      {{"promotion", key.promotion}, {"role", "target"}, {"operator", judged->operator_name}});
  const bool ended = command.step() == v1::JOB_STEP_CANCEL || command.step() == v1::JOB_STEP_UNDO;
  if (ended) job->stop.request_stop();
  const bool begun = services_.executor.Run(
      [this, key, assignment = job->Assignment(), stop = job->stop.get_token()] {
        const bool asked = !stop.stop_requested();
        Status checked = asked ? work_.CheckPlan(assignment, stop) : absl::OkStatus();
        // A call that was broken off tells of its URL, which is not why the job ends.
        if (!asked || absl::IsCancelled(checked)) {
          checked = NamedError(StatusCode::kCancelled, "cancelled",
                               "ended before it was accepted: the promotion was cancelled, or "
                               "failed elsewhere");
        }
        services_.post([this, key, checked] { EndAccept(key, checked); });
      });
  if (!begun) return Refuse(key, envelope, Busy("has no thread free"));
  jobs_.Hold(std::move(job));
}

void TargetJobs::EndAccept(const JobKey& key, const Status& checked) {
  Job* job = jobs_.Find(key);
  if (job == nullptr || !job->accepting) return;
  const std::string envelope = job->stored.order;
  // Judged again: another order may have been accepted while the foundation was asked.
  const auto judged = JudgePromoteOrder(services_.authority, envelope, key);
  Status failed = judged.status();
  if (judged.ok()) {
    job->accepting = false;
    job->stop = std::stop_source();
    if (checked.ok()) failed = MakeSealOffer(*job, *judged);
  }
  if (failed.ok()) {
    if (!checked.ok()) {
      const bool cancelled = absl::IsCancelled(checked);
      job->record.state.phase = cancelled ? TargetPhase::kCancelled : TargetPhase::kRefused;
      job->record.state.cause = checked;
      LogStatus(LogLevel::kWarning, "order-refused", checked,
                {{"promotion", key.promotion}, {"role", "target"}});
    }
    Prepare(*job);
    failed = services_.journal.RecordAcceptance({.order_id = judged->order.order_id,
                                                 .order_sha256 = judged->sha256,
                                                 .envelope = envelope,
                                                 .accepted_at = services_.clock.Now(),
                                                 .counters = judged->counters,
                                                 .job = job->stored});
  }
  if (failed.ok()) return SendReport(services_, job->stored);
  jobs_.Drop(key);
  Refuse(key, envelope, failed);
}

Status TargetJobs::MakeSealOffer(Job& job, const JudgedOrder& judged) {
  const crypto::SealKeyPair pair = crypto::GenerateSealKey(seal_suite_, entropy_);
  SLUICE_ASSIGN_OR_RETURN(const transfer::TransferId transfer, TransferIdOf(judged.sha256));
  const trust::SealOffer offer = {.order_id = judged.order.order_id,
                                  .order_sha256 = judged.sha256,
                                  .promotion = judged.order.promotion,
                                  .transfer_id = transfer.hex(),
                                  .foundation = services_.authority.foundation(),
                                  .suite = pair.suite,
                                  .public_key = pair.public_key,
                                  .not_after = services_.clock.Now() + kSealOfferLife};
  SLUICE_ASSIGN_OR_RETURN(job.record.seal_offer,
                          trust::SignSealOffer(offer, services_.authority.key().identity));
  job.stored.secret = pair.secret_key;
  return absl::OkStatus();
}

// A refusal by name, over this agent's signature when the order can be read at all. Nothing of it
// is kept: whoever may send such an order must not be able to fill the journal.
void TargetJobs::Refuse(const JobKey& key, std::string_view envelope, const Status& why) {
  LogStatus(LogLevel::kWarning, "order-refused", why,
            {{"promotion", key.promotion}, {"role", "target"}});
  TargetRecord record;
  record.state.phase = TargetPhase::kRefused;
  record.state.cause = why;
  TargetFacts facts;
  facts.started_at = facts.finished_at = services_.clock.Now();
  const auto order = trust::PeekOrder(envelope);
  const bool ours =
      order.ok() && key.target_index < order->targets.size() &&
      order->targets[key.target_index].reference.foundation == services_.authority.foundation();
  if (ours) {
    const TargetAssignment assignment = {
        .order = *order, .index = key.target_index, .rollback = std::nullopt};
    const auto receipt =
        trust::SignReceipt(ReceiptOf(record, facts, assignment, trust::OrderSha256(envelope),
                                     trust::Outcome::kRefused),
                           services_.authority.key().identity);
    if (receipt.ok()) record.receipt = *receipt;
  }
  SendLooseReport(services_, key,
                  ReportOf(record, facts, order.ok() ? *order : trust::Order(), absl::OkStatus()));
}

StepSubject TargetJobs::SubjectOf(const Job& job, trust::Action action) {
  return {.action = action,
          .original = job.order,
          .original_sha256 = job.order_sha256,
          .target_index = job.stored.key.target_index};
}

void TargetJobs::ObeyStepOrder(Job& job, const std::string& envelope, trust::Action action) {
  if (envelope.empty()) {
    return RefuseStep(job, envelope,
                      NamedError(StatusCode::kPermissionDenied, "order-missing",
                                 absl::StrCat("to ", ToAbsl(trust::ActionName(action)),
                                              " needs an operator's order, and the coordinator "
                                              "sent none")));
  }
  const std::string sha256 = trust::OrderSha256(envelope);
  if (job.record.rollback && job.record.rollback->order_sha256 == sha256) {
    return Apply(job, {EventOf(action)});  // obeyed before
  }
  if (job.checking_rollback || job.refused_order == sha256) return;
  const auto judged = JudgeStepOrder(services_.authority, envelope, SubjectOf(job, action));
  if (!judged.ok()) return RefuseStep(job, envelope, judged.status());
  const Happening wish = {EventOf(action), ObeyedOrder{envelope, *judged}};
  if (job.Waits(wish)) return;
  if (action == trust::Action::kRollback) return BeginRollback(job, envelope, *judged);
  Apply(job, wish);
}

void TargetJobs::BeginRollback(Job& job, const std::string& envelope, const JudgedStep& judged) {
  const JobKey key = job.stored.key;
  const DropletGuid back = judged.target().droplet_guid;
  const bool known = job.facts.app_created ? back.empty() : back == job.facts.previous_droplet_guid;
  if (!known) {
    return RefuseStep(job, envelope,
                      NamedError(StatusCode::kPermissionDenied, "rollback-target-differs",
                                 "the order goes back to another droplet than the promotion "
                                 "replaced; plan the rollback again"));
  }
  job.checking_rollback = true;
  const TargetAssignment rollback = {
      .order = judged.order, .index = judged.target_index, .rollback = std::nullopt};
  const bool begun = services_.executor.Run([this, key, envelope, rollback,
                                             trust = services_.authority.trust(),
                                             stop = job.stop.get_token()] {
    const Status checked = work_.CheckRollback(rollback, *trust, stop);
    services_.post([this, key, envelope, checked] { EndRollbackCheck(key, envelope, checked); });
  });
  if (!begun) EndRollbackCheck(key, envelope, Busy("has no thread free"));
}

void TargetJobs::EndRollbackCheck(const JobKey& key, const std::string& envelope,
                                  const Status& checked) {
  Job* job = jobs_.Find(key);
  if (job == nullptr || !job->checking_rollback) return;
  job->checking_rollback = false;
  if (!checked.ok()) return RefuseStep(*job, envelope, checked);
  // Judged again: another order may have been accepted while the foundation was asked.
  const auto judged =
      JudgeStepOrder(services_.authority, envelope, SubjectOf(*job, trust::Action::kRollback));
  if (!judged.ok()) return RefuseStep(*job, envelope, judged.status());
  const trust::OrderTarget& target = judged->target();
  const RollbackTerms terms = {
      .order_sha256 = judged->sha256,
      .restore_droplet_guid = target.droplet_guid,
      .expected_current_droplet_guid = target.expected_current_droplet_guid,
      .expires_at = judged->order.expires_at};
  Apply(*job, {UndoWished{UndoKind::kRollback}, ObeyedOrder{envelope, *judged, terms}});
}

// An order that has waited for the journal's disk is judged once more: it may have expired, and
// another may have used its counter.
bool TargetJobs::StillObeyed(Job& job, const Happening& happening) {
  if (!happening.order) return true;
  const ObeyedOrder& obeyed = *happening.order;
  const auto judged = JudgeStepOrder(services_.authority, obeyed.envelope,
                                     SubjectOf(job, obeyed.judged.order.action));
  if (!judged.ok()) RefuseStep(job, obeyed.envelope, judged.status());
  return judged.ok();
}

Status TargetJobs::SaveAcceptance(const Job& job, const ObeyedOrder& order) {
  const JudgedOrder& judged = order.judged;
  SLUICE_RETURN_IF_ERROR(services_.journal.RecordAcceptance({.order_id = judged.order.order_id,
                                                             .order_sha256 = judged.sha256,
                                                             .envelope = order.envelope,
                                                             .accepted_at = services_.clock.Now(),
                                                             .counters = judged.counters,
                                                             .job = job.stored}));
  Log(LogLevel::kInfo, "step-order-accepted",
      {{"promotion", job.stored.key.promotion},
       {"operator", judged.operator_name},
       {"name", trust::ActionName(judged.order.action)}});
  return absl::OkStatus();
}

// The job stays as it is; the coordinator hears why.
void TargetJobs::RefuseStep(Job& job, const std::string& envelope, const Status& why) {
  LogStatus(LogLevel::kWarning, "step-order-refused", why,
            {{"promotion", job.stored.key.promotion}, {"role", "target"}});
  job.refused_order = trust::OrderSha256(envelope);
  job.refusal = why;
  if (!Reportable(job.record)) return;
  if (Save(job) == Saved::kYes) SendReport(services_, job.stored);
}

}  // namespace sluice::agent
