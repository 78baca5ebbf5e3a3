// Deployments: create, read, cancel, continue. How they advance lies in deployment_updater.cc.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/deployment_updater.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

void ReadCanary(const Json& options, Deployment& deployment) {
  if (!options.contains("canary")) return;
  if (deployment.strategy != "canary") {
    throw Unprocessable("Options canary are only valid for Canary deployments");
  }
  int64_t before = 0;
  for (const Json& step : options["canary"].value("steps", Json::array())) {
    const Json weight = step.value("instance_weight", Json(nullptr));
    if (!weight.is_number_integer() || weight < 1 || weight > 100) {
      throw Unprocessable(
          "Options canary steps instance weight must be an Integer between 1-100 (inclusive)");
    }
    if (weight < before) {
      throw Unprocessable("Options canary steps instance weight must be sorted in ascending order");
    }
    before = weight;
    deployment.canary_weights.push_back(weight);
  }
}

void ReadStrategy(const Json& body, Deployment& deployment) {
  deployment.strategy = body.value("strategy", "rolling");
  if (deployment.strategy != "rolling" && deployment.strategy != "canary") {
    throw Unprocessable("Strategy '" + deployment.strategy +
                        "' is not a supported deployment strategy");
  }
  const Json options = body.value("options", Json::object());
  const Json in_flight = options.value("max_in_flight", Json(1));
  if (!in_flight.is_number_integer() || in_flight < 1) {
    throw Unprocessable("Max in flight must be an integer greater than 0");
  }
  deployment.max_in_flight = in_flight;
  ReadCanary(options, deployment);
}

// Environment, custom commands and sidecars as they were in the revision.
void ReturnTo(Store& store, App& app, const Revision& revision) {
  app.environment = revision.environment;
  for (Process* process : store.ProcessesOf(app.guid)) {
    auto command = revision.commands.find(process->type);
    if (command != revision.commands.end()) process->command = command->second;
  }
  std::erase_if(store.sidecars,
                [&](const auto& entry) { return entry.second.app_guid == app.guid; });
  for (Sidecar sidecar : revision.sidecars) {
    sidecar.guid.clear();
    store.Add(store.sidecars, std::move(sidecar));
  }
}

const Revision& WantedRevision(Call& call, const App& app, const std::string& guid) {
  const Revision* revision = Find(call.store.revisions, guid);
  if (revision == nullptr || revision->app_guid != app.guid) {
    throw Unprocessable("The revision does not exist");
  }
  auto enabled = app.features.find("revisions");
  if (enabled == app.features.end() || !enabled->second) {
    throw Unprocessable(
        "Cannot create deployment from a revision for an app without revisions enabled");
  }
  const Droplet* droplet = Find(call.store.droplets, revision->droplet_guid);
  if (droplet == nullptr || droplet->state != "STAGED") {
    throw Unprocessable(
        "Unable to deploy this revision, the droplet for this revision no longer exists.");
  }
  const Revision& newest = *call.store.RevisionsOf(app.guid).back();
  if (newest.droplet_guid == revision->droplet_guid &&
      newest.environment == revision->environment && newest.commands == revision->commands) {
    throw Unprocessable(
        "Unable to rollback. The code and configuration you are rolling back to is "
        "the same as the deployed revision.");
  }
  return *revision;
}

// The droplet that the request asks for: its own, its revision's, or the current one.
const Droplet& WantedDroplet(Call& call, const Json& body, App& app, std::string& note) {
  bool by_droplet = body.contains("droplet") && !body["droplet"].is_null();
  bool by_revision = body.contains("revision") && !body["revision"].is_null();
  if (by_droplet && by_revision) {
    throw Unprocessable("Droplet Cannot set both fields 'droplet' and 'revision'");
  }
  std::string guid = app.current_droplet_guid.value_or("");
  if (by_droplet) guid = body["droplet"].value("guid", "");
  if (by_revision) {
    const Revision revision = WantedRevision(call, app, body["revision"].value("guid", ""));
    ReturnTo(call.store, app, revision);
    note = "Rolled back to revision " + std::to_string(revision.version) + ".";
    guid = revision.droplet_guid;
  }
  const Droplet* droplet = Find(call.store.droplets, guid);
  if (droplet == nullptr && by_droplet) {
    throw Unprocessable(
        "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.");
  }
  if (droplet == nullptr) {
    throw Unprocessable(
        "Invalid droplet. Please specify a droplet in the request or set a current "
        "droplet for the app.");
  }
  return *droplet;
}

// The web process that will run the new droplet, as the newest one is set up.
Process& AddDeployingProcess(Call& call, App& app, Deployment& deployment, const Json& options) {
  const Process like = *call.store.ProcessOfType(app.guid, "web");
  Process& process = AddProcess(call.store, app, "web");
  process.command = like.command;
  process.metadata = like.metadata;
  process.health_check = like.health_check;
  process.readiness_health_check = like.readiness_health_check;
  process.memory_in_mb = options.value("memory_in_mb", like.memory_in_mb);
  process.disk_in_mb = options.value("disk_in_mb", like.disk_in_mb);
  process.log_rate_limit = options.value("log_rate_limit_in_bytes_per_second", like.log_rate_limit);
  process.revision_guid = deployment.revision_guid;
  PrepareRun(call.store, app, process);
  deployment.web_process_guid = process.guid;
  process.instances = std::min(deployment.max_in_flight, StepInstances(deployment));
  return process;
}

// The app's web instances before the deployment. One that is superseded counted them already.
int64_t OriginalInstances(Store& store, const App& app) {
  const Deployment* active = store.ActiveDeployment(app.guid);
  if (active != nullptr) return active->original_instances;
  int64_t instances = 0;
  for (const Process* process : store.ProcessesOf(app.guid)) {
    if (process->type == "web") instances += process->instances;
  }
  return instances;
}

Response CreateDeployment(Call& call) {
  const Json& body =
      call.Body({"relationships", "droplet", "revision", "strategy", "options", "metadata"});
  App* app = Find(call.store.apps, RelationshipGuid(body, "app"));
  if (app == nullptr || !call.SeesSpace(app->space_guid)) {
    throw Unprocessable("Unable to use app. Ensure that the app exists and you have access to it.");
  }
  call.RequireWrite(call.Operates(app->space_guid), app->space_guid);
  Deployment deployment;
  deployment.app_guid = app->guid;
  ReadStrategy(body, deployment);
  UpdateMetadata(deployment.metadata, body);
  if (call.foundation.misbehaviours.Take("deployment-create-422-quota")) {
    throw Unprocessable("memory quota_exceeded for space " + app->space_guid +
                        ". This space's quota may not be large enough to support rolling "
                        "deployments or your configured max-in-flight.");
  }
  const Json options = body.value("options", Json::object());
  deployment.previous_droplet_guid = app->current_droplet_guid;
  deployment.original_instances = OriginalInstances(call.store, *app);
  deployment.target_instances = options.value("web_instances", deployment.original_instances);
  std::string note;
  const Droplet& droplet = WantedDroplet(call, body, *app, note);
  AssignDroplet(call.foundation, *app, droplet);
  deployment.droplet_guid = droplet.guid;
  if (Deployment* active = call.store.ActiveDeployment(app->guid)) {
    SetStatus(*active, "FINALIZED", "SUPERSEDED");
  }
  if (app->state == "STARTED") {
    Revision* revision = RecordRevision(call.store, *app, note);
    if (revision != nullptr) deployment.revision_guid = revision->guid;
    AddDeployingProcess(call, *app, deployment, options);
    SetStatus(deployment, "ACTIVE", "DEPLOYING");
  } else {  // nothing runs that could be rolled: the app is started
    StartApp(call.foundation, *app);
    SetStatus(deployment, "FINALIZED", "DEPLOYED");
    std::vector<Revision*> revisions = call.store.RevisionsOf(app->guid);
    if (!revisions.empty()) deployment.revision_guid = revisions.back()->guid;
  }
  Deployment& added = call.store.Add(call.store.deployments, std::move(deployment));
  call.store.AddEvent("audit.app.deployment.create", call.actor.guid, *app,
                      Json{{"deployment_guid", added.guid},
                           {"droplet_guid", droplet.guid},
                           {"strategy", added.strategy},
                           {"request", body}}
                          .dump());
  call.foundation.runtime->Wake();
  return JsonResponse(201, Presenter(call.foundation).Of(added));
}

Response ListDeployments(Call& call) {
  Listing listing(call, {.filters = {"app_guids", "states", "status_reasons", "status_values"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Deployment* deployment : Ordered(call.store.deployments)) {
    const App& app = call.store.apps.at(deployment->app_guid);
    if (!call.SeesSpace(app.space_guid) || !listing.MatchesRecord(*deployment) ||
        !listing.Matches("app_guids", app.guid) ||
        !listing.Matches("status_reasons", deployment->reason) ||
        !listing.Matches("status_values", deployment->status) ||
        !listing.Matches("states", deployment->reason)) {
      continue;
    }
    rows.push_back({deployment, "", [&present, deployment] { return present.Of(*deployment); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

std::string StatusText(const Deployment& deployment) {
  return "status: " + deployment.status + " and reason: " + deployment.reason;
}

Response CancelDeployment(Call& call) {
  Deployment& deployment = call.VisibleDeployment(call.captured[0]);
  App& app = call.store.apps.at(deployment.app_guid);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  if (deployment.status != "ACTIVE") {
    throw Unprocessable("Cannot cancel a deployment with " + StatusText(deployment));
  }
  const Droplet* previous =
      Find(call.store.droplets, deployment.previous_droplet_guid.value_or(""));
  if (previous == nullptr || previous->state != "STAGED") {
    throw Unprocessable(
        "Unable to cancel deployment. The previous droplet is no longer available.");
  }
  AssignDroplet(call.foundation, app, *previous);
  SetStatus(deployment, "ACTIVE", "CANCELING");
  call.store.AddEvent(
      "audit.app.deployment.cancel", call.actor.guid, app,
      Json{{"deployment_guid", deployment.guid}, {"droplet_guid", previous->guid}}.dump());
  return TextResponse(200, "application/json; charset=utf-8", "");
}

Response ContinueDeployment(Call& call) {
  Deployment& deployment = call.VisibleDeployment(call.captured[0]);
  App& app = call.store.apps.at(deployment.app_guid);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  if (deployment.reason != "PAUSED") {
    throw Unprocessable("Cannot continue a deployment with " + StatusText(deployment));
  }
  ++deployment.canary_step;
  SetStatus(deployment, "ACTIVE", "DEPLOYING");
  call.store.AddEvent("audit.app.deployment.continue", call.actor.guid, app,
                      Json{{"deployment_guid", deployment.guid},
                           {"droplet_guid", deployment.droplet_guid.value_or("")}}
                          .dump());
  return TextResponse(200, "application/json; charset=utf-8", "");
}

Response UpdateDeployment(Call& call) {
  const Json& body = call.Body({"metadata"});
  Deployment& deployment = call.VisibleDeployment(call.captured[0]);
  const App& app = call.store.apps.at(deployment.app_guid);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  UpdateMetadata(deployment.metadata, body);
  call.store.Touch(deployment);
  return JsonResponse(200, Presenter(call.foundation).Of(deployment));
}

}  // namespace

void AddDeploymentCalls(CallTable& table) {
  table.Add("GET", "/v3/deployments", ListDeployments);
  table.Add("POST", "/v3/deployments", CreateDeployment);
  table.Add("GET", "/v3/deployments/:guid", [](Call& call) {
    return JsonResponse(200,
                        Presenter(call.foundation).Of(call.VisibleDeployment(call.captured[0])));
  });
  table.Add("PATCH", "/v3/deployments/:guid", UpdateDeployment);
  table.Add("POST", "/v3/deployments/:guid/actions/cancel", CancelDeployment);
  table.Add("POST", "/v3/deployments/:guid/actions/continue", ContinueDeployment);
}

}  // namespace sluice::box
