#include "common/base/daemon_program.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/process.h"

namespace sluice {
namespace {

constexpr int kExitBadArguments = 2;

}  // namespace

DaemonProgram::DaemonProgram(Terms terms)
    : terms_(std::move(terms)), app_(std::make_unique<CLI::App>(terms_.purpose, terms_.name)) {
  app_->require_subcommand(1);
  app_->failure_message([name = terms_.name](const CLI::App* /*failed*/, const CLI::Error& error) {
    return absl::StrCat(name, ": ", error.what(), "; see '", name, " help'\n");
  });
}

DaemonProgram::~DaemonProgram() = default;

CLI::App* DaemonProgram::AddCommand(const std::string& name, const std::string& help,
                                    std::function<Status()> act) {
  CLI::App* command = app_->add_subcommand(name, help);
  // Acting waits until everything is parsed: what it throws is no mistake in the words.
  command->callback([this, act = std::move(act)] { chosen_ = act; });
  return command;
}

CLI::App* DaemonProgram::AddConfiguredCommand(const std::string& name, const std::string& help,
                                              std::function<Status(const std::string&)> act) {
  CLI::App* command =
      AddCommand(name, help, [this, act = std::move(act)] { return act(terms_.config_file); });
  command->add_option("--config", terms_.config_file, "Configuration file (YAML)")
      ->capture_default_str();
  return command;
}

void DaemonProgram::AddServing(std::function<Status(const std::string&, SignalDescriptor&)> serve) {
  AddConfiguredCommand("run", "Serve until SIGTERM",
                       [serve = std::move(serve)](const std::string& config_file) -> Status {
                         AllowManyDescriptors();
                         SLUICE_ASSIGN_OR_RETURN(SignalDescriptor signals,
                                                 SignalDescriptor::Open({SIGTERM, SIGINT, SIGHUP}));
                         return serve(config_file, signals);
                       });
}

int DaemonProgram::Run(int argc, const char* const* argv) {
  AddCommand("version", "Print the version", [this] {
    std::printf("%s %s\n", terms_.name.c_str(), terms_.version.c_str());
    return absl::OkStatus();
  });
  std::string help;
  AddCommand("help", "Print this help", [&help] {
    std::fputs(help.c_str(), stdout);
    return absl::OkStatus();
  });
  help = app_->help();  // once a command is chosen, help() is that command's
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? 0 : kExitBadArguments;
  }
  const Status ended = chosen_();
  if (!ended.ok()) {
    std::fprintf(stderr, "%s: %s\n", terms_.name.c_str(), Describe(ended).c_str());
  }
  return ExitCode(ended);
}

}  // namespace sluice
