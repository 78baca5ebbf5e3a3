// Putting back what ran.

#include <algorithm>
#include <optional>
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

Status NeedsHands(const Status& status, std::string_view what) {
  if (status.ok()) return status;
  return NamedError(status.code(), "needs-hands",
                    absl::StrCat(ToAbsl(what), ": ", Describe(status)));
}

}  // namespace

Status TargetSteps::CheckRollback(const TargetAssignment& rollback,
                                  const trust::TrustDocument& trust, std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(CheckPlan(rollback, stop));
  const trust::OrderTarget& target = rollback.target();
  if (target.droplet_guid.empty()) return absl::OkStatus();
  const auto droplet = cloud_controller_.GetDroplet(target.droplet_guid, stop);
  if (absl::IsNotFound(droplet.status()) || (droplet.ok() && !droplet->Staged())) {
    return NamedError(StatusCode::kFailedPrecondition, "droplet-expired",
                      absl::StrCat("what ", target.reference.text(), " ran before, droplet ",
                                   target.droplet_guid.value(),
                                   ", is gone; promote that version "
                                   "again instead"));
  }
  if (!droplet.ok()) return droplet.status();
  if (trust.DropletDenied(droplet->Sha256())) {
    return NamedError(
        StatusCode::kPermissionDenied, "droplet-denied",
        absl::StrCat("the trust document denies the droplet sha256:", droplet->Sha256()));
  }
  return absl::OkStatus();
}

Status TargetSteps::Undo(const TargetAssignment& assignment, TargetFacts& facts,
                         const Checkpoint& checkpoint, std::stop_token stop) {
  const absl::Time order_ends =
      assignment.rollback ? assignment.rollback->expires_at : assignment.order.expires_at;
  const absl::Time given_up_at = std::max(order_ends, clock_.Now() + options_.undo_patience_min);
  absl::Duration pause = options_.undo_pause_first;
  while (true) {
    const Status undone = TryUndo(assignment, facts, checkpoint, stop);
    if (!absl::IsUnavailable(undone) || clock_.Now() + pause >= given_up_at) return undone;
    LogStatus(LogLevel::kWarning, "undo-waits", undone,
              {{"promotion", assignment.order.promotion.value()}});
    facts.waiting_for = kWaitingForFoundation;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(pause, stop));
    facts.waiting_for.clear();
    pause = std::min(2 * pause, options_.undo_pause_max);
  }
}

Status TargetSteps::TryUndo(const TargetAssignment& assignment, TargetFacts& facts,
                            const Checkpoint& checkpoint, std::stop_token stop) {
  if (facts.activation_begun || assignment.rollback) {
    SLUICE_RETURN_IF_ERROR(NeedsHands(
        UndoActivation(assignment, facts, checkpoint, stop),
        absl::StrCat(
            "the app may run sha256:", assignment.order.artifact.sha256,
            ", and going back to droplet ",
            facts.previous_droplet_guid.empty() ? "(none)" : facts.previous_droplet_guid.value(),
            " failed")));
  }
  SLUICE_RETURN_IF_ERROR(NeedsHands(RemoveMade(assignment, facts, checkpoint, stop),
                                    facts.app_created
                                        ? "the app is new, and could not be deleted again"
                                        : "it runs what it ran before, but what the promotion "
                                          "left there could not be deleted"));
  facts.finished_at = clock_.Now();
  return checkpoint(facts);
}

Status TargetSteps::UndoActivation(const TargetAssignment& assignment, TargetFacts& facts,
                                   const Checkpoint& checkpoint, std::stop_token stop) {
  auto found = cloud_controller_.GetApp(facts.app_guid, stop);
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  SLUICE_RETURN_IF_ERROR(EndDeployment(facts, stop));

  SLUICE_ASSIGN_OR_RETURN(const App app, cloud_controller_.GetApp(facts.app_guid, stop));
  const DropletGuid back =
      assignment.rollback ? assignment.rollback->restore_droplet_guid : facts.previous_droplet_guid;
  const DropletGuid current = app.current_droplet_guid.value_or(DropletGuid());
  const bool agreed =
      assignment.rollback && current == assignment.rollback->expected_current_droplet_guid;
  if (current != back && current != facts.droplet_guid && !agreed) {
    return NamedError(StatusCode::kFailedPrecondition, "pushed-since",
                      absl::StrCat("the app has droplet ", current.value(),
                                   " meanwhile, which this promotion knows nothing of"));
  }
  if (facts.app_created) {
    SLUICE_ASSIGN_OR_RETURN(const bool others_use_it, OthersUseApp(facts, stop));
    if (!others_use_it) return absl::OkStatus();  // the app itself goes, see RemoveMade()
  }
  if (back.empty()) {
    // CC cannot take an app's droplet away again; stopped is what it was.
    return app.state == "STARTED" ? cloud_controller_.StopApp(app.guid, stop).status()
                                  : absl::OkStatus();
  }
  SLUICE_ASSIGN_OR_RETURN(const bool runs, RunsDroplet(cloud_controller_, app.guid, back, stop));
  const bool stopped_before = !facts.app_was_started;
  if (current == back && app.state == (stopped_before ? "STOPPED" : "STARTED") &&
      (stopped_before || runs)) {
    return absl::OkStatus();
  }
  if (stopped_before) {
    if (app.state == "STARTED") {
      SLUICE_RETURN_IF_ERROR(cloud_controller_.StopApp(app.guid, stop).status());
    }
    return cloud_controller_.SetCurrentDroplet(app.guid, back, stop);
  }
  const absl::Duration timeout = absl::Seconds(assignment.order.startup_timeout_seconds);
  if (app.state == "STARTED") {
    SLUICE_RETURN_IF_ERROR(Deploy(assignment, back, facts, checkpoint, stop));
  } else {
    SLUICE_RETURN_IF_ERROR(StartWith(app.guid, back, false, timeout, stop));
  }
  SLUICE_ASSIGN_OR_RETURN(const auto droplet, cloud_controller_.GetDroplet(back, stop));
  return VerifyRunning(app.guid, back, droplet.Sha256(), stop);
}

// Cancels our deployment if it is still going: CC then goes back to the droplet before by itself.
// A deployment whose creation was never confirmed is found by its droplet.
Status TargetSteps::EndDeployment(const TargetFacts& facts, std::stop_token stop) {
  std::optional<DeploymentGuid> ours;
  SLUICE_ASSIGN_OR_RETURN(const auto active,
                          cloud_controller_.ListDeployments(facts.app_guid, true, stop));
  for (const Deployment& deployment : active) {
    if (deployment.guid == facts.deployment_guid ||
        (!facts.droplet_guid.empty() && deployment.droplet_guid == facts.droplet_guid)) {
      ours = deployment.guid;
    }
  }
  if (!ours) return absl::OkStatus();
  const Status cancelled = cloud_controller_.CancelDeployment(*ours, stop);
  const absl::Duration begun_at = clock_.Monotonic();
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const Deployment deployment,
                            cloud_controller_.GetDeployment(*ours, stop));
    if (deployment.Finalized()) return absl::OkStatus();
    if (!cancelled.ok() && deployment.status_reason != "CANCELING") return cancelled;
    if (clock_.Monotonic() - begun_at > options_.undo_timeout) {
      return NamedError(StatusCode::kDeadlineExceeded, "cancel-timeout",
                        absl::StrCat("deployment ", ours->value(), " was cancelled, but is still ",
                                     deployment.status_reason));
    }
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(options_.deployment_poll, stop));
  }
}

// The answer to the creation was lost. Only an app that says so is ours.
Status TargetSteps::FindCreatedApp(const TargetAssignment& assignment, TargetFacts& facts,
                                   std::stop_token stop) {
  const trust::OrderTarget& target = assignment.target();
  const auto app = cloud_controller_.FindApp(target.space_guid, target.reference.app, stop);
  if (absl::IsNotFound(app.status())) return absl::OkStatus();
  if (!app.ok()) return app.status();
  const auto made_by = app->metadata.annotations.find(kPromotionAnnotation);
  if (made_by != app->metadata.annotations.end() &&
      made_by->second == assignment.order.promotion.value()) {
    facts.app_guid = app->guid;
  }
  return absl::OkStatus();
}

// Whether the app has a droplet that is not of this promotion: whoever put it there, by a push or
// another promotion, uses the app, whether it runs that droplet already or not.
StatusOr<bool> TargetSteps::OthersUseApp(const TargetFacts& facts, std::stop_token stop) {
  const auto droplets = cloud_controller_.ListDroplets(facts.app_guid, {}, stop);
  if (absl::IsNotFound(droplets.status())) return false;  // the app is gone
  SLUICE_RETURN_IF_ERROR(droplets.status());
  return std::any_of(droplets->begin(), droplets->end(), [&](const foundation::Droplet& droplet) {
    return droplet.guid != facts.droplet_guid;
  });
}

// A droplet of ours that is STAGED with the right digest stays: promoting again moves no byte.
Status TargetSteps::RemoveMade(const TargetAssignment& assignment, TargetFacts& facts,
                               const Checkpoint& checkpoint, std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(
      maker_.RemoveStrays(assignment.order.promotion.value(), facts, checkpoint, stop));
  if (facts.droplet_made && !facts.droplet_staged && !facts.droplet_guid.empty()) {
    SLUICE_RETURN_IF_ERROR(cloud_controller_.DeleteDroplet(facts.droplet_guid, stop));
    facts.droplet_made = false;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  }
  if (facts.app_created && facts.app_guid.empty()) {
    SLUICE_RETURN_IF_ERROR(FindCreatedApp(assignment, facts, stop));
  }
  if (facts.app_created && !facts.app_guid.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const bool others_use_it, OthersUseApp(facts, stop));
    if (others_use_it) {
      facts.warnings.push_back(absl::StrCat(
          "app ", assignment.target().reference.app,
          ", which this promotion made, stays: others have put a droplet there since"));
    } else {
      SLUICE_RETURN_IF_ERROR(cloud_controller_.DeleteApp(facts.app_guid, stop));
      facts.warnings.clear();  // they were about the app that is gone
    }
    facts.app_created = false;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  }
  return absl::OkStatus();
}

}  // namespace sluice::agent
