// The program `sluice-coordinator`.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "common/base/clock.h"
#include "common/base/daemon_program.h"
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

Status Run(const std::string& config_file, SignalDescriptor& signals) {
  SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  StartLogging("sluice-coordinator", settings.log_level);
  for (const std::string& variable : settings.unknown_variables) {
    Log(LogLevel::kWarning, "variable-unknown", {{"name", variable}});
  }
  const Status ended = RunDaemon(settings, {files, clock, entropy, signals});
  if (!ended.ok()) LogStatus(LogLevel::kError, "coordinator-not-running", ended);
  return ended;
}

Status Keygen(const std::string& key_file) {
  SystemFiles files;
  crypto::SystemEntropy entropy;
  SLUICE_RETURN_IF_ERROR(trust::GenerateCoordinatorKey(files, entropy, key_file).status());
  std::printf("%s\n%s\n", key_file.c_str(), trust::CardPath(key_file).c_str());
  return absl::OkStatus();
}

Status CheckConfig(const std::string& config_file) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  for (const std::string& variable : settings.unknown_variables) {
    std::fprintf(stderr, "warning: %s: no such variable is known here\n", variable.c_str());
  }
  SLUICE_ASSIGN_OR_RETURN(const auto warnings, CheckDaemon(settings, files, clock));
  for (const std::string& warning : warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  std::printf("%s: good\n", config_file.c_str());
  return absl::OkStatus();
}

Status BackUp(const std::string& config_file, const std::string& copy) {
  SystemFiles files;
  SLUICE_ASSIGN_OR_RETURN(const Settings settings,
                          LoadSettings(files, config_file, ReadOverrides()));
  SLUICE_RETURN_IF_ERROR(BackUpLedger(files, settings.LedgerPath(), copy));
  std::printf("%s\n", copy.c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  DaemonProgram program(
      {.name = "sluice-coordinator",
       .purpose = "Plans and records promotions of droplets between Cloud Foundry foundations.",
       .version = SLUICE_VERSION,
       .config_file = "/etc/sluice/coordinator.yaml"});
  program.AddServing(Run);
  std::string key_file;
  program
      .AddCommand("keygen", "Make a key file, and beside it the card for 'sluice trust init'",
                  [&key_file] { return Keygen(key_file); })
      ->add_option("--file", key_file, "Where to write the key")
      ->required();
  program.AddConfiguredCommand("check-config",
                               "Check configuration, trust document and key, and end", CheckConfig);
  std::string copy;
  program
      .AddConfiguredCommand(
          "backup",
          "Copy the ledger as it is at this instant, and verify it; the coordinator may be running",
          [&copy](const std::string& config_file) { return BackUp(config_file, copy); })
      ->add_option("FILE", copy, "Where to write the copy")
      ->required();
  return program.Run(argc, argv);
}

}  // namespace
}  // namespace sluice::coordinator

int main(int argc, char** argv) {
  sluice::KeepMemoryPrivate();
  return sluice::coordinator::Main(argc, argv);
}
