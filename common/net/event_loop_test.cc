#include "common/net/event_loop.h"

#include "common/base/testing/fake_clock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

TEST(EventLoopTest, RunUntilEndsAsSoonAsATimerBroughtAboutWhatItWaitsFor) {
  FakeClock clock;
  EventLoop loop(clock);
  bool done = false;
  loop.timers().After(absl::ZeroDuration(), [&done] { done = true; });
  // This clock stands still: whoever waits for the other timer first waits for an hour.
  loop.timers().After(absl::Hours(1), [] {});
  loop.RunUntil([&done] { return done; });
  EXPECT_TRUE(done);
}

TEST(EventLoopTest, StopByATimerEndsTheLoop) {
  FakeClock clock;
  EventLoop loop(clock);
  loop.timers().After(absl::ZeroDuration(), [&loop] { loop.Stop(); });
  loop.timers().After(absl::Hours(1), [] {});
  loop.Run();
  EXPECT_FALSE(loop.Post([] {}));
}

}  // namespace
}  // namespace sluice::net
