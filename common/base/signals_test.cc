#include "common/base/signals.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "common/base/testing/status_matchers.h"

namespace sluice {
namespace {

TEST(SignalDescriptorTest, SignalIsTakenOnceAndEndsNothing) {
  StatusOr<SignalDescriptor> signals = SignalDescriptor::Open({SIGHUP, SIGTERM});
  ASSERT_THAT(signals, IsOk());
  EXPECT_EQ(signals->Take(), std::nullopt);
  ASSERT_EQ(raise(SIGHUP), 0);
  ASSERT_EQ(raise(SIGTERM), 0);
  EXPECT_EQ(signals->Take(), SIGHUP);
  EXPECT_EQ(signals->Take(), SIGTERM);
  EXPECT_EQ(signals->Take(), std::nullopt);
}

}  // namespace
}  // namespace sluice
