// Apps and what belongs to them: processes, routes, sidecars, features, crashes.
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/json_fields.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;

constexpr size_t kCrashesMax = 50;

std::string AppPath(const AppGuid& app, std::string_view rest = "") {
  return absl::StrCat("/v3/apps/", PathSegment(app.value()), ToAbsl(rest));
}

std::string ProcessPath(const ProcessGuid& process, std::string_view rest = "") {
  return absl::StrCat("/v3/processes/", PathSegment(process.value()), ToAbsl(rest));
}

// The answer is an app, unless it is missing: "no-app".
StatusOr<App> CallForApp(ApiSession& session, const ApiCall& call, std::stop_token stop) {
  auto app = CallFor(session, call, &ReadApp, std::move(stop));
  if (!app.ok()) return NameMissing(app.status(), "no-app");
  return app;
}

// Start, stop and restart only set the desired state, so that repeating them is harmless.
StatusOr<App> Act(ApiSession& session, const AppGuid& app, std::string_view action,
                  std::stop_token stop) {
  const ApiCall call{.method = "POST",
                     .path = AppPath(app, absl::StrCat("/actions/", ToAbsl(action))),
                     .query = "",
                     .body = nullptr};
  return CallForApp(session, call, std::move(stop));
}

}  // namespace

StatusOr<App> CloudController::CreateApp(const CreateAppRequest& request, std::stop_token stop) {
  const ApiCall call{
      .method = "POST",
      .path = "/v3/apps",
      .query = "",
      .body = {{"name", request.name},
               {"relationships", {{"space", {{"data", {{"guid", request.space.value()}}}}}}},
               // Without a stack the operator's default would be stored.
               {"lifecycle",
                {{"type", "buildpack"},
                 {"data", {{"buildpacks", json(request.buildpacks)}, {"stack", request.stack}}}}},
               {"metadata", WriteMetadata(request.metadata)}},
      .repeat = http::Repeat::kIfNotTaken};
  const auto find = [&]() -> StatusOr<std::optional<App>> {
    auto found = FindApp(request.space, request.name, stop);
    if (absl::IsNotFound(found.status())) return std::nullopt;
    if (!found.ok()) return found.status();
    const auto& ours = request.metadata.annotations;
    if (ours.empty() || !found->metadata.HasAnnotations(ours)) return std::nullopt;
    return *std::move(found);
  };
  return CreateOnce<App>(*session_, call, &ReadApp, find, stop);
}

Status CloudController::DeleteApp(const AppGuid& app, std::stop_token stop) {
  return DeleteAndWait(AppPath(app), std::move(stop));
}

Status CloudController::SetCurrentDroplet(const AppGuid& app, const DropletGuid& droplet,
                                          std::stop_token stop) {
  const ApiCall call{.method = "PATCH",
                     .path = AppPath(app, "/relationships/current_droplet"),
                     .query = "",
                     .body = {{"data", {{"guid", droplet.value()}}}}};
  return NameMissing(session_->Call(call, std::move(stop)).status(), "no-app");
}

StatusOr<App> CloudController::StartApp(const AppGuid& app, std::stop_token stop) {
  return Act(*session_, app, "start", std::move(stop));
}

StatusOr<App> CloudController::StopApp(const AppGuid& app, std::stop_token stop) {
  return Act(*session_, app, "stop", std::move(stop));
}

StatusOr<std::vector<Process>> CloudController::ListProcesses(const AppGuid& app,
                                                              std::stop_token stop) {
  auto listed = GetAll(*session_, AppPath(app, "/processes"), Query(), &ReadProcess, stop);
  if (!listed.ok()) return NameMissing(listed.status(), "no-app");
  std::vector<Process> processes;
  for (const Process& process : *listed) {
    auto read = GetOne(*session_, ProcessPath(process.guid), &ReadProcess, stop);
    // A deployment that ends in between takes the old web process away.
    if (ErrorName(read.status()) == "cc-10010") continue;
    if (!read.ok()) return read.status();
    processes.push_back(*std::move(read));
  }
  return processes;
}

StatusOr<Process> CloudController::ScaleProcess(const ProcessGuid& process, int64_t instances,
                                                std::stop_token stop) {
  const ApiCall call{.method = "POST",
                     .path = ProcessPath(process, "/actions/scale"),
                     .query = "",
                     .body = {{"instances", instances}}};
  return CallFor(*session_, call, &ReadProcess, std::move(stop));
}

StatusOr<ProcessStats> CloudController::GetProcessStats(const ProcessGuid& process,
                                                        std::stop_token stop) {
  const std::string path = ProcessPath(process, "/stats");
  SLUICE_ASSIGN_OR_RETURN(const json shown, session_->Get(path, std::move(stop)));
  JsonFields fields(shown, "stats");
  ProcessStats stats;
  const json* instances = fields.Array("resources");
  if (instances == nullptr) fields.Fail("resources", "is missing");
  if (!fields.status().ok()) return WithContext(fields.status(), session_->Where("GET", path));
  for (const json& each : *instances) {
    auto instance = ReadProcessInstance(each);
    if (!instance.ok()) return WithContext(instance.status(), session_->Where("GET", path));
    stats.instances.push_back(*std::move(instance));
  }
  return stats;
}

StatusOr<std::vector<Route>> CloudController::ListRoutes(const AppGuid& app, std::stop_token stop) {
  auto routes = GetAll(*session_, AppPath(app, "/routes"), Query(), &ReadRoute, std::move(stop));
  if (!routes.ok()) return NameMissing(routes.status(), "no-app");
  return routes;
}

StatusOr<std::vector<Sidecar>> CloudController::ListSidecars(const AppGuid& app,
                                                             std::stop_token stop) {
  auto sidecars =
      GetAll(*session_, AppPath(app, "/sidecars"), Query(), &ReadSidecar, std::move(stop));
  if (!sidecars.ok()) return NameMissing(sidecars.status(), "no-app");
  return sidecars;
}

// Of the two events that a crash makes, this one's target is the app, whatever the process; that of
// "app.crash" is the process (cloud_controller_ng, app/repositories/process_event_repository.rb and
// app_event_repository.rb).
StatusOr<std::vector<AuditEvent>> CloudController::ListCrashes(const AppGuid& app,
                                                               const ProcessGuid& process,
                                                               absl::Time since,
                                                               std::stop_token stop) {
  const Query query = Query()
                          .WithList("types", {"audit.app.process.crash"})
                          .WithList("target_guids", {app.value()})
                          .With("created_ats[gte]", sluice::FormatTime(since))
                          .With("order_by", "-created_at");
  std::vector<AuditEvent> crashes;
  const auto visit = [&](const json& resource) -> StatusOr<bool> {
    SLUICE_ASSIGN_OR_RETURN(AuditEvent crash, ReadAuditEvent(resource));
    if (crash.actor_guid == process.value()) crashes.push_back(std::move(crash));
    return crashes.size() < kCrashesMax;
  };
  SLUICE_RETURN_IF_ERROR(session_->ForEach("/v3/audit_events", query, visit, std::move(stop)));
  return crashes;
}

}  // namespace sluice::foundation
