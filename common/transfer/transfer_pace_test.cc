#include "common/transfer/transfer_pace.h"

#include <vector>

#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kRate = 1000;

class TransferPaceTest : public testing::Test {
 protected:
  void Advance(absl::Duration time) {
    clock_.Advance(time);
    timers_.RunDue();
  }

  FakeClock clock_;
  FakeEntropy entropy_;
  Timers timers_{clock_};
  const TransferId first_ = TransferId::Generate(entropy_);
  const TransferId second_ = TransferId::Generate(entropy_);
  std::vector<TransferId> called_;
  TransferPace pace_{
      timers_, clock_, {.send = kRate, .receive = kRate}, [this](const TransferId& transfer) {
        called_.push_back(transfer);
      }};
};

TEST_F(TransferPaceTest, WhoIsRefusedIsCalledWhenItMayGoOnAndNotBefore) {
  pace_.Join(first_, std::nullopt);
  ASSERT_TRUE(pace_.MaySend(first_, 500));
  ASSERT_FALSE(pace_.MaySend(first_, 500));
  Advance(absl::Milliseconds(399));  // a tenth of a second is saved up at the beginning
  EXPECT_THAT(called_, IsEmpty());
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(called_, ElementsAre(first_));
  EXPECT_TRUE(pace_.MaySend(first_, 500));
  EXPECT_EQ(timers_.UntilNext(), std::nullopt) << "nobody waits";
}

TEST_F(TransferPaceTest, DirectionsDoNotWaitForEachOther) {
  pace_.Join(first_, std::nullopt);
  ASSERT_TRUE(pace_.MaySend(first_, 5000));
  ASSERT_FALSE(pace_.MaySend(first_, 1));
  EXPECT_EQ(pace_.MayReceive(first_, 50, 1), 1u);
}

TEST_F(TransferPaceTest, ReceivesAsManyChunksAsTheRateAllowsAndIsCalledForTheRest) {
  pace_.Join(first_, std::nullopt);
  EXPECT_EQ(pace_.MayReceive(first_, 100, 10), 2u);  // what is saved up, and one in debt
  Advance(absl::Milliseconds(100));
  ASSERT_THAT(called_, ElementsAre(first_));
  EXPECT_EQ(pace_.MayReceive(first_, 100, 8), 1u);
}

TEST_F(TransferPaceTest, WhatWasNotAskedForMayBeReceivedAfterwards) {
  pace_.Join(first_, std::nullopt);
  ASSERT_EQ(pace_.MayReceive(first_, 100, 10), 2u);
  pace_.GiveBackReceiving(first_, 100);
  EXPECT_EQ(timers_.UntilNext(), std::nullopt) << "it has more than it needs";
  EXPECT_EQ(pace_.MayReceive(first_, 100, 10), 1u);
}

TEST_F(TransferPaceTest, OwnRateHoldsInEachDirection) {
  pace_.Join(first_, kRate / 10);
  ASSERT_TRUE(pace_.MaySend(first_, 100));
  EXPECT_FALSE(pace_.MaySend(first_, 100));
  EXPECT_EQ(pace_.MayReceive(first_, 100, 2), 1u);
  Advance(absl::Milliseconds(899));
  EXPECT_THAT(called_, IsEmpty());
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(called_, ElementsAre(first_, first_));
}

TEST_F(TransferPaceTest, WhatGoesInAnyCaseIsWaitedFor) {
  pace_.Join(first_, std::nullopt);
  pace_.SendAnyway(first_, 10'000);
  EXPECT_FALSE(pace_.MaySend(first_, 1));
  Advance(absl::Seconds(9));
  EXPECT_THAT(called_, IsEmpty());
  Advance(absl::Seconds(1));
  EXPECT_THAT(called_, ElementsAre(first_));
}

TEST_F(TransferPaceTest, WhoLeavesIsNotCalledAndNobodyIsWokenForIt) {
  pace_.Join(first_, std::nullopt);
  pace_.Join(second_, std::nullopt);
  ASSERT_TRUE(pace_.MaySend(first_, 500));
  ASSERT_FALSE(pace_.MaySend(first_, 500));
  pace_.Leave(first_);
  EXPECT_EQ(timers_.UntilNext(), std::nullopt);
  Advance(absl::Hours(1));
  EXPECT_THAT(called_, IsEmpty());
  EXPECT_TRUE(pace_.MaySend(second_, 500));
}

}  // namespace
}  // namespace sluice::transfer
