// Goal: a coordinator that is away for hours does not fill the agent's log.
#include "agent/loss_lines.h"

#include "gtest/gtest.h"

namespace sluice::agent {
namespace {

TEST(LossLinesTest, TheFirstLossIsToldAtOnceAndTheOthersOnceAMinuteWithTheirNumber) {
  LossLines lines;
  EXPECT_EQ(lines.Count(absl::Seconds(100)), 1);
  for (int second = 101; second < 160; ++second) {
    EXPECT_EQ(lines.Count(absl::Seconds(second)), std::nullopt) << second;
  }
  EXPECT_EQ(lines.Count(absl::Seconds(160)), 60);
  EXPECT_EQ(lines.Count(absl::Seconds(161)), std::nullopt);
}

TEST(LossLinesTest, ALossAfterTheCoordinatorWasBackIsToldAtOnce) {
  LossLines lines;
  lines.Count(absl::Seconds(100));
  lines.Count(absl::Seconds(101));
  lines.Forget();
  EXPECT_EQ(lines.Count(absl::Seconds(102)), 1);
}

}  // namespace
}  // namespace sluice::agent
