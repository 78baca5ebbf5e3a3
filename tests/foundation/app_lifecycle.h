// The rules by which apps change: assigning a droplet, starting, stopping, revisions. Callers
// hold the store's mutex. Refusals are thrown as CC words them.
#pragma once

#include <string>

#include "tests/foundation/foundation.h"

namespace sluice::box {

// A new process as CC makes it: web gets one instance and a port check, others none.
Process& AddProcess(Store& store, const App& app, const std::string& type);

// Makes the droplet current: buildpack sidecars go, processes for new types come. Nothing is
// restarted.
void AssignDroplet(Foundation& foundation, App& app, const Droplet& droplet);

// The app's newest revision, after adding one when droplet, environment, commands or sidecars
// differ from it. Null when the feature is off.
Revision* RecordRevision(Store& store, const App& app, const std::string& note = "");

// Fixes what the process runs from now on and gives it new instances.
void PrepareRun(Store& store, const App& app, Process& process);

void StartApp(Foundation& foundation, App& app);
void StopApp(Foundation& foundation, App& app);
void RestartApp(Foundation& foundation, App& app);

void DeleteApp(Foundation& foundation, const std::string& app_guid);
void DeleteDroplet(Foundation& foundation, const std::string& droplet_guid);

}  // namespace sluice::box
