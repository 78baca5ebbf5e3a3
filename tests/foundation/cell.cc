#include "tests/foundation/cell.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/foundation/blobstore.h"
#include "tests/foundation/child_process.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// The cell checks the droplet before it unpacks it. Owners become ours: in the sandbox's user
// namespace we are uid 2000.
constexpr char kUnpackScript[] =
    "set -e; if [ -n \"$3\" ]; then echo \"$3  $1\" | sha256sum --check --status || "
    "{ echo 'droplet checksum mismatch' >&2; exit 1; }; fi; "
    "mkdir -p \"$2.part\"; tar --no-same-owner -xzf \"$1\" -C \"$2.part\"; cd \"$2.part\"; "
    "mkdir -p app deps profile.d; [ -e staging_info.yml ] || : > staging_info.yml; "
    "mv \"$2.part\" \"$2\"";

constexpr char kRunScript[] =
    "mkdir -p \"$2/tmp\" \"$2/logs\" && cp -a \"$1/app\" \"$2/app\" && shift 2 && exec \"$@\"";

// The bash part of cloudfoundry/buildpackapplifecycle, launcher. Its messages and their order
// are what people who read logs rely on. $1 entrypoint prefix, $2 start command.
constexpr char kLauncher[] = R"bash(#!/bin/bash
cd /home/vcap/app
echo 'Invoking pre-start scripts.'
if [ -n "$(ls ../profile.d/* 2> /dev/null)" ]; then
  for env_file in ../profile.d/*; do source $env_file; done
fi
if [ -n "$(ls .profile.d/* 2> /dev/null)" ]; then
  for env_file in .profile.d/*; do source $env_file; done
fi
if [ -f .profile ]; then source .profile; fi
echo 'Invoking start command.'
if [ -z "$2" ]; then
  echo 'no start command specified or detected in droplet' >&2
  exit 1
fi
if [ -n "$1" ]; then exec $1 "$2"; fi
exec bash -c "$2"
)bash";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Children of a process, by /proc: the sandbox's init, then the app.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::istringstream pids(
      ReadFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; pids >> child;) children.push_back(child);
  return children;
}

std::string VcapApplication(Foundation& foundation, const App& app, const Process& process) {
  const Store& store = foundation.store;
  const Space* space = Find(store.spaces, app.space_guid);
  const Organization* organization =
      space == nullptr ? nullptr : Find(store.organizations, space->organization_guid);
  Presenter present(foundation);
  Json uris = Json::array();
  for (const auto& [guid, route] : store.routes) {
    for (const Destination& destination : route.destinations) {
      if (destination.app_guid == app.guid) uris.push_back(present.RouteUrl(route));
    }
  }
  return Json{
      {"cf_api", foundation.api_url},
      {"limits", {{"fds", 16384}, {"mem", process.memory_in_mb}, {"disk", process.disk_in_mb}}},
      {"application_name", app.name},
      {"application_uris", uris},
      {"name", app.name},
      {"space_name", space == nullptr ? "" : space->name},
      {"space_id", app.space_guid},
      {"organization_id", organization == nullptr ? "" : organization->guid},
      {"organization_name", organization == nullptr ? "" : organization->name},
      {"uris", uris},
      {"process_id", process.guid},
      {"process_type", process.type},
      {"application_id", app.guid},
      {"version", process.version},
      {"application_version", process.version}}
      .dump();
}

// What the app finds in its environment; what Cloud Foundry sets wins over what was configured.
TextMap Environment(const DesiredProcess& process, const std::string& instance_guid, int64_t index,
                    int port) {
  Json application = Json::parse(process.vcap_application);
  application["host"] = "0.0.0.0";
  application["port"] = port;
  application["instance_id"] = instance_guid;
  application["instance_index"] = index;
  std::string port_text = std::to_string(port);
  std::string index_text = std::to_string(index);
  TextMap fixed = {{"PORT", port_text},
                   {"VCAP_APP_PORT", port_text},
                   {"VCAP_APP_HOST", "0.0.0.0"},
                   {"VCAP_APPLICATION", application.dump()},
                   {"VCAP_SERVICES", "{}"},
                   {"MEMORY_LIMIT", std::to_string(process.memory_in_mb) + "m"},
                   {"LANG", "en_US.UTF-8"},
                   {"USER", "vcap"},
                   {"PATH", "/usr/local/bin:/usr/bin:/bin"},
                   {"HOME", "/home/vcap/app"},
                   {"TMPDIR", "/home/vcap/tmp"},
                   {"DEPS_DIR", "/home/vcap/deps"},
                   {"INSTANCE_GUID", instance_guid},
                   {"INSTANCE_INDEX", index_text},
                   {"CF_INSTANCE_GUID", instance_guid},
                   {"CF_INSTANCE_INDEX", index_text},
                   {"CF_INSTANCE_IP", "127.0.0.1"},
                   {"CF_INSTANCE_INTERNAL_IP", "127.0.0.1"},
                   {"CF_INSTANCE_PORT", port_text},
                   {"CF_INSTANCE_ADDR", "127.0.0.1:" + port_text}};
  TextMap configured = process.environment;
  fixed.merge(configured);
  return fixed;
}

}  // namespace

std::vector<DesiredProcess> DesiredProcesses(Foundation& foundation) {
  std::lock_guard lock(foundation.store.mutex);
  Store& store = foundation.store;
  std::vector<DesiredProcess> desired;
  for (const auto& [guid, process] : store.processes) {
    const App* app = Find(store.apps, process.app_guid);
    if (app == nullptr || app->state != "STARTED" || process.instances == 0) continue;
    const Droplet* droplet = Find(store.droplets, process.run.droplet_guid);
    if (droplet == nullptr || !droplet->sha1) continue;
    DesiredProcess wanted;
    wanted.process_guid = guid;
    wanted.version = process.version;
    wanted.app_guid = app->guid;
    wanted.type = process.type;
    wanted.instances = process.instances;
    wanted.droplet_guid = droplet->guid;
    wanted.droplet_file =
        foundation.blobstore->PathOf(Blobstore::DropletKey(droplet->guid, *droplet->sha1));
    wanted.droplet_sha256 = droplet->sha256.value_or("");
    wanted.command = process.run.command;
    wanted.environment = process.run.environment;
    wanted.memory_in_mb = process.memory_in_mb;
    wanted.health_check = process.health_check;
    wanted.vcap_application = VcapApplication(foundation, *app, process);
    desired.push_back(std::move(wanted));
  }
  return desired;
}

std::string InstanceLog(const std::string& directory, const std::string& instance_guid) {
  return ReadFile(directory + "/logs/" + instance_guid + ".log");
}

Cell::Cell(const std::string& directory) : directory_(directory) {
  for (const char* part : {"/unpacked", "/instances", "/logs", "/lifecycle"}) {
    fs::create_directories(directory_ + part);
  }
  std::ofstream(directory_ + "/lifecycle/launcher") << kLauncher;
  fs::permissions(directory_ + "/lifecycle/launcher", fs::perms(0755));
  std::ofstream(directory_ + "/lifecycle/passwd")
      << "root:x:0:0:root:/root:/bin/bash\nvcap:x:2000:2000:vcap:/home/vcap:/bin/bash\n";
}

std::string Cell::UnpackedAt(const std::string& droplet_guid) const {
  return directory_ + "/unpacked/" + droplet_guid;
}

std::string Cell::LogFile(const std::string& instance_guid) const {
  return directory_ + "/logs/" + instance_guid + ".log";
}

Cell::Unpacking Cell::Unpack(const DesiredProcess& process) {
  auto [entry, added] = droplets_.try_emplace(process.droplet_guid);
  Droplet& droplet = entry->second;
  if (added || droplet.state == Unpacking::kFailed) {
    std::error_code ignored;
    fs::remove_all(UnpackedAt(process.droplet_guid) + ".part", ignored);
    ChildOptions child;
    child.arguments = {"bash",
                       "-c",
                       kUnpackScript,
                       "unpack",
                       process.droplet_file,
                       UnpackedAt(process.droplet_guid),
                       process.droplet_sha256};
    child.output_file = directory_ + "/logs/unpack-" + process.droplet_guid + ".log";
    droplet.unpacker = StartChild(child);
    droplet.state = Unpacking::kRunning;
  }
  if (droplet.state == Unpacking::kRunning) {
    if (auto status = TryReap(droplet.unpacker)) {
      droplet.state = *status == 0 ? Unpacking::kReady : Unpacking::kFailed;
    }
  }
  return droplet.state;
}

std::string Cell::StartCommand(const DesiredProcess& process,
                               std::string& entrypoint_prefix) const {
  std::string text = ReadFile(UnpackedAt(process.droplet_guid) + "/staging_info.yml");
  Json staging = Json::parse(text, nullptr, false);
  if (!staging.is_object()) return process.command;
  Json prefix = staging.value(Json::json_pointer("/config/entrypoint_prefix"), Json(""));
  if (prefix.is_string()) entrypoint_prefix = prefix;
  if (!process.command.empty()) return process.command;
  Json command = staging.value("start_command", Json(""));
  return command.is_string() ? command.get<std::string>() : "";
}

std::vector<std::string> Cell::Sandbox(const DesiredProcess& process,
                                       const std::string& instance_guid, int64_t index,
                                       int port) const {
  std::vector<std::string> words = {"bwrap",         "--ro-bind",
                                    "/usr",          "/usr",
                                    "--ro-bind",     "/etc",
                                    "/etc",          "--proc",
                                    "/proc",         "--dev",
                                    "/dev",          "--tmpfs",
                                    "/tmp",          "--dir",
                                    "/home/vcap",    "--unshare-user",
                                    "--uid",         "2000",
                                    "--gid",         "2000",
                                    "--unshare-pid", "--die-with-parent",
                                    "--clearenv"};
  const std::pair<const char*, const char*> links[] = {{"usr/lib", "/lib"},
                                                       {"usr/lib64", "/lib64"},
                                                       {"usr/bin", "/bin"},
                                                       {"usr/sbin", "/sbin"},
                                                       {"/home/vcap/app", "/app"}};
  for (const auto& [target, link] : links) {
    words.insert(words.end(), {"--symlink", target, link});
  }
  std::string unpacked = UnpackedAt(process.droplet_guid);
  std::string home = directory_ + "/instances/" + instance_guid;
  const std::pair<std::string, const char*> read_only[] = {
      {directory_ + "/lifecycle/passwd", "/etc/passwd"},
      {directory_ + "/lifecycle/launcher", "/tmp/lifecycle/launcher"},
      {unpacked + "/deps", "/home/vcap/deps"},
      {unpacked + "/profile.d", "/home/vcap/profile.d"},
      {unpacked + "/staging_info.yml", "/home/vcap/staging_info.yml"}};
  for (const auto& [source, target] : read_only) {
    words.insert(words.end(), {"--ro-bind", source, target});
  }
  for (const char* writable : {"/app", "/tmp", "/logs"}) {
    words.insert(words.end(), {"--bind", home + writable, std::string("/home/vcap") + writable});
  }
  for (const auto& [name, value] : Environment(process, instance_guid, index, port)) {
    words.insert(words.end(), {"--setenv", name, value});
  }
  std::string prefix;
  std::string command = StartCommand(process, prefix);
  words.insert(words.end(), {"--chdir", "/home/vcap", "/tmp/lifecycle/launcher", prefix, command});
  return words;
}

pid_t Cell::Start(const DesiredProcess& process, const std::string& instance_guid, int64_t index,
                  int port) {
  std::string home = directory_ + "/instances/" + instance_guid;
  ChildOptions child;
  child.arguments = {"bash", "-c", kRunScript, "run", UnpackedAt(process.droplet_guid), home};
  std::vector<std::string> sandbox = Sandbox(process, instance_guid, index, port);
  child.arguments.insert(child.arguments.end(), sandbox.begin(), sandbox.end());
  child.output_file = LogFile(instance_guid);
  return StartChild(child);
}

void Cell::Terminate(pid_t pid) const {
  bool told = false;
  for (pid_t init : ChildrenOf(pid)) {
    for (pid_t app : ChildrenOf(init)) told = kill(app, SIGTERM) == 0 || told;
  }
  if (!told) kill(pid, SIGTERM);  // not running yet, or /proc does not tell
}

void Cell::Remove(const std::string& instance_guid) const {
  std::error_code ignored;
  fs::remove_all(directory_ + "/instances/" + instance_guid, ignored);
}

std::string Cell::LastWords(const std::string& instance_guid) const {
  std::istringstream log(ReadFile(LogFile(instance_guid)));
  std::string last;
  for (std::string line; std::getline(log, line);) {
    if (!line.empty()) last = line;
  }
  constexpr size_t kLineBytesMax = 300;
  return last.substr(0, kLineBytesMax);
}

}  // namespace sluice::box
