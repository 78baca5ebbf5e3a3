// Deployments, and the revisions they run.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {
namespace {

std::string DeploymentPath(const DeploymentGuid& deployment, std::string_view rest = "") {
  return absl::StrCat("/v3/deployments/", PathSegment(deployment.value()), ToAbsl(rest));
}

}  // namespace

StatusOr<Deployment> CloudController::CreateDeployment(const CreateDeploymentRequest& request,
                                                       std::stop_token stop) {
  ApiCall call{.method = "POST",
               .path = "/v3/deployments",
               .query = "",
               .body = {{"relationships", {{"app", {{"data", {{"guid", request.app.value()}}}}}}},
                        {"droplet", {{"guid", request.droplet.value()}}},
                        {"strategy", request.strategy},
                        {"metadata", WriteMetadata(request.metadata)}},
               .repeat = http::Repeat::kIfNotTaken};
  if (request.max_in_flight) call.body["options"] = {{"max_in_flight", *request.max_in_flight}};
  SLUICE_ASSIGN_OR_RETURN(const auto known, ListDeployments(request.app, false, stop));
  const auto is_known = [&known](const Deployment& deployment) {
    return std::any_of(known.begin(), known.end(),
                       [&](const Deployment& before) { return before.guid == deployment.guid; });
  };
  const auto find = [&]() -> StatusOr<std::optional<Deployment>> {
    SLUICE_ASSIGN_OR_RETURN(auto now, ListDeployments(request.app, false, stop));
    for (Deployment& deployment : now) {
      if (!is_known(deployment) && deployment.droplet_guid == request.droplet &&
          deployment.metadata.HasAnnotations(request.metadata.annotations)) {
        return std::move(deployment);
      }
    }
    return std::nullopt;
  };
  return CreateOnce<Deployment>(*session_, call, &ReadDeployment, find, stop);
}

StatusOr<Deployment> CloudController::GetDeployment(const DeploymentGuid& deployment,
                                                    std::stop_token stop) {
  auto found = GetOne(*session_, DeploymentPath(deployment), &ReadDeployment, std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-deployment");
  return found;
}

StatusOr<std::vector<Deployment>> CloudController::ListDeployments(const AppGuid& app,
                                                                   bool active_only,
                                                                   std::stop_token stop) {
  Query query = Query().WithList("app_guids", {app.value()}).With("order_by", "-created_at");
  if (active_only) query.WithList("status_values", {"ACTIVE"});
  return GetAll(*session_, "/v3/deployments", query, &ReadDeployment, std::move(stop));
}

Status CloudController::CancelDeployment(const DeploymentGuid& deployment, std::stop_token stop) {
  const ApiCall call{.method = "POST",
                     .path = DeploymentPath(deployment, "/actions/cancel"),
                     .query = "",
                     .body = nullptr};
  const Status cancelled = NameMissing(session_->Call(call, stop).status(), "no-deployment");
  if (ErrorName(cancelled) != "cc-10008") return cancelled;
  // Refused, perhaps because an attempt whose answer was lost has cancelled it already.
  SLUICE_ASSIGN_OR_RETURN(const Deployment now, GetDeployment(deployment, std::move(stop)));
  const bool done = now.status_reason == "CANCELING" || now.status_reason == "CANCELED";
  return done ? absl::OkStatus() : cancelled;
}

StatusOr<std::vector<Revision>> CloudController::ListDeployedRevisions(const AppGuid& app,
                                                                       std::stop_token stop) {
  const std::string path =
      absl::StrCat("/v3/apps/", PathSegment(app.value()), "/revisions/deployed");
  auto revisions = GetAll(*session_, path, Query().With("order_by", "-created_at"), &ReadRevision,
                          std::move(stop));
  if (!revisions.ok()) return NameMissing(revisions.status(), "no-app");
  return revisions;
}

}  // namespace sluice::foundation
