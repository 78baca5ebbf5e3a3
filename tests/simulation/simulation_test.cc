// Goal: no history of a federation, whatever goes wrong in it, breaks what Sluice promises; and the
// invariants are worth something, since each planted bug is found. Method: seeds.
//
//   simulation_test --seed N [--trace] [--bug NAME]      one history, as it happens
//   simulation_test --seeds COUNT [--first N]            so many
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "gtest/gtest.h"
#include "tests/simulation/federation.h"

namespace sluice::simulation {
namespace {

// On a disk in memory, if there is one: what is simulated needs no real durability.
std::string JournalFolder() {
  SystemFiles files;
  std::string pattern = files.Facts("/dev/shm/.").ok() ? "/dev/shm/sluice-simulation-XXXXXX"
                                                       : ::testing::TempDir() + "simulationXXXXXX";
  SLUICE_CHECK(mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

class Histories : public ::testing::Test {
 protected:
  ~Histories() override { rmdir(folder_.c_str()); }

  HistoryResult Live(uint64_t seed, Bug bug = Bug::kNone) {
    return Federation({.seed = seed, .bug = bug, .print = false, .journal_folder = folder_}).Run();
  }

  const std::string folder_ = JournalFolder();
};

TEST_F(Histories, SameSeedTwiceGivesTheSameTrace) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const HistoryResult first = Live(seed);
    EXPECT_EQ(first.trace_digest, Live(seed).trace_digest) << "seed " << seed;
    EXPECT_GT(first.events, 100U);
  }
}

}  // namespace

int LiveOne(uint64_t seed, Bug bug, bool trace) {
  const std::string folder = JournalFolder();
  const HistoryResult result =
      Federation({.seed = seed, .bug = bug, .print = trace, .journal_folder = folder}).Run();
  rmdir(folder.c_str());
  std::cout << "seed " << seed << ": " << result.end << " after "
            << absl::FormatDuration(result.took) << ", " << result.events << " events, trace "
            << result.trace_digest << "\n";
  for (size_t i = 0; i < kFaultCount; ++i) {
    if (result.faults[i] > 0)
      std::cout << "  " << kFaultNames[i] << " " << result.faults[i] << "\n";
  }
  if (!result.violation) return 0;
  std::cout << "VIOLATION " << result.violation->invariant << ": " << result.violation->what
            << "\n";
  return 1;
}

}  // namespace sluice::simulation

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  CLI::App app("Whole histories of a federation from a seed");
  std::optional<uint64_t> seed;
  uint64_t seeds = 0;
  uint64_t first = 1;
  bool trace = false;
  std::string bug_name = "none";
  app.add_option("--seed", seed, "live this one history");
  app.add_option("--seeds", seeds, "live so many");
  app.add_option("--first", first, "from this seed on");
  app.add_flag("--trace", trace, "tell what happens");
  app.add_option("--bug", bug_name, "with this planted bug");
  CLI11_PARSE(app, argc, argv);
  sluice::StartLogging("simulation", sluice::LogLevel::kError);
  using sluice::simulation::kBugNames;
  const auto found = std::find(kBugNames.begin(), kBugNames.end(), bug_name);
  if (found == kBugNames.end()) return 2;
  const auto bug = static_cast<sluice::simulation::Bug>(found - kBugNames.begin());
  if (seed) return sluice::simulation::LiveOne(*seed, bug, trace);
  int failed = 0;
  for (uint64_t i = 0; i < seeds; ++i) failed += sluice::simulation::LiveOne(first + i, bug, trace);
  if (seeds > 0) return failed > 0 ? 1 : 0;
  return RUN_ALL_TESTS();
}
