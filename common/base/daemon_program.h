// The frame of a daemon's program: its commands, its signals, its exit codes. What the commands do
// is the daemon's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/signals.h"
#include "common/base/status.h"

namespace CLI {
class App;
}  // namespace CLI

namespace sluice {

// For main()'s thread alone. `version` and `help` are commands of every program.
class DaemonProgram {
 public:
  struct Terms {
    std::string name;         // "sluice-agent"
    std::string purpose;      // one sentence, for --help
    std::string version;      // "0.1.0"
    std::string config_file;  // unless --config says another
  };
  explicit DaemonProgram(Terms terms);
  ~DaemonProgram();
  DaemonProgram(const DaemonProgram&) = delete;
  DaemonProgram& operator=(const DaemonProgram&) = delete;

  // A command that `act` does, after its options and arguments were read. The returned App, to
  // which they are added, lives as long as this.
  CLI::App* AddCommand(const std::string& name, const std::string& help,
                       std::function<Status()> act);
  // The same with --config: `act` gets the configuration's file.
  CLI::App* AddConfiguredCommand(const std::string& name, const std::string& help,
                                 std::function<Status(const std::string& config_file)> act);
  // `run`, with --config. Many descriptors are allowed, and SIGTERM, SIGINT and SIGHUP held back
  // before `serve` makes any thread, so that none of them takes a signal away.
  void AddServing(std::function<Status(const std::string& config_file, SignalDescriptor&)> serve);

  // Does the command that the words ask for; a failure is said on standard error. The process's
  // exit code: 2 for words that mean nothing, a file that is not there and output that could not be
  // written, otherwise that of the command's status.
  int Run(int argc, const char* const* argv);

 private:
  Terms terms_;
  std::unique_ptr<CLI::App> app_;
  std::function<Status()> chosen_;
};

}  // namespace sluice
