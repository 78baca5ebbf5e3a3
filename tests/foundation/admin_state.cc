// The whole state of a box as one JSON value, so that two of them can be compared.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/foundation/admin.h"
#include "tests/foundation/blobstore.h"
#include "tests/foundation/cell.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/present.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kLogTailBytes = 4000;

template <typename T>
Json AllOf(const Presenter& present, const Records<T>& records) {
  Json shown = Json::array();
  for (const T* record : Ordered(records)) shown.push_back(present.Of(*record));
  return shown;
}

// Droplets and processes with what is secret in lists.
template <typename T>
Json AllWithSecrets(const Presenter& present, const Records<T>& records) {
  Json shown = Json::array();
  for (const T* record : Ordered(records)) shown.push_back(present.Of(*record, Redaction::kNone));
  return shown;
}

Json AppsOf(const Presenter& present, const Store& store) {
  Json shown = Json::array();
  for (const App* app : Ordered(store.apps)) {
    Json one = present.Of(*app);
    one["environment_variables"] = app->environment;
    one["features"] = app->features;
    shown.push_back(std::move(one));
  }
  return shown;
}

Json Blobs(Foundation& foundation) {
  Json shown = Json::object();
  for (const auto& [key, digests] : foundation.blobstore->Contents()) {
    shown[key] = {{"sha256", digests.sha256}, {"bytes", digests.bytes}};
  }
  return shown;
}

Json UploadsUnderWay(const Foundation& foundation) {
  Json shown = Json::array();
  for (const auto& entry : fs::directory_iterator(foundation.options.directory + "/uploads")) {
    shown.push_back(entry.path().filename());
  }
  return shown;
}

std::string LogTail(const Foundation& foundation, const std::string& instance_guid) {
  std::string log = InstanceLog(foundation.options.directory + "/cell", instance_guid);
  return log.size() > kLogTailBytes ? log.substr(log.size() - kLogTailBytes) : log;
}

}  // namespace

Json ShowState(const AdminRequest& request) {
  Foundation& foundation = request.foundation;
  std::lock_guard lock(foundation.store.mutex);
  const Store& store = foundation.store;
  Presenter present(foundation);
  Json state = {{"organizations", AllOf(present, store.organizations)},
                {"spaces", AllOf(present, store.spaces)},
                {"stacks", AllOf(present, store.stacks)},
                {"domains", AllOf(present, store.domains)},
                {"roles", AllOf(present, store.roles)},
                {"apps", AppsOf(present, store)},
                {"processes", AllWithSecrets(present, store.processes)},
                {"droplets", AllWithSecrets(present, store.droplets)},
                {"sidecars", AllOf(present, store.sidecars)},
                {"revisions", AllOf(present, store.revisions)},
                {"deployments", AllOf(present, store.deployments)},
                {"routes", AllOf(present, store.routes)},
                {"blobs", Blobs(foundation)},
                {"uploads", UploadsUnderWay(foundation)}};
  std::string digest = Sha256Hex(state.dump());
  return {{"digest", digest},
          {"state", std::move(state)},
          {"events", AllOf(present, store.events)},
          {"jobs", AllOf(present, store.jobs)}};
}

Json ShowRunningInstances(const AdminRequest& request) {
  Foundation& foundation = request.foundation;
  std::string only = request.request.Query("app_guid").value_or("");
  std::lock_guard lock(foundation.store.mutex);
  Json instances = Json::array();
  for (const Process* process : Ordered(foundation.store.processes)) {
    const App& app = foundation.store.apps.at(process->app_guid);
    if (app.state != "STARTED" || (!only.empty() && app.guid != only)) continue;
    for (const InstanceReport& report : foundation.runtime->Report(*process)) {
      instances.push_back({{"app_guid", app.guid},
                           {"app", app.name},
                           {"process_guid", process->guid},
                           {"type", process->type},
                           {"index", report.index},
                           {"instance_guid", report.instance_guid},
                           {"state", report.state},
                           {"details", report.details},
                           {"pid", report.pid},
                           {"uptime_seconds", report.uptime_seconds},
                           {"log_tail", LogTail(foundation, report.instance_guid)}});
    }
  }
  return {{"instances", instances}};
}

}  // namespace sluice::box
