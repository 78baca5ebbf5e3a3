// The program `sluice-coordinator`.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/process.h"
#include "common/base/signals.h"
#include "common/crypto/system_entropy.h"
#include "common/trust/key_file.h"
#include "coordinator/daemon/daemon.h"
#include "coordinator/daemon/settings.h"
#include "coordinator/daemon/sqlite_ledger.h"

namespace sluice::coordinator {
namespace {

constexpr int kExitBadArguments = 2;

struct Words {
  std::string config_file = "/etc/sluice/coordinator.yaml";
  std::string file;  // of keygen and backup
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
  StartLogging("sluice-coordinator", settings.log_level);
  const Status ended = RunDaemon(settings, {files, clock, entropy, signals});
  if (!ended.ok()) LogStatus(LogLevel::kError, "coordinator-not-running", ended);
  return ended;
}

Status Keygen(const Words& words) {
  SystemFiles files;
  crypto::SystemEntropy entropy;
  SLUICE_RETURN_IF_ERROR(trust::GenerateCoordinatorKey(files, entropy, words.file).status());
  std::printf("%s\n%s\n", words.file.c_str(), trust::CardPath(words.file).c_str());
  return absl::OkStatus();
}

Status CheckConfig(const Words& words) {
  SystemFiles files;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, words.config_file, ReadOverrides()));
  SLUICE_RETURN_IF_ERROR(CheckDaemon(settings, files));
  std::printf("%s: good\n", words.config_file.c_str());
  return absl::OkStatus();
}

Status BackUp(const Words& words) {
  SystemFiles files;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, words.config_file, ReadOverrides()));
  SLUICE_RETURN_IF_ERROR(BackUpLedger(files, settings.LedgerPath(), words.file));
  std::printf("%s\n", words.file.c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Words words;
  CLI::App app("Plans and records promotions of droplets between Cloud Foundry foundations.",
               "sluice-coordinator");
  app.require_subcommand(1);
  const auto with_config = [&words](CLI::App* command) {
    command->add_option("--config", words.config_file, "Configuration file (YAML)")
        ->capture_default_str();
    return command;
  };
  const CLI::App* run = with_config(app.add_subcommand("run", "Serve until SIGTERM"));
  CLI::App* keygen = app.add_subcommand(
      "keygen", "Make a key file, and beside it the card for 'sluice trust init'");
  keygen->add_option("--file", words.file, "Where to write the key")->required();
  const CLI::App* check = with_config(
      app.add_subcommand("check-config", "Check configuration, trust document and key, and end"));
  CLI::App* backup = with_config(app.add_subcommand(
      "backup", "Copy and verify the ledger; the coordinator must not be running"));
  backup->add_option("FILE", words.file, "Where to write the copy")->required();
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
  } else if (*backup) {
    ended = BackUp(words);
  } else if (*version) {
    std::puts("sluice-coordinator " SLUICE_VERSION);
  } else if (*help) {
    std::fputs(help_text.c_str(), stdout);
  }
  if (!ended.ok()) {
    std::fprintf(stderr, "sluice-coordinator: %s\n", Describe(ended).c_str());
  }
  return ExitCode(ended);
}

}  // namespace
}  // namespace sluice::coordinator

int main(int argc, char** argv) {
  sluice::KeepMemoryPrivate();
  return sluice::coordinator::Main(argc, argv);
}
