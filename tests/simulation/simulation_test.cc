// Goal: no history of a federation, whatever goes wrong in it, breaks what Sluice promises; and the
// invariants are worth something, since each planted bug is found. Method: seeds.
//
//   simulation_test --seed N [--trace] [--bug NAME]      one history, as it happens
//   simulation_test --seeds COUNT [--first N]            so many
#include <sched.h>
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

constexpr uint64_t kSeeds = SLUICE_HISTORIES;
// A planted bug is looked for in so many.
constexpr uint64_t kSeedsForBug = 2000;

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

std::string HowToReplay(uint64_t seed, const HistoryResult& result) {
  return absl::StrCat("seed ", seed, ": ", result.violation->invariant, ": ",
                      result.violation->what, "\nto see it: build/dev/test/simulation_test --seed ",
                      seed, " --trace\nthe last lines of the trace:\n", result.trace_tail);
}

// In one test, since what is counted is counted over the same seeds.
TEST_F(Histories, NothingThatGoesWrongBreaksAPromiseAndEachFaultOccursInOneOfAHundred) {
  std::array<uint64_t, kFaultCount> seeds_with{};
  std::map<std::string, uint64_t> ends;
  uint64_t events = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const HistoryResult result = Live(seed);
    if (result.violation) ADD_FAILURE() << HowToReplay(seed, result);
    for (size_t i = 0; i < kFaultCount; ++i) seeds_with[i] += result.faults[i] > 0 ? 1 : 0;
    ++ends[result.end];
    events += result.events;
  }
  std::cout << kSeeds << " seeds, " << events << " events; they ended";
  for (const auto& [end, count] : ends) std::cout << " " << end << " " << count;
  std::cout << "\n";
  for (size_t i = 0; i < kFaultCount; ++i) {
    std::cout << "  " << kFaultNames[i] << " in " << seeds_with[i] << "\n";
    EXPECT_GE(seeds_with[i], kSeeds / 100) << kFaultNames[i];
  }
}

TEST_F(Histories, SameSeedTwiceGivesTheSameTrace) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const HistoryResult first = Live(seed);
    EXPECT_EQ(first.trace_digest, Live(seed).trace_digest) << "seed " << seed;
    EXPECT_GT(first.events, 100U);
  }
}

// By which of the invariants each is to be found.
constexpr std::array<std::string_view, kBugCount> kFoundBy = {"",
                                                              kDigestEqualOrNotActivated,
                                                              kDigestEqualOrNotActivated,
                                                              kNothingAcknowledgedIsLost,
                                                              kNothingAcknowledgedIsLost,
                                                              kNothingAcknowledgedIsLost,
                                                              kOneChunkOneContent,
                                                              kActivatedAfterAllUploaded,
                                                              kUndoneIsAsBefore,
                                                              kNoPlaintextOutside,
                                                              kNoPlaintextOutside,
                                                              kNothingAcknowledgedIsLost,
                                                              kEverythingEnds,
                                                              kOneChunkOneContent};

class PlantedBugs : public Histories, public ::testing::WithParamInterface<size_t> {};

TEST_P(PlantedBugs, IsFoundWithinTheSeeds) {
  const auto bug = static_cast<Bug>(GetParam());
  for (uint64_t seed = 1; seed <= kSeedsForBug; ++seed) {
    const HistoryResult result = Live(seed, bug);
    if (!result.violation || result.violation->invariant != kFoundBy[GetParam()]) continue;
    std::cout << kBugNames[GetParam()] << " is found in seed " << seed << " by "
              << result.violation->invariant << ": " << result.violation->what << "\n";
    return;
  }
  ADD_FAILURE() << kBugNames[GetParam()] << " is found in none of " << kSeedsForBug << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedBugs, ::testing::Range<size_t>(1, kBugCount),
                         [](const ::testing::TestParamInfo<size_t>& bug) {
                           std::string name(kBugNames[bug.param]);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace

// One thread runs at a time: handing over to one on another core costs a third more.
void StayOnThisCore() {
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(sched_getcpu(), &core);
  sched_setaffinity(0, sizeof core, &core);
}

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
  sluice::simulation::StayOnThisCore();
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
