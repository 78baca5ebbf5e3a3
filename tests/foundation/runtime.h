// The runtime ("Diego"): keeps the instances running that the store asks for, checks their
// health, starts crashed ones again with growing delays, and stops them gracefully.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/foundation/cell.h"
#include "tests/foundation/foundation.h"

namespace sluice::box {

// Where an instance answers. The router counts its requests here, so that an instance is only
// told to stop when none is in flight. Shared by the instance and the router's requests.
struct Endpoint {
  int port = 0;
  std::string instance_guid;
  std::atomic<int> in_flight{0};
};

struct InstanceReport {
  int64_t index = 0;
  std::string instance_guid;
  std::string state;  // STARTING RUNNING CRASHED STOPPING DOWN
  int port = 0;
  double uptime_seconds = 0;
  std::string details;  // why it crashed last
  pid_t pid = -1;
};

class Runtime {
 public:
  explicit Runtime(Foundation& foundation);
  ~Runtime();  // stops every instance
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Something in the store changed: look at it now. Any thread.
  void Wake();
  // Instances that the process should have, sorted by index. Any thread; the store's mutex may
  // be held.
  std::vector<InstanceReport> Report(const Process& process) const;
  int64_t RunningCount(const Process& process) const;
  // A running instance of one of the processes, in turn; its in_flight is already counted up.
  // Null when none runs.
  std::shared_ptr<Endpoint> Pick(const std::vector<std::string>& process_guids);

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::pair<std::string, int64_t>;  // process guid + version, index

  struct Instance {
    DesiredProcess desired;
    int64_t index = 0;
    std::string guid;
    std::string state = "STARTING";
    pid_t pid = -1;
    Clock::time_point since;       // of the state
    Clock::time_point restart_at;  // when CRASHED
    bool signalled = false;        // when STOPPING
    bool killed = false;
    int crash_count = 0;
    std::string details;
    std::shared_ptr<Endpoint> endpoint;
  };

  void Supervise();
  bool Step(bool stopping);  // true when something is on its way and needs another look soon
  void Reconcile(const std::vector<DesiredProcess>& desired);
  void Advance(Instance& instance);
  void AdvanceStarting(Instance& instance);
  void AdvanceStopping(Instance& instance);
  void Launch(Instance& instance);
  void Crash(Instance& instance, const std::string& why, int exit_status);
  void Become(Instance& instance, const std::string& state);
  void PostCrashes();

  struct CrashNotice {
    std::string app_guid;
    std::string process_guid;
    std::string instance_guid;
    int64_t index;
    int exit_status;
    std::string why;
    int crash_count;
  };

  Foundation& foundation_;
  Cell cell_;  // used by the supervisor only
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool ending_ = false;
  // Changed by the supervisor only, under the mutex; it may read without.
  std::map<Key, Instance> instances_;
  std::vector<Instance> leaving_;
  std::vector<CrashNotice> crashes_;
  size_t turn_ = 0;
  std::thread supervisor_;
};

}  // namespace sluice::box
