#include "common/base/process.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gmock/gmock.h"

namespace sluice {
namespace {

TEST(ProcessTest, OverridesAreTheVariablesWithOurPrefixAndMayHoldEqualsSigns) {
  ASSERT_EQ(setenv("SLUICE_TRUST_DOCUMENT", "a=b", 1), 0);
  ASSERT_EQ(setenv("OTHER_SLUICE_WORD", "x", 1), 0);
  const auto overrides = ReadOverrides();
  EXPECT_THAT(overrides, ::testing::Contains(::testing::Pair("SLUICE_TRUST_DOCUMENT", "a=b")));
  EXPECT_FALSE(overrides.contains("OTHER_SLUICE_WORD"));
}

TEST(ProcessTest, TheFileOfTheCommandLinesConfigurationIsNoKeyOfADaemons) {
  ASSERT_EQ(setenv("SLUICE_CONFIG", "maria.yaml", 1), 0);
  EXPECT_FALSE(ReadOverrides().contains("SLUICE_CONFIG"));
}

TEST(ProcessTest, ClosedStandardDescriptorsAreHeldAndFailAsBefore) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (int number = 0; number <= 2; ++number) close(number);
    HoldStandardDescriptors();
    char byte = 0;
    const bool right = dup(0) > STDERR_FILENO && read(0, &byte, 1) < 0 && write(1, "x", 1) < 0 &&
                       write(2, "x", 1) < 0;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ProcessTest, OpenStandardDescriptorsAreLeftAlone) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    HoldStandardDescriptors();
    _exit(write(STDOUT_FILENO, "x", 1) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(ends[0]);
  close(ends[1]);
}

// In a child, so that this process can still be debugged.
TEST(ProcessTest, PrivateMemoryLeavesNoCoreAndTakesNoDebugger) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    KeepMemoryPrivate();
    rlimit core{};
    getrlimit(RLIMIT_CORE, &core);
    _exit(core.rlim_cur == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ProcessTest, ManyDescriptorsAreAllowedAsFarAsTheHardLimitGoesAndNeverFewerThanBefore) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto raised_to = [](rlim_t soft, rlim_t hard) {
      rlimit limit{soft, hard};
      setrlimit(RLIMIT_NOFILE, &limit);
      AllowManyDescriptors();
      getrlimit(RLIMIT_NOFILE, &limit);
      return limit.rlim_cur;
    };
    // Downwards, as a hard limit cannot be raised again.
    const bool right = raised_to(kDescriptorsMax + 1, kDescriptorsMax + 1) == kDescriptorsMax + 1 &&
                       raised_to(64, kDescriptorsMax + 1) == kDescriptorsMax &&
                       raised_to(64, 512) == 512;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sluice
