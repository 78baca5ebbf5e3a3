// Deployments on their way: what CC's deployment_updater does every few seconds
// (cloud_controller_ng, lib/cloud_controller/deployment_updater).
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/foundation/foundation.h"

namespace sluice::box {

// A thread of its own that brings every active deployment forward by one step at each interval.
class DeploymentUpdater {
 public:
  explicit DeploymentUpdater(Foundation& foundation);
  ~DeploymentUpdater();
  DeploymentUpdater(const DeploymentUpdater&) = delete;
  DeploymentUpdater& operator=(const DeploymentUpdater&) = delete;

 private:
  void Run();
  void StepAll();

  Foundation& foundation_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

// --- the rules, for the updater and the calls; callers hold the store's mutex ---

// How many instances the new process has in this step of a canary deployment; in no canary step,
// all of them.
int64_t StepInstances(const Deployment& deployment);
void SetStatus(Deployment& deployment, const std::string& status, const std::string& reason);

}  // namespace sluice::box
