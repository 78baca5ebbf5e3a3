// The program `sluice-agent`.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/authority.h"
#include "agent/doctor.h"
#include "agent/own_foundation.h"
#include "agent/run.h"
#include "agent/settings.h"
#include "common/base/clock.h"
#include "common/base/daemon_program.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/process.h"
#include "common/base/signals.h"
#include "common/crypto/system_entropy.h"
#include "common/trust/key_file.h"

namespace sluice::agent {
namespace {

struct DoctorWords {
  bool grants = false;
  std::vector<std::string> spaces;
};

Status Run(const std::string& config_file, SignalDescriptor& signals) {
  SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  StartLogging("sluice-agent", settings.log_level);
  for (const std::string& variable : settings.unknown_variables) {
    Log(LogLevel::kWarning, "variable-unknown", {{"name", variable}});
  }
  const Status ended = RunAgent(settings, {files, clock, entropy, signals});
  if (!ended.ok()) LogStatus(LogLevel::kError, "agent-not-running", ended);
  return ended;
}

Status Keygen(const std::string& foundation_name, const std::string& key_file) {
  SystemFiles files;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(const FoundationName foundation,
                          trust::ParseFoundationName(foundation_name));
  SLUICE_RETURN_IF_ERROR(trust::GenerateAgentKey(files, entropy, key_file, foundation).status());
  std::printf("%s\n%s\n", key_file.c_str(), trust::CardPath(key_file).c_str());
  return absl::OkStatus();
}

// All mistakes of the files at once; then what the foundation says, which needs the files to be
// good.
Status CheckConfig(const std::string& config_file) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  for (const std::string& variable : settings.unknown_variables) {
    std::fprintf(stderr, "warning: %s: no such variable is known here\n", variable.c_str());
  }
  SLUICE_RETURN_IF_ERROR(CheckFiles(settings, files));
  SLUICE_ASSIGN_OR_RETURN(const auto warnings,
                          Authority::CheckTrust(files,
                                                {.trust_document = settings.trust_document,
                                                 .trust_roots = settings.trust_roots,
                                                 .policy_file = settings.policy_file},
                                                settings.JournalPath(), clock));
  for (const std::string& warning : warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  OwnFoundation foundation(settings, files, clock);
  const auto findings = FindingsOf(foundation.cloud_controller().Probe({}));
  std::fputs(FormatFindings(findings).c_str(), stdout);
  const Status worst = WorstOf(findings);
  if (worst.ok()) std::printf("OK    %s\n", config_file.c_str());
  return worst;
}

StatusOr<std::vector<trust::ListingReference>> SpacesOf(const DoctorWords& words,
                                                        const FoundationName& foundation) {
  std::vector<trust::ListingReference> spaces;
  for (const std::string& text : words.spaces) {
    SLUICE_ASSIGN_OR_RETURN(
        trust::ListingReference space,
        trust::ListingReference::Parse(absl::StrCat(foundation.value(), ":", text)));
    if (!space.space) {
      return NamedError(StatusCode::kInvalidArgument, "bad-reference", "--space takes ORG/SPACE");
    }
    spaces.push_back(std::move(space));
  }
  return spaces;
}

Status Doctor(const std::string& config_file, const DoctorWords& words) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  OwnFoundation foundation(settings, files, clock);
  if (!words.grants) {
    const auto findings = FindingsOf(foundation.cloud_controller().Probe({}));
    std::fputs(FormatFindings(findings).c_str(), stdout);
    return WorstOf(findings);
  }
  SLUICE_ASSIGN_OR_RETURN(const auto spaces, SpacesOf(words, settings.foundation));
  SLUICE_ASSIGN_OR_RETURN(
      const std::vector<std::string> commands,
      GrantCommands(settings, files, foundation.cloud_controller(), spaces, {}));
  if (commands.empty()) std::fputs("nothing is missing\n", stderr);
  for (const std::string& command : commands) std::printf("%s\n", command.c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  DaemonProgram program(
      {.name = "sluice-agent",
       .purpose =
           "Acts in one Cloud Foundry foundation for Sluice: reads, seals, uploads, activates.",
       .version = SLUICE_VERSION,
       .config_file = "/etc/sluice/agent.yaml"});
  program.AddServing(Run);
  std::string foundation;
  std::string key_file;
  CLI::App* keygen = program.AddCommand(
      "keygen", "Make a key file, and beside it the card for 'sluice trust add-foundation'",
      [&] { return Keygen(foundation, key_file); });
  keygen->add_option("--foundation", foundation, "Name of the foundation")->required();
  keygen->add_option("--file", key_file, "Where to write the key")->required();
  program.AddConfiguredCommand(
      "check-config", "Check configuration, key, trust document, policy and login, and end",
      CheckConfig);
  DoctorWords words;
  CLI::App* doctor = program.AddConfiguredCommand(
      "doctor", "Say what works between this agent and its foundation",
      [&words](const std::string& config_file) { return Doctor(config_file, words); });
  doctor->add_flag("--grants", words.grants, "Print the commands that grant what is missing");
  doctor->add_option("--space", words.spaces,
                     "ORG/SPACE to be granted (default: those that operators' grants name)");
  return program.Run(argc, argv);
}

}  // namespace
}  // namespace sluice::agent

int main(int argc, char** argv) {
  sluice::KeepMemoryPrivate();
  return sluice::agent::Main(argc, argv);
}
