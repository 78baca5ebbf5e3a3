// What belongs to an app: environment, features, sidecars, revisions.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

// The environment is shown to fewer roles than the app is.
App& AppWithEnvironment(Call& call) {
  App& app = call.VisibleApp(call.captured[0]);
  if (!call.Operates(app.space_guid) && !call.SeesSecrets(app.space_guid)) throw NotAuthorized();
  return app;
}

Json EnvironmentVariables(const Presenter& present, const App& app) {
  std::string self = "/v3/apps/" + app.guid;
  return {{"var", app.environment},
          {"links",
           {{"self", present.Link(self + "/environment_variables")}, {"app", present.Link(self)}}}};
}

Response ShowEnvironmentVariables(Call& call) {
  const App& app = AppWithEnvironment(call);
  call.store.AddEvent("audit.app.environment_variables.show", call.actor.guid, app, "{}");
  return JsonResponse(200, EnvironmentVariables(Presenter(call.foundation), app));
}

Response UpdateEnvironmentVariables(Call& call) {
  const Json& body = call.Body({"var"});
  App& app = call.VisibleApp(call.captured[0]);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  const Json changes = body.value("var", Json::object());
  if (!changes.is_object()) throw Unprocessable("Var must be an object");
  TextMap merged = app.environment;
  for (const auto& [name, value] : changes.items()) {
    if (name.starts_with("VCAP_")) throw Unprocessable("Var cannot start with VCAP_");
    if (name.starts_with("VMC")) throw Unprocessable("Var cannot start with VMC");
    if (name == "PORT") throw Unprocessable("Var cannot set PORT");
    if (value.is_null()) {
      merged.erase(name);
    } else if (value.is_string()) {
      merged[name] = value;
    } else {
      throw Unprocessable("Non-string value in environment variable for key '" + name + "'");
    }
  }
  app.environment = std::move(merged);
  call.store.Touch(app);
  call.store.AddEvent("audit.app.update", call.actor.guid, app, "{}");
  return JsonResponse(200, EnvironmentVariables(Presenter(call.foundation), app));
}

Response ShowWholeEnvironment(Call& call) {
  const App& app = AppWithEnvironment(call);
  return JsonResponse(200, {{"environment_variables", app.environment},
                            {"staging_env_json", Json::object()},
                            {"running_env_json", Json::object()},
                            {"system_env_json", {{"VCAP_SERVICES", Json::object()}}},
                            {"application_env_json", Json::object()}});
}

Json Feature(const App& app, const std::string& name) {
  static const auto* descriptions = new TextMap{
      {"ssh", "Enable SSHing into the app."},
      {"revisions", "Enable versioning of an application"},
      {"service-binding-k8s", "Enable k8s service bindings for the app"},
      {"file-based-vcap-services", "Enable file-based VCAP service bindings for the app"}};
  auto found = app.features.find(name);
  if (found == app.features.end()) throw NotFound("Feature");
  return {{"name", name}, {"description", descriptions->at(name)}, {"enabled", found->second}};
}

Response ShowFeature(Call& call) {
  return JsonResponse(200, Feature(call.VisibleApp(call.captured[0]), call.captured[1]));
}

Response UpdateFeature(Call& call) {
  const Json& body = call.Body({"enabled"});
  App& app = call.VisibleApp(call.captured[0]);
  const std::string& name = call.captured[1];
  Feature(app, name);
  bool allowed =
      name == "revisions" ? call.Operates(app.space_guid) : call.Develops(app.space_guid);
  call.RequireWrite(allowed, app.space_guid);
  app.features[name] = body.at("enabled").get<bool>();
  call.store.Touch(app);
  return JsonResponse(200, Feature(app, name));
}

bool SidecarNamed(const Store& store, const std::string& app_guid, const std::string& name) {
  return std::any_of(store.sidecars.begin(), store.sidecars.end(), [&](const auto& entry) {
    return entry.second.app_guid == app_guid && entry.second.name == name;
  });
}

Response ListSidecars(Call& call) {
  const App& app = call.VisibleApp(call.captured[0]);
  Listing listing(call, {});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Sidecar* sidecar : Ordered(call.store.sidecars)) {
    if (sidecar->app_guid != app.guid || !listing.MatchesRecord(*sidecar)) continue;
    rows.push_back({sidecar, "", [&present, sidecar] { return present.Of(*sidecar); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response CreateSidecar(Call& call) {
  const Json& body = call.Body({"name", "command", "process_types", "memory_in_mb"});
  const App& app = call.VisibleApp(call.captured[0]);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  Sidecar sidecar;
  sidecar.app_guid = app.guid;
  sidecar.name = body.value("name", "");
  sidecar.command = body.value("command", "");
  sidecar.process_types = body.value("process_types", std::vector<std::string>{});
  if (body.contains("memory_in_mb")) sidecar.memory_in_mb = body["memory_in_mb"].get<int64_t>();
  if (sidecar.name.empty()) throw Unprocessable("Name can't be blank");
  if (sidecar.command.empty()) throw Unprocessable("Command can't be blank");
  if (sidecar.process_types.empty())
    throw Unprocessable("Process types must have at least 1 process_type");
  if (SidecarNamed(call.store, app.guid, sidecar.name)) {
    throw Unprocessable("Sidecar with name '" + sidecar.name + "' already exists for given app");
  }
  return JsonResponse(201,
                      Presenter(call.foundation).Of(call.store.Add(call.store.sidecars, sidecar)));
}

Sidecar& VisibleSidecar(Call& call) {
  Sidecar* sidecar = Find(call.store.sidecars, call.captured[0]);
  const App* app = sidecar == nullptr ? nullptr : Find(call.store.apps, sidecar->app_guid);
  if (app == nullptr || !call.SeesSpace(app->space_guid)) throw NotFound("Sidecar");
  return *sidecar;
}

Response UpdateSidecar(Call& call) {
  const Json& body = call.Body({"name", "command", "process_types", "memory_in_mb"});
  Sidecar& sidecar = VisibleSidecar(call);
  const App& app = call.store.apps.at(sidecar.app_guid);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  std::string name = body.value("name", sidecar.name);
  if (name != sidecar.name && SidecarNamed(call.store, app.guid, name)) {
    throw Unprocessable("Sidecar with name '" + name + "' already exists for given app");
  }
  sidecar.name = name;
  sidecar.command = body.value("command", sidecar.command);
  sidecar.process_types = body.value("process_types", sidecar.process_types);
  if (body.contains("memory_in_mb")) sidecar.memory_in_mb = body["memory_in_mb"].get<int64_t>();
  call.store.Touch(sidecar);
  return JsonResponse(200, Presenter(call.foundation).Of(sidecar));
}

Response RemoveSidecar(Call& call) {
  const Sidecar& sidecar = VisibleSidecar(call);
  const App& app = call.store.apps.at(sidecar.app_guid);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  call.store.sidecars.erase(sidecar.guid);
  return TextResponse(204, "application/json; charset=utf-8", "");
}

// A revision is deployed while a process of a started app runs it.
bool Deployed(const Store& store, const Revision& revision) {
  const App* app = Find(store.apps, revision.app_guid);
  if (app == nullptr || app->state != "STARTED") return false;
  return std::any_of(store.processes.begin(), store.processes.end(), [&](const auto& entry) {
    return entry.second.app_guid == app->guid && entry.second.revision_guid == revision.guid &&
           entry.second.instances > 0;
  });
}

Response ListRevisions(Call& call, bool only_deployed) {
  const App& app = call.VisibleApp(call.captured[0]);
  Listing listing(call, {.filters = {"versions"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Revision* revision : call.store.RevisionsOf(app.guid)) {
    if (!listing.MatchesRecord(*revision) ||
        !listing.Matches("versions", std::to_string(revision->version)) ||
        (only_deployed && !Deployed(call.store, *revision))) {
      continue;
    }
    rows.push_back({revision, "", [&present, revision] { return present.Of(*revision); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Revision& VisibleRevision(Call& call) {
  Revision* revision = Find(call.store.revisions, call.captured[0]);
  const App* app = revision == nullptr ? nullptr : Find(call.store.apps, revision->app_guid);
  if (app == nullptr || !call.SeesSpace(app->space_guid)) throw NotFound("Revision");
  return *revision;
}

Response UpdateRevision(Call& call) {
  const Json& body = call.Body({"metadata"});
  Revision& revision = VisibleRevision(call);
  const App& app = call.store.apps.at(revision.app_guid);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  UpdateMetadata(revision.metadata, body);
  call.store.Touch(revision);
  return JsonResponse(200, Presenter(call.foundation).Of(revision));
}

Response ShowRevisionEnvironment(Call& call) {
  const Revision& revision = VisibleRevision(call);
  if (!call.SeesSecrets(call.store.apps.at(revision.app_guid).space_guid)) throw NotAuthorized();
  Presenter present(call.foundation);
  std::string self = "/v3/revisions/" + revision.guid;
  return JsonResponse(200, {{"var", revision.environment},
                            {"links",
                             {{"self", present.Link(self + "/environment_variables")},
                              {"revision", present.Link(self)},
                              {"app", present.Link("/v3/apps/" + revision.app_guid)}}}});
}

}  // namespace

void AddAppPartCalls(CallTable& table) {
  table.Add("GET", "/v3/apps/:guid/environment_variables", ShowEnvironmentVariables);
  table.Add("PATCH", "/v3/apps/:guid/environment_variables", UpdateEnvironmentVariables);
  table.Add("GET", "/v3/apps/:guid/env", ShowWholeEnvironment);
  table.Add("GET", "/v3/apps/:guid/features/:name", ShowFeature);
  table.Add("PATCH", "/v3/apps/:guid/features/:name", UpdateFeature);
  table.Add("GET", "/v3/apps/:guid/sidecars", ListSidecars);
  table.Add("POST", "/v3/apps/:guid/sidecars", CreateSidecar);
  table.Add("GET", "/v3/sidecars/:guid", [](Call& call) {
    return JsonResponse(200, Presenter(call.foundation).Of(VisibleSidecar(call)));
  });
  table.Add("PATCH", "/v3/sidecars/:guid", UpdateSidecar);
  table.Add("DELETE", "/v3/sidecars/:guid", RemoveSidecar);
  table.Add("GET", "/v3/apps/:guid/revisions/deployed",
            [](Call& call) { return ListRevisions(call, true); });
  table.Add("GET", "/v3/apps/:guid/revisions",
            [](Call& call) { return ListRevisions(call, false); });
  table.Add("GET", "/v3/revisions/:guid", [](Call& call) {
    return JsonResponse(200, Presenter(call.foundation).Of(VisibleRevision(call)));
  });
  table.Add("PATCH", "/v3/revisions/:guid", UpdateRevision);
  table.Add("GET", "/v3/revisions/:guid/environment_variables", ShowRevisionEnvironment);
}

}  // namespace sluice::box
