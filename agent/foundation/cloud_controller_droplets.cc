// Droplets: reading, downloading, creating, uploading, copying, deleting.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/droplet_download.h"
#include "agent/foundation/polling.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;

constexpr size_t kErrorBytesMax = 300;

std::string DropletPath(const DropletGuid& droplet) {
  return absl::StrCat("/v3/droplets/", PathSegment(droplet.value()));
}

json ToApp(const AppGuid& app) { return {{"app", {{"data", {{"guid", app.value()}}}}}}; }

Query NewestFirst(const std::vector<std::string>& states) {
  Query query = Query().With("order_by", "-created_at");
  if (!states.empty()) query.WithList("states", states);
  return query;
}

// STAGED droplets of a list with this SHA-256; only they are kept in memory.
StatusOr<std::vector<Droplet>> FindBySha256(ApiSession& session, const std::string& path,
                                            std::string_view sha256, std::stop_token stop) {
  std::vector<Droplet> found;
  const auto visit = [&](const json& resource) -> StatusOr<bool> {
    SLUICE_ASSIGN_OR_RETURN(Droplet droplet, ReadDroplet(resource));
    if (droplet.Staged() && droplet.Sha256() == sha256) found.push_back(std::move(droplet));
    return true;
  };
  SLUICE_RETURN_IF_ERROR(session.ForEach(path, NewestFirst({"STAGED"}), visit, std::move(stop)));
  return found;
}

}  // namespace

StatusOr<Droplet> CloudController::GetDroplet(const DropletGuid& droplet, std::stop_token stop) {
  auto found = GetOne(*session_, DropletPath(droplet), &ReadDroplet, std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-droplet");
  return found;
}

StatusOr<Droplet> CloudController::GetCurrentDroplet(const AppGuid& app, std::stop_token stop) {
  const std::string path = absl::StrCat("/v3/apps/", PathSegment(app.value()), "/droplets/current");
  auto found = GetOne(*session_, path, &ReadDroplet, std::move(stop));
  if (found.ok()) return found;
  const bool app_missing = absl::StrContains(found.status().message(), "App not found");
  return NameMissing(found.status(), app_missing ? "no-app" : "no-droplet");
}

StatusOr<std::vector<Droplet>> CloudController::ListDroplets(const AppGuid& app,
                                                             const std::vector<std::string>& states,
                                                             std::stop_token stop) {
  const std::string path = absl::StrCat("/v3/apps/", PathSegment(app.value()), "/droplets");
  auto found = GetAll(*session_, path, NewestFirst(states), &ReadDroplet, std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-app");
  return found;
}

StatusOr<std::vector<Droplet>> CloudController::FindStagedDroplets(const AppGuid& app,
                                                                   std::string_view sha256,
                                                                   std::stop_token stop) {
  const std::string path = absl::StrCat("/v3/apps/", PathSegment(app.value()), "/droplets");
  auto found = FindBySha256(*session_, path, sha256, std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-app");
  return found;
}

StatusOr<std::vector<Droplet>> CloudController::FindStagedDropletsAnywhere(std::string_view sha256,
                                                                           std::stop_token stop) {
  return FindBySha256(*session_, "/v3/droplets", sha256, std::move(stop));
}

StatusOr<uint64_t> CloudController::GetDropletSize(const DropletGuid& droplet,
                                                   std::stop_token stop) {
  return AskSize(droplet, options_.download_idle_timeout, *session_, std::move(stop));
}

Status CloudController::DownloadDroplet(const DropletGuid& droplet, uint64_t offset,
                                        uint64_t expected_bytes, http::ByteSink& sink,
                                        std::stop_token stop) {
  const DownloadRequest request{.droplet = droplet,
                                .offset = offset,
                                .expected_bytes = expected_bytes,
                                .idle_timeout = options_.download_idle_timeout};
  return Download(request, *session_, sink, std::move(stop));
}

StatusOr<std::vector<DropletGuid>> CloudController::FindOwnDroplets(const AppGuid& app,
                                                                    std::set<DropletGuid> droplets,
                                                                    std::stop_token stop) {
  // Cloud Controller takes a UAA client for a user whose guid is its id.
  SLUICE_ASSIGN_OR_RETURN(const AccessToken token, session_->Token(stop));
  const Query query = Query()
                          .WithList("types", {"audit.app.droplet.create"})
                          .WithList("target_guids", {app.value()})
                          .With("order_by", "-created_at");
  std::vector<DropletGuid> own;
  const auto visit = [&](const json& resource) -> StatusOr<bool> {
    SLUICE_ASSIGN_OR_RETURN(const AuditEvent event, ReadAuditEvent(resource));
    if (droplets.erase(event.droplet_guid) == 0) return true;
    if (event.actor_guid == token.client_id && event.package_guid.empty()) {
      own.push_back(event.droplet_guid);
    }
    return !droplets.empty();
  };
  SLUICE_RETURN_IF_ERROR(session_->ForEach("/v3/audit_events", query, visit, stop));
  return own;
}

StatusOr<std::optional<Droplet>> CloudController::FindNewDroplet(
    const AppGuid& app, const std::vector<std::string>& states, const std::vector<Droplet>& known,
    std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto now, ListDroplets(app, states, stop));
  std::vector<DropletGuid> fresh;
  for (const Droplet& droplet : now) {
    const bool old = std::any_of(known.begin(), known.end(), [&](const Droplet& before) {
      return before.guid == droplet.guid;
    });
    if (!old) fresh.push_back(droplet.guid);
  }
  if (fresh.empty()) return std::nullopt;
  if (fresh.size() > 1) {
    return OutcomeUnknown(session_->Where("POST", "/v3/droplets"),
                          "the app has several new droplets");
  }
  SLUICE_ASSIGN_OR_RETURN(Droplet droplet, GetDroplet(fresh.front(), std::move(stop)));
  return droplet;
}

StatusOr<Droplet> CloudController::CreateDroplet(const AppGuid& app,
                                                 const ProcessTypes& process_types,
                                                 std::stop_token stop) {
  ApiCall call{.method = "POST",
               .path = "/v3/droplets",
               .query = "",
               .body = {{"relationships", ToApp(app)}},
               .repeat = http::Repeat::kIfNotTaken};
  if (!process_types.empty()) call.body["process_types"] = process_types;
  const std::vector<std::string> states = {"AWAITING_UPLOAD"};
  SLUICE_ASSIGN_OR_RETURN(const auto known, ListDroplets(app, states, stop));
  const auto find = [&]() -> StatusOr<std::optional<Droplet>> {
    SLUICE_ASSIGN_OR_RETURN(auto found, FindNewDroplet(app, states, known, stop));
    if (!found || process_types.empty() || found->process_types == process_types) return found;
    return OutcomeUnknown(session_->Where("POST", call.path), "somebody else's droplet is there");
  };
  return CreateOnce<Droplet>(*session_, call, &ReadDroplet, find, stop);
}

StatusOr<Droplet> CloudController::CopyDroplet(const Droplet& droplet, const AppGuid& app,
                                               std::stop_token stop) {
  const ApiCall call{.method = "POST",
                     .path = "/v3/droplets",
                     .query = Query().With("source_guid", droplet.guid.value()).text(),
                     .body = {{"relationships", ToApp(app)}},
                     .repeat = http::Repeat::kIfNotTaken};
  const std::vector<std::string> states = {"COPYING", "STAGED"};
  SLUICE_ASSIGN_OR_RETURN(const auto known, ListDroplets(app, states, stop));
  // A copy names neither its source nor its maker: what is new and not of other bits is ours.
  const auto find = [&]() -> StatusOr<std::optional<Droplet>> {
    SLUICE_ASSIGN_OR_RETURN(auto found, FindNewDroplet(app, states, known, stop));
    if (!found || !found->Staged() || found->Sha256() == droplet.Sha256()) return found;
    return OutcomeUnknown(session_->Where("POST", call.path), "somebody else's droplet is there");
  };
  auto copy = CreateOnce<Droplet>(*session_, call, &ReadDroplet, find, stop);
  if (!copy.ok()) return NameMissing(copy.status(), "no-droplet");
  return copy;
}

StatusOr<Droplet> CloudController::WaitForCopy(const DropletGuid& droplet, std::stop_token stop) {
  const std::string what =
      absl::StrFormat("%s: copying droplet %s", options_.foundation, droplet.value());
  std::optional<Droplet> copy;
  const auto ask = [&]() -> StatusOr<bool> {
    SLUICE_ASSIGN_OR_RETURN(copy, GetDroplet(droplet, stop));
    if (copy->Staged()) return true;
    if (copy->state == "COPYING") return false;
    return NamedError(StatusCode::kFailedPrecondition, "copy-failed",
                      absl::StrFormat("%s ended as %s: %s", what, copy->state,
                                      Excerpt(copy->error, kErrorBytesMax)));
  };
  const Status timed_out = NamedError(
      StatusCode::kDeadlineExceeded, "copy-timeout",
      absl::StrFormat("%s is not done after %s", what, absl::FormatDuration(options_.job_timeout)));
  SLUICE_RETURN_IF_ERROR(PollUntil({.first = options_.job_poll_first,
                                    .longest = options_.job_poll_max,
                                    .timeout = options_.job_timeout},
                                   session_->client(), ask, timed_out, stop));
  return *std::move(copy);
}

StatusOr<Droplet> CloudController::UpdateDropletMetadata(const DropletGuid& droplet,
                                                         const MetadataChange& change,
                                                         std::stop_token stop) {
  const ApiCall call{.method = "PATCH",
                     .path = DropletPath(droplet),
                     .query = "",
                     .body = {{"metadata", WriteMetadataChange(change)}}};
  auto updated = CallFor(*session_, call, &ReadDroplet, std::move(stop));
  if (!updated.ok()) return NameMissing(updated.status(), "no-droplet");
  return updated;
}

Status CloudController::DeleteDroplet(const DropletGuid& droplet, std::stop_token stop) {
  return DeleteAndWait(DropletPath(droplet), std::move(stop));
}

}  // namespace sluice::foundation
