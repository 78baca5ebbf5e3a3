#include "agent/job_services.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

uint64_t RevisionAt(absl::Time now) {
  return static_cast<uint64_t>(std::max<int64_t>(1, absl::ToUnixMillis(now)));
}

void SetKey(v1::JobReport& report, const JobKey& key) {
  report.set_promotion(key.promotion);
  report.set_role(key.role == JobRole::kSource ? v1::JOB_ROLE_SOURCE : v1::JOB_ROLE_TARGET);
  report.set_target_index(key.target_index);
}

}  // namespace

Saved JudgeSave(const JobServices& services, const Status& status) {
  if (status.ok()) return Saved::kYes;
  if (ErrorName(status) == "disk-full") {
    LogStatus(LogLevel::kWarning, "journal-full", status);
    return Saved::kLater;
  }
  services.give_up(status);
  return Saved::kNever;
}

void PutReport(JobRecord& job, v1::JobReport report, absl::Time now) {
  job.revision = std::max(job.revision + 1, RevisionAt(now));
  SetKey(report, job.key);
  report.set_revision(job.revision);
  job.report = report.SerializeAsString();
  job.reported = false;
}

void SendReport(const JobServices& services, const JobRecord& job) {
  v1::ControlMessage message;
  if (!message.mutable_job_report()->ParseFromString(job.report)) {
    LogStatus(LogLevel::kError, "report-unreadable",
              NamedError(StatusCode::kDataLoss, "journal-unreadable",
                         "a report in the journal cannot be read"),
              {{"promotion", job.key.promotion}});
    return;
  }
  services.send(std::move(message));
}

void SendLooseReport(const JobServices& services, const JobKey& key, v1::JobReport report) {
  SetKey(report, key);
  report.set_revision(RevisionAt(services.clock.Now()));
  v1::ControlMessage message;
  *message.mutable_job_report() = std::move(report);
  services.send(std::move(message));
}

JobKey KeyOf(const v1::JobCommand& command) {
  const bool source = command.role() == v1::JOB_ROLE_SOURCE;
  return {.promotion = command.promotion(),
          .role = source ? JobRole::kSource : JobRole::kTarget,
          .target_index = source ? 0 : command.target_index()};
}

}  // namespace sluice::agent
