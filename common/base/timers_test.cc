// Timers fire in time's order, ties in the order they were set, and one turn always ends.
#include "common/base/timers.h"

#include <functional>
#include <vector>

#include "common/base/testing/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TimersTest : public ::testing::Test {
 protected:
  Timers::Id After(int seconds, int mark) {
    return timers_.After(absl::Seconds(seconds), [this, mark] { fired_.push_back(mark); });
  }
  FakeClock clock_;
  Timers timers_{clock_};
  std::vector<int> fired_;
};

TEST_F(TimersTest, EachFiresWhenItIsDueAndOnce) {
  After(10, 1);
  clock_.Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  timers_.RunDue();
  EXPECT_THAT(fired_, IsEmpty());
  clock_.Advance(absl::Nanoseconds(1));
  timers_.RunDue();
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(1));
}

TEST_F(TimersTest, OrderIsThatOfTheTimesAndForEqualTimesThatOfSetting) {
  After(3, 3);
  After(1, 1);
  After(2, 20);
  After(2, 21);
  clock_.Advance(absl::Seconds(5));
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(1, 20, 21, 3));
}

TEST_F(TimersTest, CancelledOneDoesNotFireAndCancellingAgainIsFine) {
  const Timers::Id id = After(1, 1);
  After(1, 2);
  timers_.Cancel(id);
  timers_.Cancel(id);
  clock_.Advance(absl::Seconds(1));
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(2));
}

TEST_F(TimersTest, CallbackMayCancelOneThatIsDueInTheSameTurn) {
  Timers::Id second = 0;
  timers_.After(absl::Seconds(1), [&] { timers_.Cancel(second); });
  second = After(1, 2);
  clock_.Advance(absl::Seconds(1));
  timers_.RunDue();
  EXPECT_THAT(fired_, IsEmpty());
}

TEST_F(TimersTest, TimerThatSetsItselfAgainAtOnceRunsOncePerTurn) {
  std::function<void()> again = [&] {
    fired_.push_back(1);
    timers_.After(absl::ZeroDuration(), again);
  };
  timers_.After(absl::ZeroDuration(), again);
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(1));
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(1, 1));
}

TEST_F(TimersTest, TimerSetInACallbackDoesNotHideThoseThatWereDueBefore) {
  timers_.After(absl::Seconds(1), [&] { After(0, 9); });
  After(2, 2);
  clock_.Advance(absl::Seconds(2));
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(2));
  timers_.RunDue();
  EXPECT_THAT(fired_, ElementsAre(2, 9));
}

TEST_F(TimersTest, UntilNextIsTheWayToTheEarliestAndNeverNegative) {
  EXPECT_EQ(timers_.UntilNext(), std::nullopt);
  After(5, 1);
  const Timers::Id soon = After(2, 2);
  EXPECT_EQ(timers_.UntilNext(), absl::Seconds(2));
  timers_.Cancel(soon);
  EXPECT_EQ(timers_.UntilNext(), absl::Seconds(5));
  clock_.Advance(absl::Seconds(9));
  EXPECT_EQ(timers_.UntilNext(), absl::ZeroDuration());
}

}  // namespace
}  // namespace sluice
