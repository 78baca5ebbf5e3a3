// The program `sluice-agent`.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/doctor.h"
#include "agent/own_foundation.h"
#include "agent/run.h"
#include "agent/settings.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/process.h"
#include "common/base/signals.h"
#include "common/crypto/system_entropy.h"
#include "common/trust/key_file.h"

namespace sluice::agent {
namespace {

constexpr int kExitBadArguments = 2;

struct Words {
  std::string config_file = "/etc/sluice/agent.yaml";
  std::string foundation;           // of keygen
  std::string key_file;             // likewise
  bool grants = false;              // of doctor
  std::vector<std::string> spaces;  // likewise
};

Status Run(const Words& words) {
  // Before any thread is made, so that none of them takes a signal away.
  SLUICE_ASSIGN_OR_RETURN(SignalDescriptor signals,
                          SignalDescriptor::Open({SIGTERM, SIGINT, SIGHUP}));
  SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, words.config_file, ReadOverrides()));
  StartLogging("sluice-agent", settings.log_level);
  const Status ended = RunAgent(settings, {files, clock, entropy, signals});
  if (!ended.ok()) LogStatus(LogLevel::kError, "agent-not-running", ended);
  return ended;
}

Status Keygen(const Words& words) {
  SystemFiles files;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(const FoundationName foundation,
                          trust::ParseFoundationName(words.foundation));
  SLUICE_RETURN_IF_ERROR(
      trust::GenerateAgentKey(files, entropy, words.key_file, foundation).status());
  std::printf("%s\n%s\n", words.key_file.c_str(), trust::CardPath(words.key_file).c_str());
  return absl::OkStatus();
}

// All mistakes of the files at once; then what the foundation says, which needs the files to be
// good.
Status CheckConfig(const Words& words) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, words.config_file, ReadOverrides()));
  SLUICE_RETURN_IF_ERROR(CheckFiles(settings, files));
  OwnFoundation foundation(settings, files, clock);
  const auto findings = FindingsOf(foundation.cloud_controller().Probe({}));
  std::fputs(FormatFindings(findings).c_str(), stdout);
  const Status worst = WorstOf(findings);
  if (worst.ok()) std::printf("OK    %s\n", words.config_file.c_str());
  return worst;
}

StatusOr<std::vector<trust::ListingReference>> SpacesOf(const Words& words,
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

Status Doctor(const Words& words) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, words.config_file, ReadOverrides()));
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
  Words words;
  CLI::App app("Acts in one Cloud Foundry foundation for Sluice: reads, seals, uploads, activates.",
               "sluice-agent");
  app.require_subcommand(1);
  const auto with_config = [&words](CLI::App* command) {
    command->add_option("--config", words.config_file, "Configuration file (YAML)")
        ->capture_default_str();
    return command;
  };
  const CLI::App* run = with_config(app.add_subcommand("run", "Serve until SIGTERM"));
  CLI::App* keygen = app.add_subcommand(
      "keygen", "Make a key file, and beside it the card for 'sluice trust add-foundation'");
  keygen->add_option("--foundation", words.foundation, "Name of the foundation")->required();
  keygen->add_option("--file", words.key_file, "Where to write the key")->required();
  const CLI::App* check = with_config(app.add_subcommand(
      "check-config", "Check configuration, key, trust document, policy and login, and end"));
  CLI::App* doctor = with_config(
      app.add_subcommand("doctor", "Say what works between this agent and its foundation"));
  doctor->add_flag("--grants", words.grants, "Print the commands that grant what is missing");
  doctor->add_option("--space", words.spaces,
                     "ORG/SPACE to be granted (default: those that operators' grants name)");
  const CLI::App* version = app.add_subcommand("version", "Print the version");
  const CLI::App* help = app.add_subcommand("help", "Print this help");
  // Once a command is chosen, help() is that command's.
  const std::string help_text = app.help();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitBadArguments;
  }
  Status ended;
  if (*run) {
    ended = Run(words);
  } else if (*keygen) {
    ended = Keygen(words);
  } else if (*check) {
    ended = CheckConfig(words);
  } else if (*doctor) {
    ended = Doctor(words);
  } else if (*version) {
    std::puts("sluice-agent " SLUICE_VERSION);
  } else if (*help) {
    std::fputs(help_text.c_str(), stdout);
  }
  if (!ended.ok()) std::fprintf(stderr, "sluice-agent: %s\n", Describe(ended).c_str());
  return ExitCode(ended);
}

}  // namespace
}  // namespace sluice::agent

int main(int argc, char** argv) {
  sluice::KeepMemoryPrivate();
  return sluice::agent::Main(argc, argv);
}
