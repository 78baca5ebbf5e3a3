#include "agent/held_jobs.h"

#include "absl/strings/str_cat.h"
#include "agent/jobs/job_report.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {

Status CheckSameOrder(const HeldJob& job, const v1::JobCommand& command) {
  if (job.order_sha256 == trust::OrderSha256(command.order())) return absl::OkStatus();
  return NamedError(StatusCode::kAlreadyExists, "promotion-exists",
                    absl::StrCat("this agent knows promotion ", job.stored.key.promotion,
                                 " with another order: choose another id"));
}

void SendProgress(const JobServices& services, HeldJob& job, std::string_view phase,
                  const transfer::TransferFigures& figures) {
  uint64_t news = figures.bytes_done;
  for (const transfer::WayFigures& way : figures.ways) news += way.tries + way.times_ready;
  if (news == job.shown && phase == job.phase_shown) return;
  job.shown = news;
  job.phase_shown = phase;
  v1::ControlMessage message;
  v1::JobProgress* progress = message.mutable_job_progress();
  const JobKey& key = job.stored.key;
  progress->set_promotion(key.promotion);
  progress->set_role(key.role == JobRole::kSource ? v1::JOB_ROLE_SOURCE : v1::JOB_ROLE_TARGET);
  progress->set_target_index(key.target_index);
  SetProgress(progress->mutable_progress(), figures);
  if (key.role == JobRole::kTarget) AddWays(progress->mutable_progress(), figures.ways);
  progress->mutable_progress()->set_phase(std::string(phase));
  services.send(std::move(message));
}

}  // namespace sluice::agent
