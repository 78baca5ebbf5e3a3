// Droplets: create, copy, read, list, download, change, delete. Their upload lies in upload.cc.
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/blobstore.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/faulty_download.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

Redaction SingleRedaction(const Call& call, const std::string& space_guid) {
  return call.SeesSecrets(space_guid) ? Redaction::kNone : Redaction::kSingle;
}

TextMap ProcessTypes(const Json& body) {
  if (!body.contains("process_types")) return {{"web", ""}};
  const Json& types = body["process_types"];
  if (!types.is_object()) throw Unprocessable("Process types must be an object");
  TextMap result;
  for (const auto& [type, command] : types.items()) {
    if (type.empty()) throw Unprocessable("Process types key must not be empty");
    if (!command.is_string()) throw Unprocessable("Process types value must be a string");
    result[type] = command;
  }
  return result;
}

// Stands for the copy job of another worker: the droplet is COPYING until it is done.
void RunCopy(Foundation& foundation, const std::string& from, const std::string& to,
             const std::string& sha1, const std::string& sha256) {
  bool copied = foundation.blobstore->Copy(Blobstore::DropletKey(from, sha1),
                                           Blobstore::DropletKey(to, sha1));
  std::lock_guard lock(foundation.store.mutex);
  Droplet* droplet = Find(foundation.store.droplets, to);
  if (droplet == nullptr) return;
  droplet->state = copied ? "STAGED" : "FAILED";
  if (copied) {
    droplet->sha1 = sha1;
    if (!sha256.empty()) droplet->sha256 = sha256;
  } else {
    droplet->error = "failed to copy - the blob is missing";
  }
  foundation.store.Touch(*droplet);
}

Response CopyDroplet(Call& call, const std::string& source_guid) {
  const Json& body = call.Body({"relationships"});
  const Droplet source = call.VisibleDroplet(source_guid);
  std::string app_guid = RelationshipGuid(body, "app");
  App& app = call.VisibleApp(app_guid);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  if (source.state != "STAGED") throw Unprocessable("source droplet is not staged");
  if (source.lifecycle != app.lifecycle) {
    throw Unprocessable("source and destination lifecycle types do not match");
  }
  Droplet copy;
  copy.app_guid = app_guid;
  copy.state = source.lifecycle == "docker" ? "STAGED" : "COPYING";
  copy.lifecycle = source.lifecycle;
  copy.stack = source.stack;
  copy.image = source.image;
  copy.process_types = source.process_types;
  copy.execution_metadata = source.execution_metadata;
  for (DropletBuildpack buildpack : source.buildpacks) {
    buildpack.version.clear();  // CC copies the names only
    copy.buildpacks.push_back(std::move(buildpack));
  }
  Droplet& added = call.store.Add(call.store.droplets, std::move(copy));
  call.store.AddEvent(
      "audit.app.droplet.create", call.actor.guid, app,
      Json{{"droplet_guid", added.guid}, {"request", {{"source_droplet_guid", source_guid}}}}
          .dump());
  if (added.state == "COPYING") {
    std::thread(RunCopy, std::ref(call.foundation), source_guid, added.guid,
                source.sha1.value_or(""), source.sha256.value_or(""))
        .detach();
  }
  return JsonResponse(201, Presenter(call.foundation).Of(added, Redaction::kNone));
}

Response CreateDroplet(Call& call) {
  if (auto source_guid = call.request.Query("source_guid")) return CopyDroplet(call, *source_guid);
  const Json& body = call.Body({"relationships", "process_types"});
  if (!body.contains("relationships")) {
    throw Unprocessable("Relationships 'relationships' is not an object");
  }
  TextMap process_types = ProcessTypes(body);
  std::string app_guid = RelationshipGuid(body, "app");
  App* app = Find(call.store.apps, app_guid);
  if (app == nullptr || !call.SeesSpace(app->space_guid)) {
    throw Unprocessable("App with guid \"" + app_guid +
                        "\" does not exist, or you do not have access to it.");
  }
  call.RequireWrite(call.Develops(app->space_guid), app->space_guid);
  if (app->lifecycle != "buildpack") {
    throw Unprocessable("Droplet creation is not available for apps with docker lifecycles.");
  }
  Droplet droplet;
  droplet.app_guid = app_guid;
  droplet.process_types = std::move(process_types);
  Droplet& added = call.store.Add(call.store.droplets, std::move(droplet));
  call.store.AddEvent("audit.app.droplet.create", call.actor.guid, *app,
                      Json{{"droplet_guid", added.guid}}.dump());
  return JsonResponse(201, Presenter(call.foundation).Of(added, Redaction::kNone));
}

Response ListDroplets(Call& call, const std::string& app_guid) {
  Listing::Allowed allowed{.filters = {"states"}};
  if (app_guid.empty()) {
    allowed.filters.insert(allowed.filters.end(),
                           {"app_guids", "space_guids", "organization_guids"});
  } else {
    allowed.filters.emplace_back("current");
  }
  Listing listing(call, allowed);
  if (listing.Has("current") && !listing.Matches("current", "true")) {
    throw BadQuery("Current only accepts values 'true'");
  }
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Droplet* droplet : Ordered(call.store.droplets)) {
    const App* app = Find(call.store.apps, droplet->app_guid);
    if (app == nullptr || !call.SeesSpace(app->space_guid) || droplet->state == "STAGING") continue;
    if (!app_guid.empty() && app->guid != app_guid) continue;
    bool current = app->current_droplet_guid == droplet->guid;
    if (!listing.MatchesRecord(*droplet) || !listing.Matches("states", droplet->state) ||
        !listing.Matches("app_guids", app->guid) ||
        !listing.Matches("space_guids", app->space_guid) ||
        !listing.Matches("organization_guids", call.store.OrganizationOf(app->space_guid)) ||
        (listing.Has("current") && !current)) {
      continue;
    }
    rows.push_back(
        {droplet, "", [&present, droplet] { return present.Of(*droplet, Redaction::kList); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response ShowDroplet(Call& call) {
  const Droplet& droplet = call.VisibleDroplet(call.captured[0]);
  Redaction redaction = SingleRedaction(call, call.AppOf(droplet).space_guid);
  return JsonResponse(200, Presenter(call.foundation).Of(droplet, redaction));
}

Response ShowCurrentDroplet(Call& call) {
  const App& app = call.VisibleApp(call.captured[0]);
  const Droplet* droplet =
      app.current_droplet_guid ? Find(call.store.droplets, *app.current_droplet_guid) : nullptr;
  if (droplet == nullptr) throw NotFound("Droplet");
  return JsonResponse(200, Presenter(call.foundation).Of(*droplet, Redaction::kNone));
}

// The order of these checks is CC's (app/controllers/v3/droplets_controller.rb, download).
Response DownloadDroplet(Call& call) {
  const Droplet& droplet = call.VisibleDroplet(call.captured[0]);
  const App& app = call.AppOf(droplet);
  bool allowed =
      call.ReadsEverything() ||
      call.HasSpaceRole(app.space_guid, {"space_developer", "space_manager", "space_auditor"}) ||
      call.HasOrganizationRole(call.store.OrganizationOf(app.space_guid), {"organization_manager"});
  if (!allowed) throw NotAuthorized();
  if (droplet.lifecycle == "docker") {
    throw Unprocessable("Cannot download droplets with 'docker' lifecycle.");
  }
  if (droplet.state != "STAGED") throw Unprocessable("Only staged droplets can be downloaded.");
  call.store.AddEvent("audit.app.droplet.download", call.actor.guid, app,
                      Json{{"droplet_guid", droplet.guid}}.dump());
  if (!droplet.sha1) {
    throw Refusal{404, "CF-ResourceNotFound", 10010,
                  "Blobstore key not present on droplet. This may be due to a failed build."};
  }
  std::string key = Blobstore::DropletKey(droplet.guid, *droplet.sha1);
  if (!call.foundation.blobstore->Exists(key) ||
      call.foundation.misbehaviours.Take("download-blob-missing-502")) {
    throw Refusal{502, "CF-BlobstoreUnavailable", 150006,
                  "Failed to perform operation due to blobstore unavailability."};
  }
  Response response =
      TextResponse(302, "text/html", "<html><body>You are being redirected.</body></html>");
  std::string faulty = FaultyDownloadUrl(call.foundation, droplet.guid);
  response.headers.Set("Location",
                       faulty.empty() ? call.foundation.blobstore->SignedUrl(key) : faulty);
  return response;
}

Response UpdateDroplet(Call& call) {
  const Json& body = call.Body({"metadata", "image"});
  Droplet& droplet = call.VisibleDroplet(call.captured[0]);
  const App& app = call.AppOf(droplet);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  UpdateMetadata(droplet.metadata, body);
  call.store.Touch(droplet);
  return JsonResponse(200, Presenter(call.foundation).Of(droplet, Redaction::kNone));
}

Response RemoveDroplet(Call& call) {
  Droplet& droplet = call.VisibleDroplet(call.captured[0]);
  App& app = call.AppOf(droplet);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  if (app.current_droplet_guid == droplet.guid) {
    throw Unprocessable("The droplet is currently used by app with guid \"" + app.guid + "\".");
  }
  Job job;
  job.operation = "droplet.delete";
  job.state = "COMPLETE";
  job.resource_kind = "droplet";
  job.resource_guid = droplet.guid;
  call.store.AddEvent("audit.app.droplet.delete", call.actor.guid, app,
                      Json{{"droplet_guid", droplet.guid}}.dump());
  DeleteDroplet(call.foundation, job.resource_guid);
  return AcceptedWithJob(call.foundation, call.store.Add(call.store.jobs, job));
}

}  // namespace

void AddDropletCalls(CallTable& table) {
  table.Add("POST", "/v3/droplets", CreateDroplet);
  table.Add("GET", "/v3/droplets", [](Call& call) { return ListDroplets(call, ""); });
  table.Add("GET", "/v3/droplets/:guid", ShowDroplet);
  table.Add("GET", "/v3/droplets/:guid/download", DownloadDroplet);
  table.Add("PATCH", "/v3/droplets/:guid", UpdateDroplet);
  table.Add("DELETE", "/v3/droplets/:guid", RemoveDroplet);
  table.Add("GET", "/v3/apps/:guid/droplets",
            [](Call& call) { return ListDroplets(call, call.VisibleApp(call.captured[0]).guid); });
  table.Add("GET", "/v3/apps/:guid/droplets/current", ShowCurrentDroplet);
}

}  // namespace sluice::box
