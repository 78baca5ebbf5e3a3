#include "tests/foundation/deployment_updater.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

constexpr size_t kFinishedPerAppMax = 100;

size_t CanarySteps(const Deployment& deployment) {
  if (deployment.strategy != "canary") return 0;
  return std::max<size_t>(1, deployment.canary_weights.size());
}

bool InCanary(const Deployment& deployment) {
  return deployment.canary_step < CanarySteps(deployment);
}

// The web processes that the deployment replaces, oldest first.
std::vector<Process*> OldProcesses(Store& store, const Deployment& deployment) {
  std::vector<Process*> old;
  for (Process* process : store.ProcessesOf(deployment.app_guid)) {
    if (process->type == "web" && process->guid != deployment.web_process_guid) {
      old.push_back(process);
    }
  }
  return old;
}

// Leaves `wanted` instances to the old processes; the oldest lose theirs first.
void ShrinkTo(const std::vector<Process*>& old, int64_t wanted) {
  int64_t have = 0;
  for (const Process* process : old) have += process->instances;
  for (Process* process : old) {
    int64_t surplus = std::min(process->instances, std::max<int64_t>(0, have - wanted));
    process->instances -= surplus;
    have -= surplus;
  }
}

void ForgetFinished(Store& store, const std::string& app_guid) {
  std::vector<const Deployment*> finished;
  for (const Deployment* deployment : Ordered(store.deployments)) {
    if (deployment->app_guid == app_guid && deployment->status == "FINALIZED") {
      finished.push_back(deployment);
    }
  }
  for (size_t i = 0; i + kFinishedPerAppMax < finished.size(); ++i) {
    store.deployments.erase(std::string(finished[i]->guid));
  }
}

void Complete(Foundation& foundation, Deployment& deployment, App& app) {
  Store& store = foundation.store;
  for (const Process* process : OldProcesses(store, deployment)) {
    store.processes.erase(std::string(process->guid));
  }
  // Other types are not rolled: they are restarted now, all at once.
  for (Process* process : store.ProcessesOf(app.guid)) {
    if (process->type == "web") continue;
    process->revision_guid = deployment.revision_guid;
    PrepareRun(store, app, *process);
  }
  SetStatus(deployment, "FINALIZED", "DEPLOYED");
  ForgetFinished(store, app.guid);
}

void StepForward(Foundation& foundation, Deployment& deployment, App& app, Process& process) {
  int64_t goal = StepInstances(deployment);
  int64_t running = foundation.runtime->RunningCount(process);
  if (running > 0) deployment.last_successful_healthcheck = std::time(nullptr);
  process.instances =
      std::max(process.instances, std::min(goal, running + deployment.max_in_flight));
  std::vector<Process*> old = OldProcesses(foundation.store, deployment);
  if (InCanary(deployment)) {
    ShrinkTo(old, std::max<int64_t>(0, deployment.original_instances - running + 1));
    if (running >= goal) SetStatus(deployment, "ACTIVE", "PAUSED");
    return;
  }
  // As many healthy instances as before, at any time: an old one goes when a new one answers.
  ShrinkTo(old,
           running >= goal ? 0 : std::max<int64_t>(0, deployment.original_instances - running));
  if (running >= goal) Complete(foundation, deployment, app);
}

// The process to return to: the newest of the old ones that still answers.
Process* PriorProcess(Foundation& foundation, const Deployment& deployment) {
  std::vector<Process*> old = OldProcesses(foundation.store, deployment);
  for (auto process = old.rbegin(); process != old.rend(); ++process) {
    if (foundation.runtime->RunningCount(**process) > 0) return *process;
  }
  return old.empty() ? nullptr : old.front();
}

void StepBack(Foundation& foundation, Deployment& deployment) {
  Store& store = foundation.store;
  Process* prior = PriorProcess(foundation, deployment);
  if (prior != nullptr) {
    std::string kept = prior->guid;
    prior->instances = deployment.original_instances;
    std::erase_if(store.processes, [&](const auto& entry) {
      const Process& process = entry.second;
      return process.app_guid == deployment.app_guid && process.type == "web" &&
             process.guid != kept;
    });
  }
  SetStatus(deployment, "FINALIZED", "CANCELED");
  ForgetFinished(store, deployment.app_guid);
}

}  // namespace

int64_t StepInstances(const Deployment& deployment) {
  if (!InCanary(deployment)) return deployment.target_instances;
  if (deployment.canary_weights.empty()) return 1;
  auto weight = static_cast<double>(deployment.canary_weights[deployment.canary_step]);
  auto instances = std::llround(static_cast<double>(deployment.target_instances) * weight / 100);
  return std::max<int64_t>(1, instances);
}

void SetStatus(Deployment& deployment, const std::string& status, const std::string& reason) {
  deployment.status = status;
  deployment.reason = reason;
  deployment.last_status_change = std::time(nullptr);
  deployment.updated_at = deployment.last_status_change;
}

DeploymentUpdater::DeploymentUpdater(Foundation& foundation)
    : foundation_(foundation), thread_([this] { Run(); }) {}

DeploymentUpdater::~DeploymentUpdater() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DeploymentUpdater::Run() {
  std::unique_lock lock(mutex_);
  auto interval = std::chrono::duration<double>(foundation_.options.deployment_interval_seconds);
  while (!changed_.wait_for(lock, interval, [this] { return ending_; })) StepAll();
}

void DeploymentUpdater::StepAll() {
  std::lock_guard lock(foundation_.store.mutex);
  std::vector<std::string> active;
  for (const auto& [guid, deployment] : foundation_.store.deployments) {
    if (deployment.status == "ACTIVE") active.push_back(guid);
  }
  for (const std::string& guid : active) {
    Deployment& deployment = foundation_.store.deployments.at(guid);
    App& app = foundation_.store.apps.at(deployment.app_guid);
    Process* process = Find(foundation_.store.processes, deployment.web_process_guid);
    if (deployment.reason == "CANCELING") {
      StepBack(foundation_, deployment);
    } else if (deployment.reason == "DEPLOYING" && process != nullptr &&
               !foundation_.misbehaviours.Take("deployment-never-ends")) {
      StepForward(foundation_, deployment, app, *process);
    }
  }
  if (active.empty()) return;
  foundation_.runtime->Wake();
  foundation_.store.changes.Note();
}

}  // namespace sluice::box
