#include "tests/foundation/runtime.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/foundation/child_process.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/http_client.h"

namespace sluice::box {
namespace {

constexpr std::chrono::milliseconds kBusyInterval{10};
constexpr std::chrono::milliseconds kIdleInterval{50};
constexpr int kImmediateRestarts = 3;  // Diego restarts a crashed instance at once that often
constexpr double kBackoffSecondsMax = 960;
constexpr std::chrono::seconds kDrainTime{10};  // for requests in flight before SIGTERM
constexpr int kProbeMs = 1000;

std::chrono::steady_clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

bool Healthy(const HealthCheck& check, int port) {
  if (check.type == "process") return true;
  if (check.type == "port") return Stream::Connect("127.0.0.1", port, nullptr, kProbeMs) != nullptr;
  ClientRequest probe{.host = "127.0.0.1", .port = port};
  probe.target = check.endpoint.empty() ? "/" : check.endpoint;
  probe.timeout_ms = kProbeMs;
  auto response = Fetch(probe);
  return response && response->status == 200;
}

// Diego's words, as `cf events` shows them.
std::string NeverHealthy(const HealthCheck& check, double seconds, int port) {
  std::string failure = check.type == "http"
                            ? "Failed to make HTTP request to '" + check.endpoint + "' on port "
                            : "Failed to make TCP connection to port ";
  return "Instance never healthy after " + std::to_string(static_cast<int>(seconds)) +
         "s: " + failure + std::to_string(port) + ": connection refused";
}

}  // namespace

Runtime::Runtime(Foundation& foundation)
    : foundation_(foundation), cell_(foundation.options.directory + "/cell") {
  supervisor_ = std::thread([this] { Supervise(); });
}

Runtime::~Runtime() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  supervisor_.join();
}

void Runtime::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Runtime::Supervise() {
  bool busy = false;
  while (true) {
    bool ending = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, busy ? kBusyInterval : kIdleInterval,
                        [this] { return woken_ || ending_; });
      woken_ = false;
      ending = ending_;
    }
    if (!ending) {
      busy = Step(false);
      continue;
    }
    Step(true);
    for (Instance& instance : leaving_) {
      if (instance.pid > 0) cell_.Terminate(instance.pid);
    }
    for (Instance& instance : leaving_) StopChild(instance.pid, 1);
    return;
  }
}

bool Runtime::Step(bool stopping) {
  std::vector<DesiredProcess> desired;
  if (!stopping) desired = DesiredProcesses(foundation_);
  Reconcile(desired);
  if (stopping) return false;
  bool busy = false;
  for (auto& [key, instance] : instances_) {
    Advance(instance);
    busy = busy || instance.state == "STARTING";
  }
  for (Instance& instance : leaving_) AdvanceStopping(instance);
  {
    std::lock_guard lock(mutex_);
    std::erase_if(leaving_, [](const Instance& instance) { return instance.pid <= 0; });
  }
  PostCrashes();
  return busy || !leaving_.empty();
}

void Runtime::Reconcile(const std::vector<DesiredProcess>& desired) {
  std::map<std::string, const DesiredProcess*> by_version;
  for (const DesiredProcess& process : desired) {
    by_version[process.process_guid + "/" + process.version] = &process;
  }
  std::lock_guard lock(mutex_);
  for (auto entry = instances_.begin(); entry != instances_.end();) {
    auto wanted = by_version.find(entry->first.first);
    if (wanted != by_version.end() && entry->first.second < wanted->second->instances) {
      ++entry;
      continue;
    }
    entry->second.state = "STOPPING";
    entry->second.since = Clock::now();
    leaving_.push_back(std::move(entry->second));
    entry = instances_.erase(entry);
    foundation_.store.changes.Note();
  }
  for (const auto& [version, process] : by_version) {
    for (int64_t index = 0; index < process->instances; ++index) {
      auto [entry, added] = instances_.try_emplace(Key{version, index});
      if (!added) continue;
      entry->second.desired = *process;
      entry->second.index = index;
      entry->second.since = Clock::now();
    }
  }
}

void Runtime::Become(Instance& instance, const std::string& state) {
  std::lock_guard lock(mutex_);
  instance.state = state;
  instance.since = Clock::now();
  foundation_.store.changes.Note();
}

void Runtime::Advance(Instance& instance) {
  if (instance.state == "CRASHED") {
    if (Clock::now() < instance.restart_at) return;
    Become(instance, "STARTING");
  }
  if (instance.pid > 0) {
    if (auto status = TryReap(instance.pid)) {
      Crash(instance,
            "APP/PROC/" + std::string(instance.desired.type == "web" ? "WEB" : "WORKER") + ": " +
                DescribeExit(*status),
            WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status));
      return;
    }
  }
  if (instance.state == "STARTING") AdvanceStarting(instance);
}

void Runtime::AdvanceStarting(Instance& instance) {
  if (instance.pid <= 0) {
    switch (cell_.Unpack(instance.desired)) {
      case Cell::Unpacking::kRunning:
        return;
      case Cell::Unpacking::kFailed:
        Crash(instance, "failed to unpack the droplet (not a gzipped tar, or its checksum differs)",
              1);
        return;
      case Cell::Unpacking::kReady:
        Launch(instance);
        return;
    }
  }
  const HealthCheck& check = instance.desired.health_check;
  if (Healthy(check, instance.endpoint->port)) {
    Become(instance, "RUNNING");
    return;
  }
  double limit = check.timeout ? static_cast<double>(*check.timeout)
                               : foundation_.options.health_timeout_seconds;
  if (Clock::now() - instance.since > Seconds(limit)) {
    StopChild(instance.pid, 0);
    Crash(instance, NeverHealthy(check, limit, instance.endpoint->port), 1);
  }
}

void Runtime::Launch(Instance& instance) {
  std::string guid = RandomGuid();
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->port = cell_.FreePort();
  endpoint->instance_guid = guid;
  pid_t pid = cell_.Start(instance.desired, guid, instance.index, endpoint->port);
  std::lock_guard lock(mutex_);
  instance.guid = guid;
  instance.endpoint = endpoint;
  instance.pid = pid;
  instance.since = Clock::now();
}

void Runtime::Crash(Instance& instance, const std::string& why, int exit_status) {
  std::string last_words = instance.guid.empty() ? "" : cell_.LastWords(instance.guid);
  if (!instance.guid.empty()) cell_.Remove(instance.guid);
  std::lock_guard lock(mutex_);
  ++instance.crash_count;
  double delay = 0;
  if (instance.crash_count >= kImmediateRestarts) {
    int doublings = std::min(instance.crash_count - kImmediateRestarts, 10);
    delay = std::min(kBackoffSecondsMax, foundation_.options.crash_backoff_seconds *
                                             static_cast<double>(1 << doublings));
  }
  instance.state = "CRASHED";
  foundation_.store.changes.Note();
  instance.since = Clock::now();
  instance.restart_at = Clock::now() + Seconds(delay);
  instance.pid = -1;
  instance.details = why + (last_words.empty() ? "" : " (" + last_words + ")");
  crashes_.push_back({instance.desired.app_guid, instance.desired.process_guid, instance.guid,
                      instance.index, exit_status, why, instance.crash_count});
}

void Runtime::AdvanceStopping(Instance& instance) {
  if (instance.pid <= 0) return;
  if (TryReap(instance.pid)) {
    cell_.Remove(instance.guid);
    std::lock_guard lock(mutex_);
    instance.pid = -1;
    return;
  }
  auto waited = Clock::now() - instance.since;
  bool idle = instance.endpoint == nullptr || instance.endpoint->in_flight.load() == 0;
  if (!instance.signalled && (idle || waited > kDrainTime)) {
    cell_.Terminate(instance.pid);
    instance.signalled = true;
    instance.since = Clock::now();
  } else if (instance.signalled && !instance.killed &&
             waited > Seconds(foundation_.options.stop_grace_seconds)) {
    kill(instance.pid, SIGKILL);
    instance.killed = true;
  }
}

void Runtime::PostCrashes() {
  std::vector<CrashNotice> crashes;
  {
    std::lock_guard lock(mutex_);
    crashes.swap(crashes_);
  }
  if (crashes.empty()) return;
  std::lock_guard lock(foundation_.store.mutex);
  for (const CrashNotice& crash : crashes) {
    const App* app = Find(foundation_.store.apps, crash.app_guid);
    if (app == nullptr) continue;
    nlohmann::json detail = {
        {"instance", crash.instance_guid},  {"index", crash.index},          {"cell_id", "box"},
        {"exit_status", crash.exit_status}, {"exit_description", crash.why}, {"reason", "CRASHED"}};
    // Two events, as Cloud Controller's: one of the process about its app, and the older one, whose
    // target is the process (app_event_repository.rb, process_event_repository.rb).
    AuditEvent& older =
        foundation_.store.AddEvent("app.crash", crash.process_guid, *app, detail.dump());
    older.actor_type = "app";
    older.target_guid = crash.process_guid;
    detail["crash_count"] = crash.crash_count;
    detail["version"] = crash.process_guid;
    foundation_.store.AddEvent("audit.app.process.crash", crash.process_guid, *app, detail.dump())
        .actor_type = "process";
  }
}

std::vector<InstanceReport> Runtime::Report(const Process& process) const {
  std::lock_guard lock(mutex_);
  std::vector<InstanceReport> reports;
  for (int64_t index = 0; index < process.instances; ++index) {
    InstanceReport report;
    report.index = index;
    report.state = "DOWN";
    auto found = instances_.find(Key{process.guid + "/" + process.version, index});
    if (found != instances_.end()) {
      const Instance& instance = found->second;
      report.instance_guid = instance.guid;
      report.state = instance.state;
      report.port = instance.endpoint == nullptr ? 0 : instance.endpoint->port;
      report.uptime_seconds = std::chrono::duration<double>(Clock::now() - instance.since).count();
      report.details = instance.details;
      report.pid = instance.pid;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

int64_t Runtime::RunningCount(const Process& process) const {
  int64_t running = 0;
  for (const InstanceReport& report : Report(process)) running += report.state == "RUNNING" ? 1 : 0;
  return running;
}

std::shared_ptr<Endpoint> Runtime::Pick(const std::vector<std::string>& process_guids) {
  std::lock_guard lock(mutex_);
  std::vector<const Instance*> running;
  for (const auto& [key, instance] : instances_) {
    if (instance.state == "RUNNING" &&
        std::find(process_guids.begin(), process_guids.end(), instance.desired.process_guid) !=
            process_guids.end()) {
      running.push_back(&instance);
    }
  }
  if (running.empty()) return nullptr;
  auto endpoint = running[turn_++ % running.size()]->endpoint;
  endpoint->in_flight.fetch_add(1);
  return endpoint;
}

}  // namespace sluice::box
