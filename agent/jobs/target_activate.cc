// Making the app run the promoted droplet, and seeing that it does.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/annotations.h"
#include "agent/jobs/stored_droplet.h"
#include "agent/jobs/target_steps.h"
#include "common/base/logging.h"

namespace sluice::agent {
namespace {

using foundation::App;
using foundation::Deployment;
using foundation::Droplet;
using foundation::Process;

const Process* WebProcess(const std::vector<Process>& processes) {
  // During and after a deployment there may be several: the newest is the one that counts.
  const Process* newest = nullptr;
  for (const Process& process : processes) {
    if (process.type != "web") continue;
    if (newest == nullptr || process.created_at >= newest->created_at) newest = &process;
  }
  return newest;
}

}  // namespace

Status TargetSteps::Activate(const TargetAssignment& assignment, TargetFacts& facts,
                             const Checkpoint& checkpoint, std::stop_token stop) {
  const trust::Order& order = assignment.order;
  if (order.activate_before && clock_.Now() >= *order.activate_before) {
    return NamedError(StatusCode::kFailedPrecondition, "activate-too-late",
                      absl::StrCat("the order allows activation only before ",
                                   sluice::FormatTime(*order.activate_before)));
  }
  SLUICE_ASSIGN_OR_RETURN(const Droplet droplet,
                          cloud_controller_.GetDroplet(facts.droplet_guid, stop));
  if (!droplet.Staged() || droplet.Sha256() != order.artifact.sha256) {
    return NamedError(StatusCode::kFailedPrecondition, "droplet-gone",
                      absl::StrCat("the uploaded droplet is no longer STAGED with its digest (now ",
                                   droplet.state, "); promote again"));
  }
  SLUICE_ASSIGN_OR_RETURN(const App app, cloud_controller_.GetApp(facts.app_guid, stop));
  if (app.current_droplet_guid.value_or(DropletGuid()) != facts.previous_droplet_guid) {
    return ChangedSincePlan("somebody has pushed since the droplet was uploaded");
  }
  facts.app_was_started = app.state == "STARTED";
  facts.activation_begun = true;
  const absl::Duration begun = clock_.Monotonic();
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  const absl::Duration startup_timeout = absl::Seconds(order.startup_timeout_seconds);
  const bool rolling = facts.app_was_started && order.strategy == trust::Strategy::kRolling;
  SLUICE_RETURN_IF_ERROR(rolling ? Deploy(assignment, facts.droplet_guid, facts, checkpoint, stop)
                                 : StartWith(facts.app_guid, facts.droplet_guid,
                                             facts.app_was_started, startup_timeout, stop));
  SLUICE_RETURN_IF_ERROR(
      VerifyRunning(facts.app_guid, facts.droplet_guid, order.artifact.sha256, stop));
  facts.finished_at = clock_.Now();
  facts.activation_milliseconds = absl::ToInt64Milliseconds(clock_.Monotonic() - begun);
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  PruneDroplets(facts, stop);
  return absl::OkStatus();
}

Status TargetSteps::Deploy(const TargetAssignment& assignment, const DropletGuid& droplet,
                           TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop) {
  const trust::Order& order = assignment.order;
  SLUICE_ASSIGN_OR_RETURN(
      const Deployment deployment,
      cloud_controller_.CreateDeployment(
          {.app = facts.app_guid,
           .droplet = droplet,
           .strategy = "rolling",
           .max_in_flight = std::nullopt,
           .metadata = {.labels = {},
                        .annotations = {{kPromotionAnnotation, order.promotion.value()}}}},
          stop));
  facts.deployment_guid = deployment.guid;
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  return AwaitDeployment(deployment.guid, facts.app_guid,
                         absl::Seconds(order.startup_timeout_seconds), stop);
}

// CC never ends a deployment whose instances do not get healthy: the deadline is ours, and counts
// from the last sign of progress, so that an app of many instances has time.
Status TargetSteps::AwaitDeployment(const DeploymentGuid& guid, const AppGuid& app,
                                    absl::Duration startup_timeout, std::stop_token stop) {
  absl::Duration progress_at = clock_.Monotonic();
  std::optional<absl::Time> last_healthy;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const Deployment deployment,
                            cloud_controller_.GetDeployment(guid, stop));
    if (deployment.Deployed()) return absl::OkStatus();
    if (deployment.Finalized()) {
      return NamedError(
          StatusCode::kFailedPrecondition, "deployment-superseded",
          absl::StrCat("deployment ", guid.value(), " ended as ", deployment.status_reason,
                       ": somebody else deployed or "
                       "cancelled it"));
    }
    if (!deployment.error.empty()) {
      return NamedError(StatusCode::kFailedPrecondition, "deployment-failed",
                        absl::StrCat("deployment ", guid.value(), ": ", deployment.error));
    }
    if (deployment.last_successful_health_check != last_healthy) {
      last_healthy = deployment.last_successful_health_check;
      progress_at = clock_.Monotonic();
    }
    // The new instances are a process of their own: what the old ones do is not our failure.
    for (const ProcessGuid& web : deployment.new_process_guids) {
      SLUICE_RETURN_IF_ERROR(CrashStatus(app, web, deployment.created_at, stop));
    }
    if (clock_.Monotonic() - progress_at > startup_timeout) {
      return NamedError(StatusCode::kFailedPrecondition, "startup-timeout",
                        absl::StrCat("no new instance became healthy within ",
                                     absl::FormatDuration(startup_timeout),
                                     "; look at the app's log, or raise --startup-timeout"));
    }
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(options_.deployment_poll, stop));
  }
}

Status TargetSteps::StartWith(const AppGuid& app, const DropletGuid& droplet, bool running,
                              absl::Duration startup_timeout, std::stop_token stop) {
  if (running) SLUICE_RETURN_IF_ERROR(cloud_controller_.StopApp(app, stop).status());
  SLUICE_RETURN_IF_ERROR(cloud_controller_.SetCurrentDroplet(app, droplet, stop));
  SLUICE_ASSIGN_OR_RETURN(const App started, cloud_controller_.StartApp(app, stop));
  // The start is what changed the app last, so this is its time by the clock that crashes are
  // dated by too. A repeated start changes nothing (cloud_controller_ng, AppStart).
  return AwaitInstances(app, started.updated_at, startup_timeout, stop);
}

Status TargetSteps::AwaitInstances(const AppGuid& app, std::optional<absl::Time> since,
                                   absl::Duration startup_timeout, std::stop_token stop) {
  const absl::Duration begun_at = clock_.Monotonic();
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto processes, cloud_controller_.ListProcesses(app, stop));
    const Process* web = WebProcess(processes);
    if (web == nullptr || web->instances == 0) return absl::OkStatus();
    const auto stats = cloud_controller_.GetProcessStats(web->guid, stop);
    // Diego may be away for a moment (503): the deadline below bounds how long that is believed.
    if (stats.ok() && stats->CountInState("RUNNING") >= web->instances) return absl::OkStatus();
    if (!stats.ok() && !absl::IsUnavailable(stats.status())) return stats.status();
    if (since) SLUICE_RETURN_IF_ERROR(CrashStatus(app, web->guid, *since, stop));
    if (clock_.Monotonic() - begun_at > startup_timeout) {
      return NamedError(StatusCode::kFailedPrecondition, "startup-timeout",
                        absl::StrCat("not all instances were running within ",
                                     absl::FormatDuration(startup_timeout),
                                     "; look at the app's log, or raise --startup-timeout"));
    }
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(options_.deployment_poll, stop));
  }
}

Status TargetSteps::CrashStatus(const AppGuid& app, const ProcessGuid& web, absl::Time since,
                                std::stop_token stop) {
  const auto crashes = cloud_controller_.ListCrashes(app, web, since, stop);
  // Events are how we learn of a crash early; without them the startup timeout decides.
  if (!crashes.ok())
    return absl::IsCancelled(crashes.status()) ? crashes.status() : absl::OkStatus();
  if (static_cast<int>(crashes->size()) < options_.crashes_max) return absl::OkStatus();
  const foundation::AuditEvent& latest = crashes->front();
  return NamedError(
      StatusCode::kFailedPrecondition, "app-crashes",
      absl::StrCat("the app crashed ", crashes->size(), " times while starting: ",
                   latest.exit_description.empty() ? latest.reason : latest.exit_description));
}

Status TargetSteps::VerifyRunning(const AppGuid& app, const DropletGuid& droplet,
                                  const std::string& sha256, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const Droplet current, cloud_controller_.GetCurrentDroplet(app, stop));
  SLUICE_ASSIGN_OR_RETURN(const bool runs, RunsDroplet(cloud_controller_, app, droplet, stop));
  if (current.guid != droplet || current.Sha256() != sha256 || !runs) {
    return NamedError(StatusCode::kDataLoss, "wrong-droplet-runs",
                      absl::StrCat("after activation the app has droplet ", current.guid.value(),
                                   " (sha256:", current.Sha256(), "), not ", droplet.value()));
  }
  return absl::OkStatus();
}

// Cloud Controller would keep uploaded droplets for ever. What is not ours is never touched, and a
// droplet that cannot be deleted today is tried again at the next promotion.
void TargetSteps::PruneDroplets(const TargetFacts& facts, std::stop_token stop) {
  const auto droplets = cloud_controller_.ListDroplets(facts.app_guid, {"STAGED"}, stop);
  if (!droplets.ok()) return;
  const std::set<DropletGuid> kept = {facts.droplet_guid, facts.previous_droplet_guid};
  int newest = 0;
  for (const Droplet& droplet : *droplets) {
    if (kept.contains(droplet.guid) ||
        !droplet.metadata.annotations.contains(kPromotionAnnotation)) {
      continue;
    }
    if (++newest <= options_.keep_droplets) continue;
    const Status deleted = cloud_controller_.DeleteDroplet(droplet.guid, stop);
    if (!deleted.ok()) {
      LogStatus(LogLevel::kWarning, "droplet-not-pruned", deleted,
                {{"droplet", droplet.guid.value()}});
    }
  }
}

}  // namespace sluice::agent
