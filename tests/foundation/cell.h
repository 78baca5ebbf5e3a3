// One machine's worth of running droplets: unpacks them, and runs a process of an app in a
// sandbox as uid 2000 with the layout and the launcher contract of a buildpack app.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "tests/foundation/app_ports.h"
#include "tests/foundation/foundation.h"

namespace sluice::box {

// What instances of a process need to run, taken out of the store.
struct DesiredProcess {
  std::string process_guid;
  std::string version;
  std::string app_guid;
  std::string type;
  int64_t instances = 0;
  std::string droplet_guid;
  std::string droplet_file;
  std::string droplet_sha256;
  std::string command;
  TextMap environment;
  std::string vcap_application;  // JSON, without what differs by instance
  int64_t memory_in_mb = 0;
  HealthCheck health_check;
};

// Takes the store's mutex.
std::vector<DesiredProcess> DesiredProcesses(Foundation& foundation);

// What the instance has written so far, given the cell's directory. Any thread.
std::string InstanceLog(const std::string& directory, const std::string& instance_guid);

// Used by one thread, which must live as long as the box: the programs end with it.
class Cell {
 public:
  enum class Unpacking { kRunning, kReady, kFailed };

  explicit Cell(const std::string& directory);

  // Starts unpacking when it has not begun; asks again until it is no longer kRunning.
  Unpacking Unpack(const DesiredProcess& process);
  // The pid of the sandbox, or -1. `port` is what the app finds in PORT.
  pid_t Start(const DesiredProcess& process, const std::string& instance_guid, int64_t index,
              int port);
  // Asks the app itself, inside the sandbox `pid`, to end.
  void Terminate(pid_t pid) const;
  void Remove(const std::string& instance_guid) const;
  std::string LogFile(const std::string& instance_guid) const;
  // The last line the instance wrote, for the reason of a crash.
  std::string LastWords(const std::string& instance_guid) const;

  // For the next app's PORT.
  int FreePort() { return ports_.Next(); }

 private:
  struct Droplet {
    pid_t unpacker = -1;
    Unpacking state = Unpacking::kRunning;
  };
  std::string UnpackedAt(const std::string& droplet_guid) const;
  std::vector<std::string> Sandbox(const DesiredProcess& process, const std::string& instance_guid,
                                   int64_t index, int port) const;
  std::string StartCommand(const DesiredProcess& process, std::string& entrypoint_prefix) const;

  std::string directory_;
  std::map<std::string, Droplet> droplets_;
  AppPorts ports_;
};

}  // namespace sluice::box
