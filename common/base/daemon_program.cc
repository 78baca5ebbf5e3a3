#include "common/base/daemon_program.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/process.h"

namespace sluice {
namespace {

constexpr int kExitBadInput = 2;

// Whoever asks for something printed must not take what is lost for an empty answer.
Status FlushOutput() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  const int error = errno;
  std::cout.flush();  // CLI11 prints --help there
  if (flushed && std::cout.good()) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "output-not-written",
                    absl::StrCat("cannot write to standard output", error == 0 ? "" : ": ",
                                 error == 0 ? "" : std::strerror(error),
                                 "; what was asked for is done, and what it printed is lost"));
}

// A file that is not there is one that words or configuration name, and nothing of a foundation's.
int ExitCodeOf(const Status& status) {
  return ErrorName(status) == "no-file" ? kExitBadInput : ExitCode(status);
}

}  // namespace

DaemonProgram::DaemonProgram(Terms terms)
    : terms_(std::move(terms)), app_(std::make_unique<CLI::App>(terms_.purpose, terms_.name)) {
  app_->require_subcommand(1);
  app_->failure_message([name = terms_.name](const CLI::App* /*failed*/, const CLI::Error& error) {
    return absl::StrCat(name, ": ", error.what(), "; see '", name, " help' [bad-arguments]\n");
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
  HoldStandardDescriptors();
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
    if (app_->exit(error) != 0) return kExitBadInput;
    chosen_ = [] { return absl::OkStatus(); };
  }
  Status ended = chosen_();
  ended.Update(FlushOutput());
  if (!ended.ok()) {
    std::fprintf(stderr, "%s: %s\n", terms_.name.c_str(), Describe(ended).c_str());
  }
  return ExitCodeOf(ended);
}

}  // namespace sluice
