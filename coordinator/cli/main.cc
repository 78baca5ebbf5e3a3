// The program `sluice`: hands the world to Run().

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/crypto/system_entropy.h"
#include "coordinator/cli/coordinator_connection.h"
#include "coordinator/cli/run.h"

namespace {

constexpr int kExitCannotStart = 1;

// SIGINT and SIGTERM become readable on a descriptor, in every wait of the program alike.
int InterruptDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// The operator's key is in this process's memory: no core file, no debugger of the same user.
void Harden() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

sluice::cli::Environment ReadEnvironment() {
  sluice::cli::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

}  // namespace

int main(int argc, char** argv) {
  Harden();
  const int interrupt = InterruptDescriptor();
  if (interrupt < 0) {
    std::fputs("sluice: cannot wait for signals\n", stderr);
    return kExitCannotStart;
  }
  // What libraries of ours log is for daemons; here only trouble is worth a line.
  sluice::StartLogging("sluice", sluice::LogLevel::kError);
  const auto terminal = sluice::cli::MakeSystemTerminal(interrupt);
  sluice::SystemFiles files;
  const sluice::SystemClock clock;
  sluice::crypto::SystemEntropy entropy;
  sluice::cli::World world{
      *terminal, files, clock, entropy, ReadEnvironment(),
      [&](const sluice::cli::LinkOptions& options) {
        return sluice::cli::ConnectToCoordinator(options, clock, entropy, interrupt);
      }};
  return sluice::cli::Run(world, std::vector<std::string>(argv + 1, argv + argc));
}
