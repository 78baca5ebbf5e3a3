// What the program inside an exported image decides: which command, in which environment. Pure: the
// program reads the world, this judges it, the program starts what comes out.
//
// The contract is that of Cloud Foundry's launcher (cloudfoundry/buildpackapplifecycle, launcher/)
// as an app sees it: messages, order and exit codes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::image::launcher {

inline constexpr std::string_view kAppFolder = "/home/vcap/app";
inline constexpr std::string_view kTemporaryFolder = "/home/vcap/tmp";
inline constexpr std::string_view kOtherTemporaryFolder = "/tmp";
inline constexpr std::string_view kDependenciesFolder = "/home/vcap/deps";
inline constexpr std::string_view kStagingRecord = "/home/vcap/staging_info.yml";
// Written by the exporter into the app's layer, outside of what a droplet can hold.
inline constexpr std::string_view kLaunchRecord = "/sluice/launch.json";
inline constexpr std::string_view kShell = "/bin/bash";

// Names the process type to start when the container is given no command.
inline constexpr std::string_view kProcessTypeVariable = "SLUICE_PROCESS_TYPE";

inline constexpr int kExitNoCommand = 1;    // no start command, or a record that cannot be read
inline constexpr int kExitEnvironment = 3;  // the environment cannot be made
inline constexpr int kExitNoShell = 4;      // the shell cannot be started

using Environment = std::map<std::string, std::string, std::less<>>;

// What the program finds around it. Absent files are nullopt.
struct Surroundings {
  std::vector<std::string> arguments;  // without the program's own name
  Environment environment;
  std::optional<std::string> launch_record;   // kLaunchRecord
  std::optional<std::string> staging_record;  // kStagingRecord
  std::optional<std::string> cgroup2_limit;   // memory.max
  std::optional<std::string> cgroup1_limit;   // memory.limit_in_bytes
  std::optional<std::string> ipv4_address;    // not a loopback one
  bool temporary_folder_is_writable = true;   // kTemporaryFolder
  bool other_temporary_folder_is_writable = true;
  std::string random_guid;
};

struct Launch {
  std::vector<std::string> arguments;  // of kShell, its own name first
  Environment environment;
};

struct Refusal {
  int exit_code = 0;
  std::string message;  // one line
};

std::variant<Launch, Refusal> PrepareLaunch(const Surroundings& surroundings);

}  // namespace sluice::image::launcher
