#include "agent/reads.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/doctor.h"
#include "agent/jobs/annotations.h"
#include "agent/jobs/source_droplet.h"
#include "agent/plan_target.h"
#include "agent/role_places.h"

namespace sluice::agent {
namespace {

using foundation::App;
using foundation::AppPlace;
using foundation::Droplet;
using nlohmann::json;

Status BadArguments(std::string_view what) {
  return NamedError(StatusCode::kInvalidArgument, "bad-arguments",
                    absl::StrCat("read request: ", ToAbsl(what)));
}

// Texts of a stranger's, such as headers in an error, may hold bytes that are no UTF-8: replaced.
std::string AnswerText(const json& answer) {
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json FormatDroplet(const Droplet& droplet, const std::optional<DropletGuid>& current,
                   const trust::TrustDocument& trust) {
  json names = json::array();
  for (const auto& buildpack : droplet.buildpacks) {
    names.push_back(buildpack.name.empty() ? buildpack.buildpack_name : buildpack.name);
  }
  std::string stack = droplet.stack;
  std::string origin;
  if (const auto statement =
          StatementFromAnnotations(droplet.metadata.annotations, droplet.Sha256(), trust)) {
    if (stack.empty()) stack = statement->stack;
    origin = statement->origin.reference.text();
    for (const auto& buildpack : statement->buildpacks) names.push_back(buildpack.name);
  }
  return {{"guid", droplet.guid.value()},
          {"state", droplet.state},
          {"sha256", OrNull(droplet.Sha256())},
          {"checksum_type", droplet.checksum ? droplet.checksum->type : ""},
          {"created_at", sluice::FormatTime(droplet.created_at)},
          {"stack", stack},
          {"buildpacks", names},
          {"current", current == droplet.guid},
          {"origin", origin}};
}

json FormatProblem(const Status& status, std::string_view remedy) {
  return {{"name", ErrorName(status)},
          {"message", std::string(status.message())},
          {"remedy", std::string(remedy)}};
}

}  // namespace

struct Reads::Question {
  json arguments;
  std::string operator_name;
  const trust::TrustDocument& trust;
  std::stop_token stop;

  StatusOr<std::string> Text(const char* name) const {
    const auto found = arguments.find(name);
    if (found == arguments.end() || !found->is_string()) {
      return BadArguments(absl::StrCat("'", name, "' is missing or not a string"));
    }
    return found->get<std::string>();
  }

  // The app that the arguments name, if the operator may read there.
  StatusOr<trust::AppReference> Reference(const FoundationName& foundation) const {
    trust::AppReference reference;
    reference.foundation = foundation;
    SLUICE_ASSIGN_OR_RETURN(reference.organization, Text("organization"));
    SLUICE_ASSIGN_OR_RETURN(reference.space, Text("space"));
    SLUICE_ASSIGN_OR_RETURN(reference.app, Text("app"));
    if (!trust.Permits(operator_name, trust::Action::kRead, foundation, reference.organization,
                       reference.space)) {
      return NamedError(StatusCode::kPermissionDenied, "not-granted",
                        absl::StrCat("operator ", operator_name, " has no grant to read at ",
                                     foundation.value(), ":", reference.organization, "/",
                                     reference.space, "; ask whoever keeps the trust root for it"));
    }
    return reference;
  }
};

Reads::Reads(Options options, foundation::CloudController& cloud_controller, Journal& journal,
             const transfer::Spool& spool)
    : options_(std::move(options)),
      cloud_controller_(cloud_controller),
      journal_(journal),
      spool_(spool) {}

StatusOr<std::string> Reads::Answer(const trust::AcceptedRead& read,
                                    const trust::TrustDocument& trust, std::stop_token stop) {
  const json arguments = json::parse(read.request.arguments, nullptr, false);
  if (!arguments.is_object()) return BadArguments("the arguments are not a JSON object");
  const Question question{arguments, read.operator_name, trust, stop};
  const std::string& action = read.request.action;
  if (action == "foundation") return AnswerFoundation(question);
  if (action == "apps") return AnswerApps(question);
  if (action == "droplets") return AnswerDroplets(question);
  if (action == "plan-source") return PlanSource(question);
  if (action == "plan-target") return PlanTarget(question);
  if (action == "plan-rollback") return PlanRollback(question);
  return NamedError(StatusCode::kInvalidArgument, "unknown-read",
                    absl::StrCat("this agent has no answer to '", action, "'; it may be older"));
}

StatusOr<std::string> Reads::AnswerFoundation(const Question& question) {
  const foundation::ProbeFacts facts = cloud_controller_.Probe(question.stop);
  json problems = json::array();
  if (!facts.discovery.ok()) {
    problems.push_back(FormatProblem(facts.discovery, DiscoveryRemedy(facts.discovery)));
  } else if (!facts.login.ok()) {
    problems.push_back(FormatProblem(facts.login, LoginRemedy(facts.login)));
  } else if (!facts.MayRead()) {
    problems.push_back(FormatProblem(NamedError(StatusCode::kPermissionDenied, "no-read-scope",
                                                "the UAA client has no scope that lets it read"),
                                     "run sluice-agent doctor --grants"));
  }
  const Status clock = CheckClockSkew(facts.clock_skew.value_or(absl::ZeroDuration()));
  if (!clock.ok())
    problems.push_back(FormatProblem(clock, "let both follow the same time servers"));
  const auto may_read = [&](const std::string& organization, const std::string& space) {
    return question.trust.Permits(question.operator_name, trust::Action::kRead, options_.foundation,
                                  organization, space);
  };
  json roles = json::array();
  for (const PlacedRole& role :
       PlaceRoles(cloud_controller_, facts.roles, may_read, question.stop)) {
    roles.push_back({{"role", role.role},
                     {"organization", role.organization_guid.value()},
                     {"space", role.space_guid.value()},
                     {"organization_name", OrNull(role.organization)},
                     {"space_name", OrNull(role.space)}});
  }
  json skew = nullptr;
  if (facts.clock_skew) skew = absl::ToInt64Milliseconds(*facts.clock_skew);
  const json result = {{"cc_version", facts.api_version},
                       {"api", cloud_controller_.options().api_url},
                       {"login", facts.login.ok() ? "ok" : Describe(facts.login)},
                       {"client_id", facts.client_id},
                       {"scopes", facts.scopes},
                       {"roles", roles},
                       {"clock_skew_milliseconds", skew},
                       {"latency_milliseconds", absl::ToInt64Milliseconds(facts.latency)},
                       {"problems", problems},
                       {"agent_version", options_.version}};
  return AnswerText(result);
}

StatusOr<std::string> Reads::AnswerApps(const Question& question) {
  SLUICE_ASSIGN_OR_RETURN(const std::string organization, question.Text("organization"));
  std::optional<std::string> space;
  if (question.arguments.contains("space")) {
    SLUICE_ASSIGN_OR_RETURN(space, question.Text("space"));
  }
  std::optional<std::string_view> space_view;
  if (space) space_view = *space;
  SLUICE_ASSIGN_OR_RETURN(const auto places,
                          cloud_controller_.ListApps(organization, space_view, question.stop));
  json apps = json::array();
  for (const AppPlace& place : places) {
    // Only spaces that the operator may read in are shown.
    if (!question.trust.Permits(question.operator_name, trust::Action::kRead, options_.foundation,
                                place.organization.name, place.space.name)) {
      continue;
    }
    json droplet = nullptr;
    if (place.app.current_droplet_guid) {
      SLUICE_ASSIGN_OR_RETURN(
          const Droplet current,
          cloud_controller_.GetDroplet(*place.app.current_droplet_guid, question.stop));
      droplet = {{"guid", current.guid.value()},
                 {"sha256", OrNull(current.Sha256())},
                 {"created_at", sluice::FormatTime(current.created_at)}};
    }
    apps.push_back({{"organization", place.organization.name},
                    {"space", place.space.name},
                    {"name", place.app.name},
                    {"guid", place.app.guid.value()},
                    {"state", place.app.state},
                    {"lifecycle", place.app.lifecycle_type},
                    {"stack", place.app.stack},
                    {"droplet", droplet}});
  }
  return AnswerText({{"apps", apps}});
}

StatusOr<std::string> Reads::AnswerDroplets(const Question& question) {
  SLUICE_ASSIGN_OR_RETURN(const auto reference, question.Reference(options_.foundation));
  SLUICE_ASSIGN_OR_RETURN(const AppPlace place,
                          cloud_controller_.FindAppPlace(reference.organization, reference.space,
                                                         reference.app, question.stop));
  SLUICE_ASSIGN_OR_RETURN(const auto listed,
                          cloud_controller_.ListDroplets(place.app.guid, {}, question.stop));
  json droplets = json::array();
  for (const Droplet& droplet : listed) {
    droplets.push_back(FormatDroplet(droplet, place.app.current_droplet_guid, question.trust));
  }
  return AnswerText(
      {{"app",
        {{"guid", place.app.guid.value()}, {"name", place.app.name}, {"state", place.app.state}}},
       {"droplets", droplets}});
}

StatusOr<std::string> Reads::PlanSource(const Question& question) {
  SLUICE_ASSIGN_OR_RETURN(const auto reference, question.Reference(options_.foundation));
  SLUICE_ASSIGN_OR_RETURN(const std::string selector, question.Text("droplet"));
  SLUICE_ASSIGN_OR_RETURN(const AppPlace place,
                          cloud_controller_.FindAppPlace(reference.organization, reference.space,
                                                         reference.app, question.stop));
  SLUICE_ASSIGN_OR_RETURN(const SourceDroplet found,
                          FindSourceDroplet(cloud_controller_, reference, place.app, selector,
                                            question.trust, question.stop));
  SLUICE_ASSIGN_OR_RETURN(const uint64_t size_bytes,
                          cloud_controller_.GetDropletSize(found.droplet.guid, question.stop));
  if (size_bytes == 0) {
    return NamedError(StatusCode::kFailedPrecondition, "download-empty",
                      absl::StrCat(reference.text(), ": the blobstore has no byte of droplet ",
                                   found.droplet.guid.value()));
  }
  SLUICE_ASSIGN_OR_RETURN(const auto sidecars,
                          cloud_controller_.ListSidecars(place.app.guid, question.stop));
  json warnings = json::array();
  for (const foundation::Sidecar& sidecar : sidecars) {
    if (sidecar.origin != "buildpack") continue;
    warnings.push_back(absl::StrCat("sidecar '", sidecar.name,
                                    "' came from a buildpack and cannot be uploaded with a "
                                    "droplet: create it at the target"));
  }
  json buildpacks = json::array();
  for (const trust::Buildpack& buildpack : found.buildpacks) {
    buildpacks.push_back({{"name", buildpack.name}, {"version", buildpack.version}});
  }
  return AnswerText({{"organization_guid", place.organization.guid.value()},
                     {"space_guid", place.space.guid.value()},
                     {"app_guid", place.app.guid.value()},
                     {"droplet_guid", found.droplet.guid.value()},
                     {"sha256", found.sha256},
                     {"size_bytes", size_bytes},
                     {"stack", found.stack},
                     {"lifecycle", found.droplet.lifecycle_type},
                     {"buildpacks", buildpacks},
                     {"process_types", found.droplet.process_types},
                     {"created_at", sluice::FormatTime(found.droplet.created_at)},
                     {"origin",
                      {{"foundation", found.origin.reference.foundation.value()},
                       {"app", found.origin.reference.text()},
                       {"droplet_guid", found.origin.droplet_guid.value()}}},
                     {"warnings", warnings}});
}

StatusOr<std::string> Reads::PlanTarget(const Question& question) {
  SLUICE_ASSIGN_OR_RETURN(const auto reference, question.Reference(options_.foundation));
  TargetQuestion asked;
  asked.reference = reference;
  try {
    const json& arguments = question.arguments;
    const json& artifact = arguments.at("artifact");
    asked.create = arguments.at("create").get<bool>();
    asked.activate = arguments.at("activate").get<bool>();
    asked.strategy = arguments.at("strategy").get<std::string>();
    asked.sha256 = artifact.at("sha256").get<std::string>();
    asked.size_bytes = artifact.at("size_bytes").get<uint64_t>();
    asked.stack = artifact.at("stack").get<std::string>();
    asked.process_types = artifact.at("process_types").get<foundation::ProcessTypes>();
    // Not from a CLI that knows no limit.
    if (const auto limit = arguments.find("bytes_per_second_max"); limit != arguments.end()) {
      asked.bytes_per_second_max = limit->get<int64_t>();
      if (*asked.bytes_per_second_max < 1) return BadArguments("a limit below 1 byte a second");
    }
  } catch (const json::exception& error) {
    return BadArguments(error.what());
  }
  asked.droplet_bytes_max = options_.droplet_bytes_max;
  asked.upload_limits = options_.upload_limits;
  asked.spool_room = spool_.CheckRoom(asked.size_bytes, transfer::kChunkBytesDefault);
  SLUICE_ASSIGN_OR_RETURN(asked.bytes_per_second, LastArrivalRate(journal_));
  SLUICE_ASSIGN_OR_RETURN(const TargetPlan plan,
                          PlanForTarget(cloud_controller_, asked, question.stop));
  SLUICE_ASSIGN_OR_RETURN(const int64_t used, journal_.LastCounter(reference.text()));
  return AnswerText({{"organization_guid", plan.organization_guid.value()},
                     {"space_guid", plan.space_guid.value()},
                     {"app_guid", plan.app_guid.value()},
                     {"counter", used + 1},
                     {"exists", !plan.app_guid.empty()},
                     {"state", plan.state},
                     {"instances", plan.instances},
                     {"current_droplet_guid", plan.current_droplet_guid.value()},
                     {"current_sha256", plan.current_sha256},
                     {"already", plan.already},
                     {"upload", plan.upload},
                     {"upload_why", plan.upload_why},
                     {"changes", plan.changes},
                     {"warnings", plan.warnings},
                     {"undo", plan.undo},
                     {"estimated_seconds",
                      plan.estimated_seconds ? json(*plan.estimated_seconds) : json(nullptr)}});
}

StatusOr<std::string> Reads::PlanRollback(const Question& question) {
  SLUICE_ASSIGN_OR_RETURN(const auto reference, question.Reference(options_.foundation));
  SLUICE_ASSIGN_OR_RETURN(const std::string promotion, question.Text("promotion"));
  SLUICE_ASSIGN_OR_RETURN(
      const RollbackPlan plan,
      PlanForRollback(cloud_controller_, journal_, reference, promotion, question.stop));
  SLUICE_ASSIGN_OR_RETURN(const int64_t used, journal_.LastCounter(reference.text()));
  return AnswerText({{"organization_guid", plan.organization_guid.value()},
                     {"space_guid", plan.space_guid.value()},
                     {"app_guid", plan.app_guid.value()},
                     {"counter", used + 1},
                     {"droplet_guid", plan.droplet_guid.value()},
                     {"sha256", plan.sha256},
                     {"current_droplet_guid", plan.current_droplet_guid.value()},
                     {"current_sha256", plan.current_sha256},
                     {"pushed_since", plan.pushed_since},
                     {"deletes_app", plan.deletes_app},
                     {"warnings", plan.warnings}});
}

}  // namespace sluice::agent
