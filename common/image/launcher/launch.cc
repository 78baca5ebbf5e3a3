#include "common/image/launcher/launch.h"

#include "common/image/launcher/app_environment.h"
#include "common/image/launcher/records.h"

namespace sluice::image::launcher {
namespace {

constexpr std::string_view kWeb = "web";

// What Cloud Foundry's launcher does before the app's command, in the one shell that becomes the
// app: what the scripts export, and where they go, carries over. A script that fails stops nothing.
// $1: the app's folder, $2: the command, $3: what stands in the place of `bash -c`. The two are
// kept aside, for a sourced script may change the positional parameters. Each list of scripts is
// made when its turn comes: one script may write the next.
constexpr std::string_view kStartScript = R"(cd "$1" || exit 4
sluice_command=$2
sluice_prefix=$3
echo 'Invoking pre-start scripts.'
for sluice_script in ../profile.d/*; do
  [ -f "$sluice_script" ] && source "$sluice_script"
done
for sluice_script in .profile.d/*; do
  [ -f "$sluice_script" ] && source "$sluice_script"
done
[ -f .profile ] && source ./.profile
echo 'Invoking start command.'
if [ -n "$sluice_prefix" ]; then
  exec $sluice_prefix "$sluice_command"
fi
exec bash -c "$sluice_command"
)";

struct Choice {
  std::string command;       // empty: there is none
  std::string process_type;  // empty when the command was given by hand
};

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  bool any = false;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += ' ';
    joined += word;
    any = any || !word.empty();
  }
  return any ? joined : "";
}

Choice ChooseCommand(const Surroundings& surroundings, const LaunchRecord& record,
                     const StagingRecord& staging) {
  if (const std::string given = Joined(surroundings.arguments); !given.empty()) return {given, ""};
  const auto named = surroundings.environment.find(kProcessTypeVariable);
  std::string type(kWeb);
  if (!record.default_process_type.empty()) type = record.default_process_type;
  if (named != surroundings.environment.end() && !named->second.empty()) type = named->second;
  const auto found = record.process_types.find(type);
  if (found != record.process_types.end() && !found->second.empty()) return {found->second, type};
  // staging_info.yml knows the web process's command only: nothing else is started by it.
  return {type == kWeb ? staging.start_command : "", type};
}

Refusal NoCommand(const Choice& choice, const LaunchRecord& record) {
  std::string known;
  for (const auto& [type, command] : record.process_types) {
    known += (known.empty() ? "" : ", ") + type;
  }
  return {kExitNoCommand, "no start command for the process type '" + choice.process_type +
                              "': give a command as argument, or set " +
                              std::string(kProcessTypeVariable) +
                              " to one of: " + (known.empty() ? "(this image names none)" : known)};
}

}  // namespace

std::variant<Launch, Refusal> PrepareLaunch(const Surroundings& surroundings) {
  const auto record = ParseLaunchRecord(surroundings.launch_record.value_or(""));
  if (!record) {
    return Refusal{kExitNoCommand, std::string(kLaunchRecord) + " is not a launch record"};
  }
  const auto staging = ParseStagingRecord(surroundings.staging_record.value_or(""));
  if (!staging) {
    return Refusal{kExitNoCommand, std::string(kStagingRecord) + " is not what staging writes"};
  }
  const Choice choice = ChooseCommand(surroundings, *record, *staging);
  if (choice.command.empty()) return NoCommand(choice, *record);
  if (NeedsCredHub(surroundings.environment)) {
    return Refusal{kExitEnvironment,
                   "VCAP_SERVICES refers to CredHub, which this image cannot ask; run it where the "
                   "platform resolves it, or set CREDHUB_SKIP_INTERPOLATION"};
  }
  Launch launch;
  launch.arguments = {"bash",
                      "-c",
                      std::string(kStartScript),
                      "sluice-launcher",
                      std::string(kAppFolder),
                      choice.command,
                      staging->entrypoint_prefix};
  launch.environment = AppEnvironment(surroundings, *record, choice.process_type);
  return launch;
}

}  // namespace sluice::image::launcher
