// Bringing a droplet into the target's Cloud Controller.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/annotations.h"
#include "agent/jobs/droplet_upload.h"
#include "agent/jobs/stored_droplet.h"
#include "agent/jobs/target_steps.h"

namespace sluice::agent {
namespace {

using foundation::App;
using foundation::Droplet;

void Warn(TargetFacts& facts, std::string warning) {
  if (facts.warnings.size() < kWarningsMax) facts.warnings.push_back(std::move(warning));
}

Status ExpectDropletOfPlan(const App& app, const trust::OrderTarget& target) {
  if (app.current_droplet_guid.value_or(DropletGuid()) != target.expected_current_droplet_guid) {
    return ChangedSincePlan("somebody has pushed or promoted meanwhile");
  }
  return absl::OkStatus();
}

// The droplet there, or nothing when the app has none.
StatusOr<std::optional<Droplet>> CurrentDroplet(foundation::CloudController& cloud_controller,
                                                const AppGuid& app, std::stop_token stop) {
  auto droplet = cloud_controller.GetCurrentDroplet(app, stop);
  if (absl::IsNotFound(droplet.status())) return std::optional<Droplet>();
  if (!droplet.ok()) return droplet.status();
  return std::optional<Droplet>(*std::move(droplet));
}

}  // namespace

TargetSteps::TargetSteps(Options options, foundation::CloudController& cloud_controller,
                         const Clock& clock, http::Waiter& waiter)
    : options_(options),
      cloud_controller_(cloud_controller),
      clock_(clock),
      waiter_(waiter),
      arriving_(options.arriving_max),
      maker_(cloud_controller, waiter) {}

Status TargetSteps::CheckPlan(const TargetAssignment& assignment, std::stop_token stop) {
  const trust::OrderTarget& target = assignment.target();
  if (target.app_guid.empty()) {
    const auto app = cloud_controller_.FindApp(target.space_guid, target.reference.app, stop);
    if (app.ok()) return ChangedSincePlan("the app exists meanwhile");
    return absl::IsNotFound(app.status()) ? absl::OkStatus() : app.status();
  }
  SLUICE_ASSIGN_OR_RETURN(const App app, cloud_controller_.GetApp(target.app_guid, stop));
  if (app.space_guid != target.space_guid || app.name != target.reference.app) {
    return ChangedSincePlan("the app was renamed or moved");
  }
  return ExpectDropletOfPlan(app, target);
}

StatusOr<bool> TargetSteps::Upload(const TargetAssignment& assignment,
                                   const trust::Statement& statement,
                                   const std::string& statement_envelope,
                                   const OpenIncoming& open_incoming, TargetFacts& facts,
                                   const Checkpoint& checkpoint, std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(FindOrCreateApp(assignment, statement, facts, checkpoint, stop));
  const std::string promotion = assignment.order.promotion.value();
  const DropletMaker::Annotations marks =
      DropletAnnotations(assignment.order.promotion, statement, statement_envelope);
  // Before what an earlier process may have left is taken for something that was there.
  SLUICE_RETURN_IF_ERROR(maker_.RemoveStrays(promotion, facts, checkpoint, stop));
  // What an earlier process has begun here is not looked for elsewhere any more.
  bool stored = false;
  if (!facts.FromSource()) {
    SLUICE_ASSIGN_OR_RETURN(stored, AwaitCopy(facts, checkpoint, stop));
    if (!stored) {
      SLUICE_ASSIGN_OR_RETURN(
          stored, UseStoredDroplet(assignment, statement, marks, facts, checkpoint, stop));
    }
  }
  if (!stored) {
    DropletUpload upload(
        {.process_types = statement.process_types,
         .marks = marks,
         .droplet_bytes = static_cast<uint64_t>(assignment.order.artifact.size_bytes),
         .limits = options_.upload_limits,
         .expires_at = assignment.order.expires_at},
        cloud_controller_, maker_, arriving_, clock_, waiter_, facts, checkpoint, stop);
    SLUICE_RETURN_IF_ERROR(upload.Run(open_incoming));
  }
  SLUICE_RETURN_IF_ERROR(ConfirmDroplet(assignment, marks, facts, stop));
  facts.droplet_staged = true;
  const Status clean = maker_.RemoveStrays(promotion, facts, checkpoint, stop);
  if (stop.stop_requested()) return clean;
  if (!clean.ok()) {
    Warn(facts, absl::StrCat("droplets that were made twice may be left: ", Describe(clean)));
  }
  bool runs_already = false;
  if (facts.droplet_guid == facts.previous_droplet_guid && facts.app_was_started) {
    SLUICE_ASSIGN_OR_RETURN(
        runs_already, RunsDroplet(cloud_controller_, facts.app_guid, facts.droplet_guid, stop));
    if (runs_already) facts.path = "running";
  }
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  return runs_already;
}

Status TargetSteps::FindOrCreateApp(const TargetAssignment& assignment,
                                    const trust::Statement& statement, TargetFacts& facts,
                                    const Checkpoint& checkpoint, std::stop_token stop) {
  const trust::OrderTarget& target = assignment.target();
  if (facts.started_at == absl::UnixEpoch()) facts.started_at = clock_.Now();
  if (target.app_guid.empty()) {
    if (!facts.app_guid.empty()) return absl::OkStatus();  // by an earlier process
    return CreateApp(assignment, statement, facts, checkpoint, stop);
  }
  SLUICE_ASSIGN_OR_RETURN(const App app, cloud_controller_.GetApp(target.app_guid, stop));
  // Compared here again: between acceptance and this, or while the agent was away, time may pass.
  SLUICE_RETURN_IF_ERROR(ExpectDropletOfPlan(app, target));
  facts.app_guid = app.guid;
  facts.app_was_started = app.state == "STARTED";
  facts.previous_droplet_guid = target.expected_current_droplet_guid;
  return checkpoint(facts);
}

Status TargetSteps::CreateApp(const TargetAssignment& assignment, const trust::Statement& statement,
                              TargetFacts& facts, const Checkpoint& checkpoint,
                              std::stop_token stop) {
  const trust::OrderTarget& target = assignment.target();
  if (facts.app_created) {  // an earlier process asked for it and may not have heard the answer
    SLUICE_RETURN_IF_ERROR(FindCreatedApp(assignment, facts, stop));
  }
  if (facts.app_guid.empty()) {
    // Journalled before: if the answer is lost, an undo looks for an app with our annotation.
    facts.app_created = true;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    const std::string promotion = assignment.order.promotion.value();
    const auto created = cloud_controller_.CreateApp(
        {.space = target.space_guid,
         .name = target.reference.app,
         .stack = statement.stack,
         .buildpacks = {},
         .metadata = {.labels = {}, .annotations = {{kPromotionAnnotation, promotion}}}},
        stop);
    if (!created.ok() && ErrorName(created.status()) == "name-taken") {
      facts.app_created = false;
      SLUICE_RETURN_IF_ERROR(checkpoint(facts));
      return ChangedSincePlan("the app exists meanwhile");
    }
    if (!created.ok()) return created.status();
    facts.app_guid = created->guid;
  }
  Warn(facts, absl::StrCat(target.reference.text(),
                           " is new: it has no route and no services until somebody adds them"));
  return checkpoint(facts);
}

// The copy that an earlier process has begun; false when there is none, or it came to nothing.
StatusOr<bool> TargetSteps::AwaitCopy(TargetFacts& facts, const Checkpoint& checkpoint,
                                      std::stop_token stop) {
  if (!facts.droplet_made || facts.droplet_guid.empty()) return false;
  const Status copied = cloud_controller_.WaitForCopy(facts.droplet_guid, stop).status();
  if (copied.ok()) return true;
  if (stop.stop_requested()) return copied;
  SLUICE_RETURN_IF_ERROR(cloud_controller_.DeleteDroplet(facts.droplet_guid, stop));
  facts.droplet_guid = DropletGuid();
  facts.droplet_made = false;
  facts.path.clear();
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  return false;
}

StatusOr<bool> TargetSteps::UseStoredDroplet(const TargetAssignment& assignment,
                                             const trust::Statement& statement,
                                             const DropletMaker::Annotations& marks,
                                             TargetFacts& facts, const Checkpoint& checkpoint,
                                             std::stop_token stop) {
  const DropletIdentity identity = {assignment.order.artifact.sha256, statement.process_types};
  SLUICE_ASSIGN_OR_RETURN(auto stored, CurrentDroplet(cloud_controller_, facts.app_guid, stop));
  if (!stored || !identity.Is(*stored)) {
    SLUICE_ASSIGN_OR_RETURN(const auto of_app, cloud_controller_.FindStagedDroplets(
                                                   facts.app_guid, identity.sha256, stop));
    SLUICE_ASSIGN_OR_RETURN(stored,
                            FirstThatIs(cloud_controller_, identity, of_app, AppGuid(), stop));
  }
  if (stored) {
    facts.droplet_guid = stored->guid;
    facts.path = "stored";
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    return true;
  }
  return CopyFromElsewhere(assignment, statement, marks, facts, checkpoint, stop);
}

StatusOr<bool> TargetSteps::CopyFromElsewhere(const TargetAssignment& assignment,
                                              const trust::Statement& statement,
                                              const DropletMaker::Annotations& marks,
                                              TargetFacts& facts, const Checkpoint& checkpoint,
                                              std::stop_token stop) {
  const DropletIdentity identity = {assignment.order.artifact.sha256, statement.process_types};
  SLUICE_ASSIGN_OR_RETURN(const auto elsewhere,
                          cloud_controller_.FindStagedDropletsAnywhere(identity.sha256, stop));
  SLUICE_ASSIGN_OR_RETURN(
      const std::optional<Droplet> source,
      FirstThatIs(cloud_controller_, identity, elsewhere, facts.app_guid, stop));
  if (!source) return false;
  facts.path = "copied";
  const auto ask = [&] { return cloud_controller_.CopyDroplet(*source, facts.app_guid, stop); };
  SLUICE_RETURN_IF_ERROR(maker_.Make(ask, marks, facts, checkpoint, stop));
  SLUICE_RETURN_IF_ERROR(cloud_controller_.WaitForCopy(facts.droplet_guid, stop).status());
  return true;
}

Status TargetSteps::ConfirmDroplet(const TargetAssignment& assignment,
                                   const DropletMaker::Annotations& marks, TargetFacts& facts,
                                   std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const Droplet droplet,
                          cloud_controller_.GetDroplet(facts.droplet_guid, stop));
  facts.reported_sha256 = droplet.Sha256();
  if (!droplet.Staged()) {
    return NamedError(
        StatusCode::kFailedPrecondition, "droplet-not-staged",
        absl::StrCat("droplet ", facts.droplet_guid.value(), " is ", droplet.state,
                     " after its upload", droplet.error.empty() ? "" : ": ", droplet.error));
  }
  if (facts.reported_sha256 != assignment.order.artifact.sha256) {
    return NamedError(
        StatusCode::kDataLoss, "checksum-differs",
        absl::StrCat("Cloud Controller reports sha256:", facts.reported_sha256,
                     " where the order names sha256:", assignment.order.artifact.sha256));
  }
  // A process that died between making and marking it left it without.
  if (!facts.droplet_made || droplet.metadata.HasAnnotations(marks)) return absl::OkStatus();
  return maker_.Mark(droplet.guid, marks, stop);
}

}  // namespace sluice::agent
