// Apps: create, read, change, delete, start and stop, and their current droplet.
#include <nlohmann/json.hpp>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

Response ListApps(Call& call) {
  Listing listing(
      call, {.filters = {"names", "space_guids", "organization_guids", "stacks", "lifecycle_type"},
             .order_by_name = true,
             .includes = {"space", "space.organization", "org"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  std::map<std::string, Json> spaces;
  std::map<std::string, Json> organizations;
  for (const App* app : Ordered(call.store.apps)) {
    std::string organization_guid = call.store.OrganizationOf(app->space_guid);
    if (!call.SeesSpace(app->space_guid) || !listing.MatchesRecord(*app) ||
        !listing.Matches("names", app->name, true) ||
        !listing.Matches("space_guids", app->space_guid) ||
        !listing.Matches("organization_guids", organization_guid) ||
        !listing.Matches("stacks", app->stack) ||
        !listing.Matches("lifecycle_type", app->lifecycle)) {
      continue;
    }
    rows.push_back({app, app->name, [&present, app] { return present.Of(*app); }});
    spaces[app->space_guid] = present.Of(call.store.spaces.at(app->space_guid));
    organizations[organization_guid] = present.Of(call.store.organizations.at(organization_guid));
  }
  Json page = listing.Page(std::move(rows));
  bool with_organizations = listing.Includes("space.organization") || listing.Includes("org");
  if (listing.Includes("space") || with_organizations) {
    page["included"]["spaces"] = Json::array();
    for (const auto& [guid, shown] : spaces) page["included"]["spaces"].push_back(shown);
  }
  if (with_organizations) {
    page["included"]["organizations"] = Json::array();
    for (const auto& [guid, shown] : organizations)
      page["included"]["organizations"].push_back(shown);
  }
  return JsonResponse(200, page);
}

// Type, stack and buildpacks of a new app. Refuses what CC refuses.
void SetLifecycle(Call& call, App& app, const Json& body) {
  app.stack = call.foundation.options.stacks.front();
  if (!body.contains("lifecycle")) return;
  const Json& lifecycle = body["lifecycle"];
  app.lifecycle = lifecycle.value("type", "");
  if (app.lifecycle == "docker" || app.lifecycle == "cnb") {
    // Both flags are off by default.
    throw Refusal{403, "CF-FeatureDisabled", 330002, "Feature Disabled: diego_" + app.lifecycle};
  }
  if (app.lifecycle != "buildpack")
    throw Unprocessable("Lifecycle type is not included in the list: buildpack, docker, cnb");
  const Json settings = lifecycle.value("data", Json::object());
  if (settings.contains("stack") && settings["stack"].is_string()) app.stack = settings["stack"];
  if (settings.contains("buildpacks") && settings["buildpacks"].is_array()) {
    app.buildpacks = settings["buildpacks"].get<std::vector<std::string>>();
  }
}

void CheckStack(Call& call, const App& app) {
  const Stack* stack = call.store.StackNamed(app.stack);
  if (stack == nullptr) throw Unprocessable("Stack must be an existing stack");
  std::string state = stack->state;
  if (call.foundation.misbehaviours.Take("app-create-restricted-stack")) state = "RESTRICTED";
  if (state == "RESTRICTED" || state == "DISABLED") {
    throw Unprocessable("ERROR: Staging failed. The stack '" + app.stack + "' is '" + state +
                        "' and cannot be used for staging.");
  }
}

Response CreateApp(Call& call) {
  const Json& body =
      call.Body({"name", "relationships", "environment_variables", "lifecycle", "metadata"});
  App app;
  app.name = body.value("name", "");
  app.space_guid = RelationshipGuid(body, "space");
  if (app.name.empty()) throw Unprocessable("Name must be a string, Name can't be blank");
  if (!call.store.spaces.contains(app.space_guid) || !call.SeesSpace(app.space_guid)) {
    throw Unprocessable("Invalid space. Ensure that the space exists and you have access to it.");
  }
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  SetLifecycle(call, app, body);
  CheckStack(call, app);
  if (call.store.AppNamed(app.space_guid, app.name) != nullptr) {
    throw Refusal{422, "CF-UniquenessError", 10016,
                  "App with the name '" + app.name + "' already exists."};
  }
  if (body.contains("environment_variables")) {
    app.environment = body["environment_variables"].get<TextMap>();
  }
  UpdateMetadata(app.metadata, body);
  app.features = {{"ssh", true},
                  {"revisions", true},
                  {"service-binding-k8s", false},
                  {"file-based-vcap-services", false}};
  App& added = call.store.Add(call.store.apps, std::move(app));
  AddProcess(call.store, added, "web");
  call.store.AddEvent("audit.app.create", call.actor.guid, added,
                      Json{{"request", {{"name", added.name}}}}.dump());
  return JsonResponse(201, Presenter(call.foundation).Of(added));
}

Response UpdateApp(Call& call) {
  const Json& body = call.Body({"name", "lifecycle", "metadata"});
  App& app = call.VisibleApp(call.captured[0]);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  App changed = app;
  if (body.contains("name")) {
    changed.name = body["name"].get<std::string>();
    const App* other = call.store.AppNamed(app.space_guid, changed.name);
    if (other != nullptr && other->guid != app.guid) {
      throw Refusal{422, "CF-UniquenessError", 10016,
                    "App with the name '" + changed.name + "' already exists."};
    }
  }
  if (body.contains("lifecycle")) {
    const Json& lifecycle = body["lifecycle"];
    std::string type = lifecycle.value("type", app.lifecycle);
    if (type != app.lifecycle) {
      throw Unprocessable("Lifecycle type cannot be changed from " + app.lifecycle + " to " + type);
    }
    const Json settings = lifecycle.value("data", Json::object());
    changed.stack = settings.value("stack", app.stack);
    if (call.store.StackNamed(changed.stack) == nullptr) {
      throw Unprocessable("Stack must be an existing stack");
    }
    if (settings.contains("buildpacks")) {
      changed.buildpacks = settings["buildpacks"].is_null()
                               ? std::vector<std::string>{}
                               : settings["buildpacks"].get<std::vector<std::string>>();
    }
  }
  UpdateMetadata(changed.metadata, body);
  app = std::move(changed);
  call.store.Touch(app);
  call.store.AddEvent("audit.app.update", call.actor.guid, app, "{}");
  return JsonResponse(200, Presenter(call.foundation).Of(app));
}

Response RemoveApp(Call& call) {
  App& app = call.VisibleApp(call.captured[0]);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  call.store.AddEvent("audit.app.delete-request", call.actor.guid, app, "{}");
  std::string guid = app.guid;
  DeleteApp(call.foundation, guid);
  Job job;
  job.operation = "app.delete";
  job.state = "COMPLETE";
  job.resource_kind = "app";
  job.resource_guid = guid;
  return AcceptedWithJob(call.foundation, call.store.Add(call.store.jobs, job));
}

// One of start, stop, restart.
CallFunction Action(const std::string& name, void (*change)(Foundation&, App&)) {
  return [name, change](Call& call) {
    App& app = call.VisibleApp(call.captured[0]);
    call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
    change(call.foundation, app);
    call.store.AddEvent("audit.app." + name, call.actor.guid, app, "{}");
    return JsonResponse(200, Presenter(call.foundation).Of(app));
  };
}

Response AssignCurrentDroplet(Call& call) {
  const Json& body = call.Body({"data"});
  App& app = call.VisibleApp(call.captured[0]);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  if (!body.contains("data") || body["data"].is_null()) {
    throw Unprocessable("Current droplet cannot be removed. Replace it with a preferred droplet.");
  }
  if (call.store.ActiveDeployment(app.guid) != nullptr) {
    throw Unprocessable(
        "Unable to assign current droplet while the app has a deployment in progress. "
        "Wait for the deployment to complete or cancel it.");
  }
  const Droplet* droplet = Find(call.store.droplets, body["data"].value("guid", ""));
  if (droplet == nullptr) {
    throw Unprocessable(
        "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.");
  }
  AssignDroplet(call.foundation, app, *droplet);
  call.store.AddEvent("audit.app.droplet.mapped", call.actor.guid, app,
                      Json{{"request", {{"droplet_guid", droplet->guid}}}}.dump());
  return JsonResponse(200, Presenter(call.foundation).CurrentDropletRelationship(app));
}

Response ShowCurrentDropletRelationship(Call& call) {
  const App& app = call.VisibleApp(call.captured[0]);
  if (!app.current_droplet_guid) throw NotFound("Droplet");
  return JsonResponse(200, Presenter(call.foundation).CurrentDropletRelationship(app));
}

}  // namespace

void AddAppCalls(CallTable& table) {
  table.Add("GET", "/v3/apps", ListApps);
  table.Add("POST", "/v3/apps", CreateApp);
  table.Add("GET", "/v3/apps/:guid", [](Call& call) {
    return JsonResponse(200, Presenter(call.foundation).Of(call.VisibleApp(call.captured[0])));
  });
  table.Add("PATCH", "/v3/apps/:guid", UpdateApp);
  table.Add("DELETE", "/v3/apps/:guid", RemoveApp);
  table.Add("POST", "/v3/apps/:guid/actions/start", Action("start", StartApp));
  table.Add("POST", "/v3/apps/:guid/actions/stop", Action("stop", StopApp));
  table.Add("POST", "/v3/apps/:guid/actions/restart", Action("restart", RestartApp));
  table.Add("PATCH", "/v3/apps/:guid/relationships/current_droplet", AssignCurrentDroplet);
  table.Add("GET", "/v3/apps/:guid/relationships/current_droplet", ShowCurrentDropletRelationship);
}

}  // namespace sluice::box
