#include "agent/source_jobs.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/job_report.h"
#include "agent/order_judge.h"
#include "common/base/logging.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

Status Stopped() { return NamedError(StatusCode::kCancelled, "cancelled", "sending was stopped"); }

}  // namespace

struct SourceJobs::Job : HeldJob {
  SourceRecord record;
  // From the latest command; sending needs them.
  std::vector<std::string> seal_offers;
  std::vector<ChosenPath> paths;
  std::deque<SourceEvent> unsaved;  // the journal had no room for what they decide
  bool seed_unsaved = false;        // nor for the transfer's seed
  bool unstarted = false;           // sending is to begin, and no thread was free

  bool Busy() const { return false; }
  std::string_view Phase(const transfer::TransferFigures&) const {
    return record.state.phase == SourcePhase::kSending ? "transfer" : "";
  }
};

SourceJobs::SourceJobs(JobServices services, SourceWork& work)
    : services_(std::move(services)), work_(work), jobs_(services_) {}
SourceJobs::~SourceJobs() = default;

Status SourceJobs::Restore(const JobRecord& stored) {
  auto job = std::make_unique<Job>();
  job->stored = stored;
  SLUICE_ASSIGN_OR_RETURN(job->record, ParseSourceRecord(stored.state));
  SLUICE_ASSIGN_OR_RETURN(job->order, trust::PeekOrder(stored.order));
  job->order_sha256 = trust::OrderSha256(stored.order);
  Apply(jobs_.Hold(std::move(job)), SourceRestarted{});
  return absl::OkStatus();
}

void SourceJobs::OnCommand(const v1::JobCommand& command) {
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
    if (command.step() == v1::JOB_STEP_CANCEL) job->stop.request_stop();
    return;
  }
  if (const Status same = CheckSameOrder(*job, command); !same.ok()) return Refuse(key, same);
  const uint64_t revision = job->stored.revision;
  if (command.step() == v1::JOB_STEP_TRANSFER) {
    if (!Ended(job->record.state.phase) && !job->record.state.running) {
      job->seal_offers = {command.seal_offers().begin(), command.seal_offers().end()};
      job->paths = PathsOf(command, services_.Coordinator());
    }
    Apply(*job, SendWished{});
  } else if (command.step() == v1::JOB_STEP_CANCEL) {
    Apply(*job, CancelWished{});
  }
  if (job->stored.revision == revision) SendReport(services_, job->stored);
  jobs_.Forget(*job);
}

void SourceJobs::BeginAccept(const JobKey& key, const v1::JobCommand& command) {
  auto judged = JudgePromoteOrder(services_.authority, command.order(), key);
  if (!judged.ok()) return Refuse(key, judged.status());
  const size_t open =
      jobs_.CountIf([](const Job& other) { return other.accepting || other.stored.open; });
  if (open >= kOpenJobsMax) {
    return Refuse(key, NamedError(StatusCode::kUnavailable, "agent-busy",
                                  absl::StrCat("the source's agent works on ", kOpenJobsMax,
                                               " promotions already; try again later")));
  }
  auto job = std::make_unique<Job>();
  job->stored.key = key;
  job->stored.order = command.order();
  job->order = judged->order;
  job->order_sha256 = judged->sha256;
  job->accepting = true;
  Log(LogLevel::kInfo, "order-judged",
      {{"promotion", key.promotion}, {"role", "source"}, {"operator", judged->operator_name}});
  const bool cancelled = command.step() == v1::JOB_STEP_CANCEL;
  if (cancelled) job->stop.request_stop();
  const bool begun =
      services_.executor.Run([this, key, order = job->order, sha256 = job->order_sha256,
                              trust = services_.authority.trust(), stop = job->stop.get_token()] {
        StatusOr<std::string> statement =
            NamedError(StatusCode::kCancelled, "cancelled", "cancelled before it was accepted");
        if (!stop.stop_requested()) statement = work_.State(order, sha256, *trust, stop);
        services_.post(
            [this, key, statement = std::move(statement)] { EndAccept(key, statement); });
      });
  if (!begun) {
    return Refuse(key, NamedError(StatusCode::kUnavailable, "agent-busy",
                                  "the source's agent has no thread free; try again later"));
  }
  jobs_.Hold(std::move(job));
}

void SourceJobs::EndAccept(const JobKey& key, const StatusOr<std::string>& statement) {
  Job* job = jobs_.Find(key);
  if (job == nullptr || !job->accepting) return;
  // Judged again: another order may have been accepted while the foundation was asked.
  const auto judged = JudgePromoteOrder(services_.authority, job->stored.order, key);
  if (!judged.ok()) {
    jobs_.Drop(key);
    return Refuse(key, judged.status());
  }
  job->accepting = false;
  job->stop = std::stop_source();
  if (statement.ok()) {
    job->record.statement = *statement;
  } else {
    job->record.state.phase =
        absl::IsCancelled(statement.status()) ? SourcePhase::kCancelled : SourcePhase::kRefused;
    job->record.state.cause = statement.status();
    LogStatus(LogLevel::kWarning, "order-refused", statement.status(),
              {{"promotion", key.promotion}, {"role", "source"}});
  }
  job->stored.state = FormatSourceRecord(job->record);
  job->stored.open = !Ended(job->record.state.phase);
  PutReport(job->stored, ReportOf(job->record, job->order), services_.clock.Now());
  const Status recorded = services_.journal.RecordAcceptance({.order_id = judged->order.order_id,
                                                              .order_sha256 = judged->sha256,
                                                              .envelope = job->stored.order,
                                                              .accepted_at = services_.clock.Now(),
                                                              .counters = judged->counters,
                                                              .job = job->stored});
  if (!recorded.ok()) {
    jobs_.Drop(key);
    return Refuse(key, recorded);
  }
  SendReport(services_, job->stored);
}

void SourceJobs::Refuse(const JobKey& key, const Status& why) {
  LogStatus(LogLevel::kWarning, "order-refused", why,
            {{"promotion", key.promotion}, {"role", "source"}});
  SourceRecord record;
  record.state.phase = SourcePhase::kRefused;
  record.state.cause = why;
  SendLooseReport(services_, key, ReportOf(record, trust::Order()));
}

// Without room the job's record stays as it was.
Saved SourceJobs::Save(Job& job) {
  JobRecord before = job.stored;
  if (Ended(job.record.state.phase)) {
    job.record.header.clear();
    job.stored.secret = Secret();
  }
  job.stored.state = FormatSourceRecord(job.record);
  job.stored.open = !Ended(job.record.state.phase);
  PutReport(job.stored, ReportOf(job.record, job.order), services_.clock.Now());
  const Saved saved = JudgeSave(services_, services_.journal.SaveJob(job.stored));
  if (saved != Saved::kYes) job.stored = std::move(before);
  return saved;
}

void SourceJobs::Apply(Job& job, const SourceEvent& event) {
  // Nothing that stops needs to be journalled first: what was stopped in vain begins again.
  if (Decide(job.record.state, event).stop_sending) job.stop.request_stop();
  if (job.unsaved.empty() && ApplyNow(job, event) != Saved::kLater) return;
  const bool waits =
      std::any_of(job.unsaved.begin(), job.unsaved.end(),
                  [&event](const SourceEvent& other) { return other.index() == event.index(); });
  if (!waits) job.unsaved.push_back(event);  // in their order
}

Saved SourceJobs::ApplyNow(Job& job, const SourceEvent& event) {
  const SourceDecision decision = Decide(job.record.state, event);
  const SourceRecord before = job.record;
  job.record.state = decision.state;
  if (decision.changed) {
    const Saved saved = Save(job);
    if (saved == Saved::kLater) job.record = before;
    if (saved != Saved::kYes) return saved;
    Announce(job);
  }
  if (decision.start_sending) StartSending(job);
  return Saved::kYes;
}

void SourceJobs::Announce(const Job& job) {
  const SourceState& state = job.record.state;
  Log(LogLevel::kInfo, "job-state",
      {{"promotion", job.stored.key.promotion},
       {"role", "source"},
       {"state", SourcePhaseName(state.phase)},
       {"reason", ErrorName(state.cause)}});
  SendReport(services_, job.stored);
  if (Ended(state.phase)) work_.Forget(job.order_sha256);
}

void SourceJobs::StartSending(Job& job) {
  job.stop = std::stop_source();
  job.unstarted = true;
  RunUnstarted(job);
}

// Sending for which no thread is free begins when there is one. A transfer that has no seed yet
// gets one first; what is journalled is sent by any process.
void SourceJobs::RunUnstarted(Job& job) {
  if (!job.unstarted) return;
  const JobKey key = job.stored.key;
  if (job.stop.stop_requested()) {
    job.unstarted = false;
    return EndSending(key, Stopped());
  }
  Sending sending = {.order = job.order,
                     .order_sha256 = job.order_sha256,
                     .statement = job.record.statement,
                     .seal_offers = job.seal_offers,
                     .paths = job.paths,
                     .seed = std::nullopt};
  if (!job.record.header.empty()) {
    sending.seed = {.content_key = job.stored.secret, .header = job.record.header};
  }
  const bool begun = services_.executor.Run([this, key, sending = std::move(sending),
                                             trust = services_.authority.trust(), meter = job.meter,
                                             stop = job.stop.get_token()] {
    if (!sending.seed) {
      const auto seed = work_.MakeSeed(sending, *trust);
      services_.post([this, key, seed] { KeepSeed(key, seed); });
      return;
    }
    const Status status = work_.Send(sending, *trust, *meter, stop);
    services_.post([this, key, status] { EndSending(key, status); });
  });
  if (begun) job.unstarted = false;
}

void SourceJobs::KeepSeed(const JobKey& key, const StatusOr<transfer::TransferSeed>& seed) {
  Job* job = jobs_.Find(key);
  if (job == nullptr) return;
  if (!seed.ok()) return EndSending(key, seed.status());
  if (job->stop.stop_requested()) return EndSending(key, Stopped());
  job->stored.secret = seed->content_key;
  job->record.header = seed->header;
  SaveSeed(*job);
}

void SourceJobs::SaveSeed(Job& job) {
  const Saved saved = Save(job);
  job.seed_unsaved = saved == Saved::kLater;
  if (saved == Saved::kYes) StartSending(job);
}

void SourceJobs::Retry() {
  jobs_.ForEach([this](Job& job) {
    RunUnstarted(job);
    if (job.seed_unsaved && !job.stop.stop_requested()) return SaveSeed(job);
    while (!job.unsaved.empty()) {
      const SourceEvent next = job.unsaved.front();
      if (ApplyNow(job, next) == Saved::kLater) break;
      job.unsaved.pop_front();
    }
    if (!job.seed_unsaved || !job.stop.stop_requested()) return;
    job.seed_unsaved = false;
    Apply(job, SendingEnded{Stopped()});
  });
}

void SourceJobs::EndSending(const JobKey& key, const Status& status) {
  Job* job = jobs_.Find(key);
  if (job == nullptr) return;
  if (const auto figures = job->meter->Read()) {
    job->record.bytes_sent = static_cast<int64_t>(figures->bytes_sent);
    job->record.bytes_direct = static_cast<int64_t>(figures->bytes_by_path.direct);
    job->record.bytes_relay = static_cast<int64_t>(figures->bytes_by_path.relay);
    job->record.bytes_peer = static_cast<int64_t>(figures->bytes_by_path.peer);
    job->record.bytes_again = static_cast<int64_t>(figures->bytes_again);
    job->record.transfer_milliseconds = absl::ToInt64Milliseconds(figures->elapsed);
    job->record.download_milliseconds = absl::ToInt64Milliseconds(job->meter->Download());
  }
  Apply(*job, SendingEnded{status});
}

void SourceJobs::ForgetStrays() {
  std::vector<std::string> open;
  jobs_.ForEach([&open](const Job& job) {
    if (job.stored.open) open.push_back(job.order_sha256);
  });
  work_.ForgetOthers(open);
}

void SourceJobs::OnRecorded(const JobKey& key, uint64_t revision) {
  jobs_.OnRecorded(key, revision);
}
void SourceJobs::ResendReports() { jobs_.ResendReports(); }
void SourceJobs::SendProgress() { jobs_.SendProgress(); }
void SourceJobs::StopAll() { jobs_.StopAll(); }

}  // namespace sluice::agent
