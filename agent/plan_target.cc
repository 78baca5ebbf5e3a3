#include "agent/plan_target.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/stored_droplet.h"
#include "agent/jobs/target_facts.h"
#include "agent/plan_quota.h"
#include "common/base/clock.h"
#include "common/trust/order.h"

namespace sluice::agent {
namespace {

using foundation::App;
using foundation::CloudController;
using foundation::Droplet;
using foundation::Space;

// The multipart frame around the bits; CC's limit is on the whole body.
constexpr uint64_t kMultipartBytes = 1024;

Status CheckSize(const TargetQuestion& question) {
  if (question.size_bytes + kMultipartBytes <= question.droplet_bytes_max) return absl::OkStatus();
  return NamedError(StatusCode::kFailedPrecondition, "droplet-too-large",
                    absl::StrCat(question.reference.foundation.value(),
                                 " takes uploads of at most ", question.droplet_bytes_max,
                                 " bytes, and the droplet has ", question.size_bytes));
}

Status CheckRole(CloudController& cloud_controller, const Space& space,
                 const trust::AppReference& reference, std::stop_token stop) {
  const foundation::ProbeFacts facts = cloud_controller.Probe(stop);
  SLUICE_RETURN_IF_ERROR(facts.discovery);
  SLUICE_RETURN_IF_ERROR(facts.login);
  // A role that could not be read is not a role that is missing.
  if (!facts.WritesEverything()) SLUICE_RETURN_IF_ERROR(facts.roles_read);
  const bool may = facts.MayWrite() &&
                   (facts.WritesEverything() || facts.HasSpaceRole("space_developer", space.guid));
  if (may) return absl::OkStatus();
  return NamedError(StatusCode::kPermissionDenied, "role-missing",
                    absl::StrCat("the agent's client ", facts.client_id, " may not write in ",
                                 reference.organization, "/", reference.space,
                                 "; it needs space_developer there: run sluice-agent doctor "
                                 "--grants"));
}

Status CheckStack(CloudController& cloud_controller, const TargetQuestion& question,
                  const std::optional<App>& app, std::stop_token stop) {
  if (question.stack.empty()) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(cloud_controller.FindStack(question.stack, stop).status());
  if (app && app->stack != question.stack) {
    return NamedError(StatusCode::kFailedPrecondition, "stack-differs",
                      absl::StrCat(question.reference.text(), " is on stack ", app->stack,
                                   ", the droplet was made for ", question.stack,
                                   "; a droplet does not run reliably on another stack"));
  }
  return absl::OkStatus();
}

DropletIdentity IdentityOf(const TargetQuestion& question) {
  return {question.sha256, question.process_types};
}

// What is there already of the droplet in the app.
Status FindStored(CloudController& cloud_controller, const TargetQuestion& question, const App& app,
                  TargetPlan& plan, std::stop_token stop) {
  if (app.current_droplet_guid) {
    SLUICE_ASSIGN_OR_RETURN(const Droplet current,
                            cloud_controller.GetCurrentDroplet(app.guid, stop));
    plan.current_droplet_guid = current.guid;
    plan.current_sha256 = current.Sha256();
    if (IdentityOf(question).Is(current)) {
      plan.already = "current";
      if (app.state == "STARTED") {
        SLUICE_ASSIGN_OR_RETURN(const bool runs,
                                RunsDroplet(cloud_controller, app.guid, current.guid, stop));
        if (runs) plan.already = "running";
      }
    }
  }
  if (plan.already == "none") {
    SLUICE_ASSIGN_OR_RETURN(const auto stored,
                            cloud_controller.FindStagedDroplets(app.guid, question.sha256, stop));
    SLUICE_ASSIGN_OR_RETURN(const auto held, FirstThatIs(cloud_controller, IdentityOf(question),
                                                         stored, AppGuid(), stop));
    if (held) plan.already = "stored";
  }
  return absl::OkStatus();
}

// Whether another app of the foundation has the droplet, so that CC copies it.
Status FindCopySource(CloudController& cloud_controller, const TargetQuestion& question,
                      TargetPlan& plan, std::stop_token stop) {
  if (plan.already != "none") return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const auto elsewhere,
                          cloud_controller.FindStagedDropletsAnywhere(question.sha256, stop));
  SLUICE_ASSIGN_OR_RETURN(const auto held, FirstThatIs(cloud_controller, IdentityOf(question),
                                                       elsewhere, plan.app_guid, stop));
  if (held) plan.upload = "copy";
  return absl::OkStatus();
}

void DescribeProcesses(const TargetQuestion& question,
                       const std::vector<foundation::Process>& processes,
                       const std::optional<Droplet>& current, TargetPlan& plan) {
  for (const foundation::Process& process : processes) {
    if (process.type == "web" && process.instances > plan.instances) {
      plan.instances = process.instances;
    }
    if (process.command_redacted || process.command.empty() || !current) continue;
    const auto own = current->process_types.find(process.type);
    const bool custom = own == current->process_types.end() || own->second != process.command;
    if (custom && question.process_types.contains(process.type)) {
      plan.warnings.push_back(absl::StrCat("process '", process.type,
                                           "' has a start command of its own here, which hides the "
                                           "droplet's"));
    }
  }
}

// When the upload is going to begin. What the transfer measures decides in the end.
void DescribeUpload(const TargetQuestion& question, TargetPlan& plan) {
  const std::optional<double> allowed = question.bytes_per_second_max;
  const bool limited =
      allowed && (!question.bytes_per_second || *allowed < *question.bytes_per_second);
  const std::optional<double> rate = limited ? allowed : question.bytes_per_second;
  if (!rate) {
    plan.upload_why = "no rate is known yet: it is measured as the transfer begins";
    return;
  }
  const Arrival arrival = {
      .bytes_missing = question.size_bytes, .bytes_per_second = rate, .uploads_cut = 0};
  const bool now = DecideUploadStart(arrival, question.upload_limits).now;
  const double seconds = static_cast<double>(question.size_bytes) / *rate;
  plan.estimated_seconds = static_cast<int64_t>(std::ceil(seconds));
  plan.upload = now ? "cut-through" : "spool-first";
  plan.upload_why = absl::StrCat(
      "at ", static_cast<int64_t>(*rate / 1000), " kB/s", limited ? ", the limit that is set," : "",
      " the droplet comes in ", *plan.estimated_seconds, " s, and an upload may take ",
      absl::FormatDuration(question.upload_limits.time_max), now ? "" : ", of which half is used");
}

// Whether what arrives has room. A spool that is too small for the droplet will never do; one that
// is full is waited for.
Status CheckSpool(const TargetQuestion& question, TargetPlan& plan) {
  const bool arrives = plan.already == "none" && plan.upload != "copy";
  if (!arrives || question.spool_room.ok()) return absl::OkStatus();
  if (ErrorName(question.spool_room) != "spool-full") return question.spool_room;
  plan.warnings.push_back(
      absl::StrCat("the transfer will wait for room: ", Describe(question.spool_room)));
  return absl::OkStatus();
}

bool Restarts(const TargetQuestion& question, const TargetPlan& plan) {
  return question.strategy == "restart" || plan.state != "STARTED";
}

Status CheckQuotas(CloudController& cloud_controller, const TargetQuestion& question,
                   const Space& space, const std::vector<foundation::Process>& processes,
                   TargetPlan& plan, std::stop_token stop) {
  if (!question.activate || plan.already == "running") return absl::OkStatus();
  QuotaNeed need = NeedOf(processes, plan.state == "STARTED", !Restarts(question, plan));
  // Cloud Controller gives a new app one instance; how much memory only it knows.
  if (plan.app_guid.empty()) need.instances = 1;
  if (need.instances == 0) return absl::OkStatus();
  const auto quota = cloud_controller.GetQuota(space, stop);
  if (quota.ok()) return CheckQuota(*quota, need);
  if (absl::IsCancelled(quota.status()) || absl::IsUnavailable(quota.status())) {
    return quota.status();
  }
  plan.warnings.push_back(
      absl::StrCat("whether the quotas have room cannot be told: ", Describe(quota.status())));
  return absl::OkStatus();
}

void DescribeChanges(const TargetQuestion& question, TargetPlan& plan) {
  const bool restarts = Restarts(question, plan);
  if (plan.app_guid.empty()) {
    plan.changes.push_back(absl::StrCat("create app ", question.reference.app, " on stack ",
                                        question.stack.empty() ? "(default)" : question.stack));
    plan.warnings.push_back("the new app has no route and no services until somebody adds them");
    plan.undo = "a rollback deletes the app";
  } else if (plan.current_droplet_guid.empty()) {
    plan.undo = "a rollback stops the app: it had no droplet before";
  } else {
    plan.undo = absl::StrCat("a rollback deploys droplet ", plan.current_droplet_guid.value(),
                             " again; environment and services are not touched by either");
  }
  if (plan.already == "running") {
    plan.upload = "none";
    plan.changes.push_back("nothing: the app runs this droplet");
    return;
  }
  if (plan.upload == "copy") {
    plan.changes.push_back("copy the droplet from another app of this foundation");
  } else if (plan.already == "none") {
    DescribeUpload(question, plan);
    plan.changes.push_back(absl::StrCat("upload ", question.size_bytes, " bytes"));
  } else {
    plan.upload = "none";
    plan.changes.push_back("no upload: the droplet is stored here");
  }
  if (!question.activate) return;
  plan.changes.push_back(restarts ? plan.state == "STARTED" ? "restart with the droplet (downtime)"
                                                            : "start with the droplet"
                                  : "rolling deployment of the droplet");
}

// Asked is for a target of a promotion that the ledger has: what is missing was here once.
Status NoRecordOf(Journal& journal, const std::string& promotion,
                  const trust::AppReference& reference) {
  SLUICE_ASSIGN_OR_RETURN(const absl::Time begins_at, journal.BeginsAt());
  const std::string beginning =
      begins_at == absl::InfiniteFuture()
          ? "its journal has no order at all"
          : absl::StrCat("its journal begins at ", sluice::FormatTime(begins_at));
  return NamedError(
      StatusCode::kNotFound, "not-in-journal",
      absl::StrCat("the agent of ", reference.foundation.value(), " has no record of promotion ",
                   promotion, " to ", reference.text(), "; ", beginning,
                   "; to go back, promote the version that ran before"));
}

}  // namespace

StatusOr<TargetPlan> PlanForTarget(CloudController& cloud_controller,
                                   const TargetQuestion& question, std::stop_token stop) {
  SLUICE_RETURN_IF_ERROR(CheckSize(question));
  const trust::AppReference& reference = question.reference;
  SLUICE_ASSIGN_OR_RETURN(const auto organization,
                          cloud_controller.FindOrganization(reference.organization, stop));
  SLUICE_ASSIGN_OR_RETURN(const Space space,
                          cloud_controller.FindSpace(organization, reference.space, stop));
  if (organization.suspended || space.suspended) {
    return NamedError(StatusCode::kFailedPrecondition,
                      organization.suspended ? "org-suspended" : "space-suspended",
                      absl::StrCat(reference.organization, "/", reference.space,
                                   " is suspended in ", reference.foundation.value()));
  }
  TargetPlan plan;
  plan.organization_guid = organization.guid;
  plan.space_guid = space.guid;
  auto found = cloud_controller.FindApp(space.guid, reference.app, stop);
  if (!found.ok() && (!absl::IsNotFound(found.status()) || !question.create)) {
    if (!absl::IsNotFound(found.status())) return found.status();
    return NamedError(
        StatusCode::kNotFound, "no-app",
        absl::StrCat("no app ", reference.text(), "; give --create to have it created"));
  }
  std::optional<App> app;
  if (found.ok()) app = *std::move(found);
  if (app && app->lifecycle_type != "buildpack") {
    return NamedError(StatusCode::kFailedPrecondition, "lifecycle-not-supported",
                      absl::StrCat(reference.text(), " is a ", app->lifecycle_type,
                                   " app; a droplet can only be uploaded to a buildpack app"));
  }
  SLUICE_RETURN_IF_ERROR(CheckRole(cloud_controller, space, reference, stop));
  SLUICE_RETURN_IF_ERROR(CheckStack(cloud_controller, question, app, stop));
  std::vector<foundation::Process> processes;
  if (app) {
    plan.app_guid = app->guid;
    plan.state = app->state;
    SLUICE_RETURN_IF_ERROR(FindStored(cloud_controller, question, *app, plan, stop));
    SLUICE_ASSIGN_OR_RETURN(const auto deployments,
                            cloud_controller.ListDeployments(app->guid, true, stop));
    if (!deployments.empty() && question.activate) {
      return NamedError(StatusCode::kFailedPrecondition, "deployment-in-progress",
                        absl::StrCat(reference.text(),
                                     " is being deployed by somebody else; wait "
                                     "for it or cancel it"));
    }
    std::optional<Droplet> current;
    if (app->current_droplet_guid) {
      SLUICE_ASSIGN_OR_RETURN(current, cloud_controller.GetCurrentDroplet(app->guid, stop));
    }
    SLUICE_ASSIGN_OR_RETURN(processes, cloud_controller.ListProcesses(app->guid, stop));
    DescribeProcesses(question, processes, current, plan);
  }
  SLUICE_RETURN_IF_ERROR(FindCopySource(cloud_controller, question, plan, stop));
  SLUICE_RETURN_IF_ERROR(CheckSpool(question, plan));
  SLUICE_RETURN_IF_ERROR(CheckQuotas(cloud_controller, question, space, processes, plan, stop));
  DescribeChanges(question, plan);
  return plan;
}

StatusOr<std::optional<double>> LastArrivalRate(Journal& journal) {
  constexpr size_t kJobsLookedAt = 8;
  // Less than this is over before a link shows what it can.
  constexpr int64_t kBytesMin = int64_t{1} << 20;
  SLUICE_ASSIGN_OR_RETURN(const auto latest, journal.LatestFacts(kJobsLookedAt));
  for (const std::string& text : latest) {
    SLUICE_ASSIGN_OR_RETURN(const TargetFacts facts, ParseTargetFacts(text));
    const bool tells = facts.FromSource() && facts.droplet_staged &&
                       facts.bytes_transferred >= kBytesMin && facts.transfer_milliseconds > 0;
    if (!tells) continue;
    return std::optional<double>(1000.0 * static_cast<double>(facts.bytes_transferred) /
                                 static_cast<double>(facts.transfer_milliseconds));
  }
  return std::optional<double>();
}

StatusOr<RollbackPlan> PlanForRollback(CloudController& cloud_controller, Journal& journal,
                                       const trust::AppReference& reference,
                                       const std::string& promotion, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto jobs, journal.FindJobs(promotion));
  std::optional<TargetFacts> facts;
  for (const JobRecord& job : jobs) {
    if (job.key.role != JobRole::kTarget) continue;
    SLUICE_ASSIGN_OR_RETURN(const trust::Order order, trust::PeekOrder(job.order));
    if (order.targets[job.key.target_index].reference != reference) continue;
    SLUICE_ASSIGN_OR_RETURN(facts, ParseTargetFacts(job.facts));
  }
  if (!facts) return NoRecordOf(journal, promotion, reference);
  SLUICE_ASSIGN_OR_RETURN(
      const auto place,
      cloud_controller.FindAppPlace(reference.organization, reference.space, reference.app, stop));
  RollbackPlan plan;
  plan.organization_guid = place.organization.guid;
  plan.space_guid = place.space.guid;
  plan.app_guid = place.app.guid;
  plan.deletes_app = facts->app_created;
  plan.current_droplet_guid = place.app.current_droplet_guid.value_or(DropletGuid());
  // What ran before is there again when only the rest of an undo has failed.
  plan.pushed_since = plan.current_droplet_guid != facts->droplet_guid &&
                      plan.current_droplet_guid != facts->previous_droplet_guid;
  if (!plan.current_droplet_guid.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const Droplet current,
                            cloud_controller.GetDroplet(plan.current_droplet_guid, stop));
    plan.current_sha256 = current.Sha256();
  }
  if (plan.deletes_app) {
    plan.warnings.push_back("the promotion created the app: a rollback deletes it");
    return plan;
  }
  plan.droplet_guid = facts->previous_droplet_guid;
  if (plan.droplet_guid.empty()) {
    plan.warnings.push_back(
        "Cloud Controller cannot take the droplet away from the app again: it stays there, "
        "stopped");
    return plan;
  }
  const auto droplet = cloud_controller.GetDroplet(plan.droplet_guid, stop);
  if (absl::IsNotFound(droplet.status()) || (droplet.ok() && !droplet->Staged())) {
    return NamedError(
        StatusCode::kFailedPrecondition, "droplet-expired",
        absl::StrCat("what ", reference.text(), " ran before, droplet ", plan.droplet_guid.value(),
                     ", is gone; promote that version "
                     "again instead"));
  }
  if (!droplet.ok()) return droplet.status();
  plan.sha256 = droplet->Sha256();
  return plan;
}

}  // namespace sluice::agent
