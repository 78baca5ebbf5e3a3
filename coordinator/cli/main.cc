// The program `sluice`: hands the world to Run().

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/process.h"
#include "common/base/signals.h"
#include "common/crypto/system_entropy.h"
#include "coordinator/cli/coordinator_connection.h"
#include "coordinator/cli/droplet_transfer.h"
#include "coordinator/cli/run.h"

namespace {

constexpr int kExitCannotStart = 1;

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
  sluice::KeepMemoryPrivate();
  sluice::HoldStandardDescriptors();
  // Readable in every wait of the program alike.
  const auto signals = sluice::SignalDescriptor::Open({SIGINT, SIGTERM});
  if (!signals.ok()) {
    std::fprintf(stderr, "sluice: %s\n", sluice::Describe(signals.status()).c_str());
    return kExitCannotStart;
  }
  const int interrupt = signals->descriptor();
  // What libraries of ours log is for daemons; here only trouble is worth a line.
  sluice::StartLogging("sluice", sluice::LogLevel::kError);
  const auto terminal = sluice::cli::MakeSystemTerminal(interrupt);
  sluice::SystemFiles files;
  const sluice::SystemClock clock;
  sluice::crypto::SystemEntropy entropy;
  sluice::cli::World world{
      *terminal,
      files,
      clock,
      entropy,
      ReadEnvironment(),
      [&](const sluice::cli::LinkOptions& options) {
        return sluice::cli::ConnectToCoordinator(options, clock, entropy, interrupt);
      },
      [&](sluice::cli::TransferOptions options) {
        return sluice::cli::ReceiveDroplet(std::move(options), clock, entropy, files);
      }};
  return sluice::cli::Run(world, std::vector<std::string>(argv + 1, argv + argc));
}
