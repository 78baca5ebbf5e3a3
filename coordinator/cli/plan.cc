#include "coordinator/cli/plan.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/answer_reader.h"
#include "coordinator/cli/session.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using trust::JsonReader;

constexpr size_t kDigestBytes = 32;

// A name with bytes that are no UTF-8 is no name in Cloud Foundry: what replaces them is not found.
std::string Text(const json& fields) {
  return fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

json AppFields(const trust::AppReference& reference) {
  return {
      {"organization", reference.organization}, {"space", reference.space}, {"app", reference.app}};
}

// An origin is where the first statement of a chain was made.
std::string OriginText(JsonReader& reader) {
  if (!reader.Has("origin")) return "";
  JsonReader origin = reader.Object("origin");
  const std::string foundation = origin.OptionalString("foundation");
  const std::string app = origin.OptionalString("app");
  // The app may come as a whole reference or as ORG/SPACE/APP beside the foundation.
  if (foundation.empty() || absl::StartsWith(app, absl::StrCat(foundation, ":"))) return app;
  return absl::StrCat(foundation, ":", app);
}

SourcePlan SourceFrom(JsonReader& reader, const trust::AppReference& reference) {
  SourcePlan plan;
  plan.reference = reference;
  plan.organization_guid = OrganizationGuid(reader.OptionalString("organization_guid"));
  plan.space_guid = SpaceGuid(reader.OptionalString("space_guid"));
  plan.app_guid = AppGuid(reader.String("app_guid"));
  plan.droplet_guid = DropletGuid(reader.String("droplet_guid"));
  plan.sha256 = reader.Hex("sha256", kDigestBytes);
  plan.size_bytes = reader.Integer("size_bytes", 1);
  plan.stack = reader.OptionalString("stack");
  plan.lifecycle = reader.String("lifecycle");
  if (reader.Has("buildpacks")) {
    for (JsonReader& buildpack : reader.Objects("buildpacks")) {
      plan.buildpacks.push_back(
          {buildpack.OptionalString("name"), buildpack.OptionalString("version")});
    }
  }
  if (reader.Has("process_types")) plan.process_types = reader.StringMap("process_types");
  plan.created_at = reader.OptionalString("created_at");
  plan.origin = OriginText(reader);
  plan.warnings = StringsOrNone(reader, "warnings");
  return plan;
}

TargetPlan TargetFrom(JsonReader& reader, const trust::AppReference& reference) {
  TargetPlan plan;
  plan.reference = reference;
  plan.organization_guid = OrganizationGuid(reader.String("organization_guid"));
  plan.space_guid = SpaceGuid(reader.String("space_guid"));
  plan.app_guid = AppGuid(reader.OptionalString("app_guid"));
  plan.counter = reader.Integer("counter", 1);
  plan.exists = reader.Bool("exists");
  plan.state = reader.OptionalString("state");
  plan.instances = IntegerOr(reader, "instances", 0);
  plan.current_droplet_guid = DropletGuid(reader.OptionalString("current_droplet_guid"));
  plan.current_sha256 = reader.OptionalString("current_sha256");
  plan.already = reader.OneOf("already", {"none", "stored", "current", "running"});
  plan.upload = reader.OneOf("upload", {"cut-through", "spool-first", "copy", "none"});
  plan.upload_why = reader.OptionalString("upload_why");
  plan.changes = StringsOrNone(reader, "changes");
  plan.warnings = StringsOrNone(reader, "warnings");
  plan.undo = reader.OptionalString("undo");
  if (reader.Has("estimated_seconds")) {
    plan.estimated_seconds = reader.Integer("estimated_seconds", 0);
  }
  return plan;
}

RollbackTargetPlan RollbackFrom(JsonReader& reader, const trust::AppReference& reference) {
  RollbackTargetPlan plan;
  plan.reference = reference;
  plan.organization_guid = OrganizationGuid(reader.String("organization_guid"));
  plan.space_guid = SpaceGuid(reader.String("space_guid"));
  plan.app_guid = AppGuid(reader.OptionalString("app_guid"));
  plan.counter = reader.Integer("counter", 1);
  plan.droplet_guid = DropletGuid(reader.OptionalString("droplet_guid"));
  plan.sha256 = reader.OptionalString("sha256");
  plan.current_droplet_guid = DropletGuid(reader.OptionalString("current_droplet_guid"));
  plan.current_sha256 = reader.OptionalString("current_sha256");
  plan.pushed_since = BoolOr(reader, "pushed_since", false);
  plan.deletes_app = BoolOr(reader, "deletes_app", false);
  plan.warnings = StringsOrNone(reader, "warnings");
  return plan;
}

// Reads one answer into a plan.
template <typename Plan>
StatusOr<Plan> PlanFrom(Plan (*from)(JsonReader&, const trust::AppReference&),
                        const trust::AppReference& reference, const StatusOr<std::string>& answer) {
  if (!answer.ok()) return answer.status();
  Plan plan;
  SLUICE_RETURN_IF_ERROR(ReadAnswer(reference.foundation.value(), *answer,
                                    [&](JsonReader& reader) { plan = from(reader, reference); }));
  return plan;
}

// The operator's own word about the droplet stands above the agent's.
Status CheckAskedDroplet(const std::string& asked, const SourcePlan& source) {
  if (asked.empty()) return absl::OkStatus();
  if (absl::StartsWith(asked, "sha256:")) {
    if (asked == absl::StrCat("sha256:", source.sha256)) return absl::OkStatus();
    return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                      absl::StrCat("the agent of ", source.reference.foundation.value(),
                                   " offers a droplet with sha256:", source.sha256,
                                   ", not the one asked for; nothing was ordered"));
  }
  if (asked == source.droplet_guid.value()) return absl::OkStatus();
  return NamedError(
      StatusCode::kFailedPrecondition, "other-droplet",
      absl::StrCat("the agent of ", source.reference.foundation.value(), " offers droplet ",
                   source.droplet_guid.value(), ", not the one asked for; nothing was ordered"));
}

Status CheckExists(const PromoteArguments& arguments, const TargetPlan& target) {
  if (!target.app_guid.empty() || arguments.create) return absl::OkStatus();
  return NamedError(StatusCode::kNotFound, "no-app",
                    absl::StrCat("there is no app ", target.reference.text(),
                                 "; give --create to have it created"));
}

// A foundation gets the droplet once, by its first target: the others copy it there, which none of
// their agents can know.
void PlanCopies(std::vector<TargetPlan>& targets) {
  std::map<FoundationName, std::string> carriers;
  for (TargetPlan& target : targets) {
    const auto [carrier, first] =
        carriers.try_emplace(target.reference.foundation, target.reference.text());
    if (first || target.upload == "none" || target.upload == "copy") continue;
    target.upload = "copy";
    target.upload_why = absl::StrCat("as soon as ", carrier->second, " has it");
    target.estimated_seconds.reset();
  }
}

struct Refusal {
  std::string target;
  Status why;
};

// The first, with the others named behind it.
Status FirstOf(const std::vector<Refusal>& refusals) {
  if (refusals.empty()) return absl::OkStatus();
  const Status& first = refusals.front().why;
  if (refusals.size() == 1) return first;
  std::vector<std::string> others;
  for (size_t i = 1; i < refusals.size(); ++i) {
    others.push_back(absl::StrCat(refusals[i].target, " [", ErrorName(refusals[i].why), "]"));
  }
  return NamedError(
      first.code(), ErrorName(first),
      absl::StrCat(first.message(), "; refused also by ", absl::StrJoin(others, ", ")));
}

json TargetArguments(const PromoteArguments& arguments, const SourcePlan& source,
                     const trust::AppReference& target) {
  json fields = AppFields(target);
  fields["create"] = arguments.create;
  fields["activate"] = arguments.activate;
  fields["strategy"] = arguments.strategy;
  fields["startup_timeout_seconds"] = absl::ToInt64Seconds(arguments.startup_timeout);
  if (arguments.bytes_per_second_max) {
    fields["bytes_per_second_max"] = *arguments.bytes_per_second_max;
  }
  fields["source"] = {{"foundation", source.reference.foundation.value()},
                      {"app", source.reference.text()}};
  fields["artifact"] = {{"sha256", source.sha256},
                        {"size_bytes", source.size_bytes},
                        {"stack", source.stack},
                        {"lifecycle", source.lifecycle},
                        {"process_types", json(source.process_types)}};
  return fields;
}

}  // namespace

StatusOr<SourcePlan> PlanSource(Session& session, const trust::AppReference& source,
                                const std::string& droplet) {
  json fields = AppFields(source);
  fields["droplet"] = droplet;
  SLUICE_ASSIGN_OR_RETURN(
      SourcePlan plan,
      PlanFrom(SourceFrom, source, session.Read({source.foundation, "plan-source", Text(fields)})));
  SLUICE_RETURN_IF_ERROR(CheckAskedDroplet(droplet, plan));
  return plan;
}

StatusOr<PromotionPlan> PlanPromotion(Session& session, const PromoteArguments& arguments,
                                      const trust::AppReference& source,
                                      const std::vector<trust::AppReference>& targets) {
  PromotionPlan plan;
  SLUICE_ASSIGN_OR_RETURN(plan.source, PlanSource(session, source, arguments.droplet));
  std::vector<AgentQuestion> questions;
  for (const trust::AppReference& target : targets) {
    questions.push_back(
        {target.foundation, "plan-target", Text(TargetArguments(arguments, plan.source, target))});
  }
  const std::vector<StatusOr<std::string>> answers = session.ReadAll(questions);
  std::vector<Refusal> refusals;
  for (size_t i = 0; i < answers.size(); ++i) {
    StatusOr<TargetPlan> target = PlanFrom(TargetFrom, targets[i], answers[i]);
    const Status refused = target.ok() ? CheckExists(arguments, *target) : target.status();
    if (!refused.ok()) {
      refusals.push_back({targets[i].text(), refused});
    } else {
      plan.targets.push_back(*std::move(target));
    }
  }
  SLUICE_RETURN_IF_ERROR(FirstOf(refusals));
  PlanCopies(plan.targets);
  return plan;
}

StatusOr<RollbackPlan> PlanRollback(Session& session, const std::string& promotion,
                                    const std::vector<trust::OrderTarget>& targets) {
  std::vector<AgentQuestion> questions;
  for (const trust::OrderTarget& target : targets) {
    json fields = AppFields(target.reference);
    fields["promotion"] = promotion;
    questions.push_back({target.reference.foundation, "plan-rollback", Text(fields)});
  }
  const std::vector<StatusOr<std::string>> answers = session.ReadAll(questions);
  RollbackPlan plan;
  for (size_t i = 0; i < answers.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(RollbackTargetPlan target,
                            PlanFrom(RollbackFrom, targets[i].reference, answers[i]));
    plan.targets.push_back(std::move(target));
  }
  return plan;
}

}  // namespace sluice::cli
