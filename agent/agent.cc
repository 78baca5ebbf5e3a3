#include "agent/agent.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/job_report.h"
#include "common/base/logging.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// The signed answer to a read request, whatever it is.
struct ReadTask {
  const Authority& authority;
  Reads& reads;
  const Clock& clock;
  std::string request;  // envelope

  StatusOr<std::string> Result(std::stop_token stop) const {
    SLUICE_ASSIGN_OR_RETURN(const trust::AcceptedRead read, authority.AcceptRead(request));
    SLUICE_ASSIGN_OR_RETURN(std::string result, reads.Answer(read, *authority.trust(), stop));
    if (result.size() <= trust::kReadResultBytesMax) return result;
    return NamedError(StatusCode::kResourceExhausted, "answer-too-large",
                      absl::StrCat("the answer has ", result.size(), " bytes, at most ",
                                   trust::kReadResultBytesMax,
                                   " can be sent; ask for one space instead of a whole org"));
  }

  StatusOr<std::string> Sign(const StatusOr<std::string>& result) const {
    return trust::SignReadReply({.request_sha256 = "",
                                 .foundation = authority.foundation(),
                                 .at = clock.Now(),
                                 .status = result.status(),
                                 .result = result.ok() ? *result : ""},
                                request, authority.key().identity);
  }
};

Status FoundationSlow(const FoundationName& foundation) {
  const Status slow = NamedError(
      StatusCode::kUnavailable, "foundation-not-answering",
      absl::StrCat("the Cloud Controller of ", foundation.value(), " has not answered within ",
                   absl::FormatDuration(kReadAnsweredWithin),
                   ": look whether it is well, and ask again"));
  LogStatus(LogLevel::kWarning, "question-given-up", slow);
  return slow;
}

v1::ControlMessage AnswerMessage(const std::string& request_id,
                                 const StatusOr<std::string>& envelope) {
  v1::ControlMessage message;
  message.set_request(request_id);
  if (envelope.ok()) {
    message.mutable_read_answer()->set_envelope(*envelope);
  } else {
    SetError(message.mutable_error(), envelope.status());
  }
  return message;
}

}  // namespace

Agent::Agent(Options options, Parts parts)
    : options_(std::move(options)),
      services_(parts.services),
      reads_(parts.reads),
      readers_(parts.readers),
      timers_(parts.timers),
      source_jobs_(parts.services, parts.source_work),
      target_jobs_(parts.services, parts.target_work, parts.exchange, parts.spool, parts.entropy,
                   options_.seal_suite) {}

Agent::~Agent() { timers_.Cancel(progress_); }

Status Agent::Start() {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<JobRecord> jobs,
                          services_.journal.LoadUnfinishedJobs());
  for (const JobRecord& job : jobs) {
    SLUICE_RETURN_IF_ERROR(job.key.role == JobRole::kSource ? source_jobs_.Restore(job)
                                                            : target_jobs_.Restore(job));
  }
  source_jobs_.ForgetStrays();
  target_jobs_.ForgetStrays();
  ScheduleProgress();
  return absl::OkStatus();
}

void Agent::ScheduleProgress() {
  progress_ = timers_.After(options_.progress_every, [this] {
    source_jobs_.SendProgress();
    target_jobs_.SendProgress();
    source_jobs_.Retry();
    target_jobs_.Retry();
    ScheduleProgress();
  });
}

void Agent::OnWelcome(const v1::Welcome& welcome) {
  Log(LogLevel::kInfo, was_admitted_ ? "coordinator-back" : "agent-ready",
      {{"endpoint", options_.bulk_endpoint},
       {"foundation", services_.authority.foundation().value()},
       {"name", welcome.name()},
       {"version", welcome.version()}});
  was_admitted_ = true;
  losses_.Forget();
  ResendReports();
}

void Agent::ResendReports() {
  source_jobs_.ResendReports();
  target_jobs_.ResendReports();
}

void Agent::OnLost(const Status& why) {
  const auto count = losses_.Count(services_.clock.Monotonic());
  if (count) LogStatus(LogLevel::kWarning, "coordinator-lost", why, {{"count", *count}});
}

void Agent::OnMessage(const v1::ControlMessage& message) {
  switch (message.body_case()) {
    case v1::ControlMessage::kReadCall:
      return OnReadCall(message);
    case v1::ControlMessage::kJobCommand:
      if (message.job_command().role() == v1::JOB_ROLE_SOURCE) {
        return source_jobs_.OnCommand(message.job_command());
      }
      return target_jobs_.OnCommand(message.job_command());
    case v1::ControlMessage::kJobReportRecorded: {
      const v1::JobReportRecorded& recorded = message.job_report_recorded();
      const bool source = recorded.role() == v1::JOB_ROLE_SOURCE;
      const JobKey key = {.promotion = recorded.promotion(),
                          .role = source ? JobRole::kSource : JobRole::kTarget,
                          .target_index = recorded.target_index()};
      if (source) return source_jobs_.OnRecorded(key, recorded.revision());
      return target_jobs_.OnRecorded(key, recorded.revision());
    }
    case v1::ControlMessage::kError:
      return LogStatus(LogLevel::kWarning, "coordinator-refuses",
                       StatusFromParts(message.error().code(), message.error().name(),
                                       message.error().message()));
    default: {
      v1::ControlMessage answer;
      answer.set_request(message.request());
      SetError(answer.mutable_error(),
               NamedError(StatusCode::kInvalidArgument, "unexpected-message",
                          "an agent takes job commands and read calls only"));
      services_.send(std::move(answer));
    }
  }
}

void Agent::OnReadCall(const v1::ControlMessage& message) {
  ReadTask task = {.authority = services_.authority,
                   .reads = reads_,
                   .clock = services_.clock,
                   .request = message.read_call().envelope()};
  const std::string request_id = message.request();
  const auto stop = std::make_shared<std::stop_source>();
  const Timers::Id late = timers_.After(kReadAnsweredWithin, [stop] { stop->request_stop(); });
  const bool begun =
      readers_.Run([this, task, request_id, stop, late, leaving = reading_.get_token()] {
        const std::stop_callback on_leaving(leaving, [&stop] { stop->request_stop(); });
        StatusOr<std::string> result = task.Result(stop->get_token());
        if (stop->stop_requested() && !leaving.stop_requested()) {
          result = FoundationSlow(task.authority.foundation());
        }
        const StatusOr<std::string> envelope = task.Sign(result);
        services_.post([this, request_id, envelope, late] {
          timers_.Cancel(late);
          services_.send(AnswerMessage(request_id, envelope));
        });
      });
  if (begun) return;
  timers_.Cancel(late);
  services_.send(AnswerMessage(
      request_id, task.Sign(NamedError(StatusCode::kUnavailable, "agent-busy",
                                       "this agent answers as many questions as it can; ask "
                                       "again in a moment"))));
}

void Agent::Stop() {
  reading_.request_stop();
  source_jobs_.StopAll();
  target_jobs_.StopAll();
}

}  // namespace sluice::agent
