#include "tests/lab/delay_queue.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

class DelayQueueTest : public testing::Test {
 protected:
  static absl::Duration At(int64_t milliseconds) { return absl::Milliseconds(milliseconds); }

  // The first bytes of the packets that leave at that time.
  std::vector<int> Leave(int64_t milliseconds) {
    std::vector<int> left;
    while (const Packet* packet = queue_.Due(At(milliseconds))) {
      left.push_back(packet->front());
      queue_.Pop();
    }
    return left;
  }

  DelayQueue queue_;
};

TEST_F(DelayQueueTest, APacketLeavesWhenItsDelayHasPassedAndNotBefore) {
  queue_.SetDelay(At(80));
  queue_.Push({1}, At(1000));
  EXPECT_EQ(queue_.NextDue(), At(1080));
  EXPECT_EQ(Leave(1079), std::vector<int>{});
  EXPECT_EQ(Leave(1080), std::vector<int>{1});
  EXPECT_EQ(queue_.NextDue(), std::nullopt);
}

TEST_F(DelayQueueTest, PacketsLeaveInTheOrderInWhichTheyCame) {
  queue_.SetDelay(At(10));
  queue_.Push({1}, At(0));
  queue_.Push({2}, At(4));
  queue_.Push({3}, At(8));
  EXPECT_EQ(Leave(14), (std::vector<int>{1, 2}));
  EXPECT_EQ(Leave(100), std::vector<int>{3});
}

TEST_F(DelayQueueTest, AShorterDelayLetsNoPacketOvertakeAnother) {
  queue_.SetDelay(At(100));
  queue_.Push({1}, At(0));
  queue_.SetDelay(At(10));
  queue_.Push({2}, At(1));
  EXPECT_EQ(Leave(99), std::vector<int>{});
  EXPECT_EQ(Leave(100), (std::vector<int>{1, 2}));
}

TEST_F(DelayQueueTest, WhatDoesNotFitIsLostAndThereIsRoomAgainOnceAPacketHasLeft) {
  queue_.SetDelay(At(1));
  EXPECT_TRUE(queue_.Push(Packet(DelayQueue::kBytesMax, 1), At(0)));
  EXPECT_FALSE(queue_.Push({2}, At(0)));
  EXPECT_EQ(Leave(1), std::vector<int>{1});
  EXPECT_TRUE(queue_.Push({3}, At(1)));
  EXPECT_EQ(Leave(2), std::vector<int>{3});
}

}  // namespace
}  // namespace sluice::lab
