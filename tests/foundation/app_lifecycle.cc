#include "tests/foundation/app_lifecycle.h"

#include "tests/foundation/blobstore.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/present.h"
#include "tests/foundation/refusal.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

constexpr int64_t kRevisionVersionMax = 9999;  // then CC begins at 1 again

bool RevisionsEnabled(const App& app) {
  auto feature = app.features.find("revisions");
  return feature != app.features.end() && feature->second;
}

std::vector<Sidecar> SidecarsOf(const Store& store, const App& app) {
  std::vector<Sidecar> sidecars;
  for (const Sidecar* sidecar : Ordered(store.sidecars)) {
    if (sidecar->app_guid == app.guid) sidecars.push_back(*sidecar);
  }
  return sidecars;
}

bool SameSidecars(const std::vector<Sidecar>& a, const std::vector<Sidecar>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].command != b[i].command ||
        a[i].process_types != b[i].process_types || a[i].memory_in_mb != b[i].memory_in_mb) {
      return false;
    }
  }
  return true;
}

std::string Changes(const Revision& before, const Revision& now) {
  std::string text;
  auto add = [&text](const char* what) { text += (text.empty() ? "" : " ") + std::string(what); };
  if (before.droplet_guid != now.droplet_guid) add("New droplet deployed.");
  if (before.environment != now.environment) add("New environment variables deployed.");
  if (before.commands != now.commands) add("Custom start command changed.");
  if (!SameSidecars(before.sidecars, now.sidecars)) add("Sidecars changed.");
  return text;
}

void PrepareAll(Foundation& foundation, App& app) {
  Revision* revision = RecordRevision(foundation.store, app);
  for (Process* process : foundation.store.ProcessesOf(app.guid)) {
    if (revision != nullptr) process->revision_guid = revision->guid;
    PrepareRun(foundation.store, app, *process);
  }
  foundation.runtime->Wake();
}

template <typename T>
void EraseOfApp(Records<T>& records, const std::string& app_guid) {
  std::erase_if(records, [&](const auto& entry) { return entry.second.app_guid == app_guid; });
}

}  // namespace

Process& AddProcess(Store& store, const App& app, const std::string& type) {
  Process process;
  process.app_guid = app.guid;
  process.type = type;
  process.version = RandomGuid();
  if (type == "web") {
    process.instances = 1;
    process.health_check.type = "port";
    // The first web process has the app's own guid; one made by a deployment has not.
    if (!store.processes.contains(app.guid)) process.guid = app.guid;
  }
  return store.Add(store.processes, std::move(process));
}

void AssignDroplet(Foundation& foundation, App& app, const Droplet& droplet) {
  Store& store = foundation.store;
  if (droplet.app_guid != app.guid) {
    throw Unprocessable(
        "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.");
  }
  if (droplet.state != "STAGED") throw Unprocessable("droplet must be in staged state");
  app.current_droplet_guid = droplet.guid;
  store.Touch(app);
  std::erase_if(store.sidecars, [&](const auto& entry) {
    return entry.second.app_guid == app.guid && entry.second.origin == "buildpack";
  });
  for (const auto& [type, command] : droplet.process_types) {
    if (store.ProcessOfType(app.guid, type) == nullptr) AddProcess(store, app, type);
  }
}

Revision* RecordRevision(Store& store, const App& app, const std::string& note) {
  if (!RevisionsEnabled(app) || !app.current_droplet_guid) return nullptr;
  Revision now;
  now.app_guid = app.guid;
  now.droplet_guid = *app.current_droplet_guid;
  now.environment = app.environment;
  now.sidecars = SidecarsOf(store, app);
  for (const Process* process : store.ProcessesOf(app.guid)) {
    now.commands[process->type] = process->command;
  }
  std::vector<Revision*> revisions = store.RevisionsOf(app.guid);
  if (revisions.empty()) {
    now.description = "Initial revision.";
    return &store.Add(store.revisions, std::move(now));
  }
  std::string changes = Changes(*revisions.back(), now);
  if (changes.empty()) return revisions.back();
  now.description = changes + (note.empty() ? "" : " " + note);
  now.version = revisions.back()->version % kRevisionVersionMax + 1;
  if (revisions.size() >= Store::kRevisionsPerAppMax) store.revisions.erase(revisions[0]->guid);
  return &store.Add(store.revisions, std::move(now));
}

void PrepareRun(Store& store, const App& app, Process& process) {
  process.version = RandomGuid();
  process.run.droplet_guid = app.current_droplet_guid.value_or("");
  process.run.command = EffectiveCommand(store, process);
  process.run.environment = app.environment;
  store.Touch(process);
}

void StartApp(Foundation& foundation, App& app) {
  if (!app.current_droplet_guid) throw Unprocessable("Assign a droplet before starting this app.");
  if (app.state == "STARTED") return;
  app.state = "STARTED";
  foundation.store.Touch(app);
  PrepareAll(foundation, app);
}

void StopApp(Foundation& foundation, App& app) {
  app.state = "STOPPED";
  foundation.store.Touch(app);
  foundation.runtime->Wake();
}

void RestartApp(Foundation& foundation, App& app) {
  if (!app.current_droplet_guid) throw Unprocessable("Assign a droplet before starting this app.");
  app.state = "STARTED";
  foundation.store.Touch(app);
  PrepareAll(foundation, app);
}

void DeleteDroplet(Foundation& foundation, const std::string& droplet_guid) {
  const Droplet* droplet = Find(foundation.store.droplets, droplet_guid);
  if (droplet == nullptr) return;
  if (droplet->sha1)
    foundation.blobstore->Delete(Blobstore::DropletKey(droplet_guid, *droplet->sha1));
  foundation.store.droplets.erase(droplet_guid);
}

void DeleteApp(Foundation& foundation, const std::string& app_guid) {
  Store& store = foundation.store;
  std::vector<std::string> droplets;
  for (const auto& [guid, droplet] : store.droplets) {
    if (droplet.app_guid == app_guid) droplets.push_back(guid);
  }
  for (const std::string& guid : droplets) DeleteDroplet(foundation, guid);
  EraseOfApp(store.processes, app_guid);
  EraseOfApp(store.sidecars, app_guid);
  EraseOfApp(store.revisions, app_guid);
  EraseOfApp(store.deployments, app_guid);
  for (auto& [guid, route] : store.routes) {
    std::erase_if(route.destinations,
                  [&](const Destination& destination) { return destination.app_guid == app_guid; });
  }
  store.apps.erase(app_guid);
  foundation.runtime->Wake();
}

}  // namespace sluice::box
