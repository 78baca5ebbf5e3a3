#include "common/transfer/chunk_choice.h"

#include <initializer_list>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChunkChoiceTest : public testing::Test {
 protected:
  static ChunkSet SetOf(std::initializer_list<uint32_t> indexes) {
    ChunkSet set(kChunks);
    for (const uint32_t index : indexes) set.Insert(index);
    return set;
  }
  // All receivers reach each other.
  void Connect(ChunkChoice& choice, size_t receivers) const {
    for (size_t one = 0; one < receivers; ++one) {
      std::vector<size_t> fellows;
      for (size_t other = 0; other < receivers; ++other) {
        if (other != one) fellows.push_back(other);
      }
      choice.OnFellows(one, fellows);
    }
  }
  std::vector<uint32_t> Hand(ChunkChoice& choice, size_t receiver, size_t chunks) const {
    std::vector<uint32_t> handed;
    for (size_t i = 0; i < chunks; ++i) {
      const auto index = choice.Hand(receiver);
      if (!index) break;
      handed.push_back(*index);
      choice.OnSent(receiver, *index, now_);
    }
    return handed;
  }
  // Receiver 1 takes a chunk each `time`, so that it is known what is usual.
  void MakeUsual(ChunkChoice& choice, absl::Duration time, int chunks) {
    for (int i = 0; i < chunks; ++i) {
      const auto handed = Hand(choice, 1, 1);
      now_ += time;
      choice.OnStored(1, handed, now_);
      choice.OnTime(now_);
    }
  }

  static constexpr uint32_t kChunks = 64;
  absl::Duration now_ = absl::Hours(1);
};

TEST_F(ChunkChoiceTest, ReceiversWithoutFellowsGetEverything) {
  ChunkChoice choice(kChunks, 2);
  for (const size_t receiver : {0, 1}) {
    EXPECT_EQ(Hand(choice, receiver, kChunks + 1).size(), kChunks) << receiver;
  }
}

TEST_F(ChunkChoiceTest, ReceiversThatReachEachOtherOverOthersGetEachChunkOnce) {
  ChunkChoice choice(kChunks, 4);
  choice.OnFellows(0, {1});
  choice.OnFellows(1, {0, 2});
  choice.OnFellows(2, {1});
  EXPECT_THAT(Hand(choice, 0, 2), ElementsAre(0, 1));
  EXPECT_THAT(Hand(choice, 2, 2), ElementsAre(2, 3));
  EXPECT_THAT(Hand(choice, 1, 1), ElementsAre(4));
  EXPECT_THAT(Hand(choice, 3, 2), ElementsAre(0, 1)) << "has no fellow";
}

TEST_F(ChunkChoiceTest, FellowThatHasSaidNothingYetAgreesAndOneThatHasDeniesIt) {
  ChunkChoice choice(kChunks, 2);
  choice.OnFellows(0, {1});
  EXPECT_THAT(Hand(choice, 0, 1), ElementsAre(0));
  EXPECT_THAT(Hand(choice, 1, 1), ElementsAre(1));
  choice.OnFellows(1, {});
  EXPECT_THAT(Hand(choice, 1, 2), ElementsAre(0, 2)) << "0 does not reach it";
}

TEST_F(ChunkChoiceTest, WhatReceiversHaveAlreadyIsNotHanded) {
  ChunkChoice choice(kChunks, 2);
  Connect(choice, 2);
  choice.OnOpen(0, SetOf({0, 2}));
  choice.OnStored(1, {1}, now_);
  EXPECT_THAT(Hand(choice, 1, 2), ElementsAre(3, 4));
}

TEST_F(ChunkChoiceTest, WhatAReceiverWasHandedAndDoesNotHaveGoesBackWhenItOpensAgain) {
  ChunkChoice choice(kChunks, 2);
  Connect(choice, 2);
  EXPECT_THAT(Hand(choice, 0, 3), ElementsAre(0, 1, 2));
  choice.OnOpen(0, SetOf({1}));
  EXPECT_EQ(choice.under_way(0), 0u);
  EXPECT_THAT(Hand(choice, 1, 3), ElementsAre(0, 2, 3));
}

TEST_F(ChunkChoiceTest, WhatIsNotSentAfterAllGoesBack) {
  ChunkChoice choice(kChunks, 2);
  Connect(choice, 2);
  EXPECT_EQ(choice.Hand(0), 0u);
  choice.TakeBack(0, 0);
  EXPECT_THAT(Hand(choice, 1, 1), ElementsAre(0));
}

TEST_F(ChunkChoiceTest, LineThatIsGoneSetsTheChunksOfTheOtherFree) {
  ChunkChoice choice(kChunks, 2);
  Connect(choice, 2);
  EXPECT_THAT(Hand(choice, 0, 2), ElementsAre(0, 1));
  choice.OnFellows(1, {});
  EXPECT_THAT(Hand(choice, 1, 3), ElementsAre(0, 1, 2));
  choice.OnFellows(1, {0});
  EXPECT_THAT(Hand(choice, 0, 1), ElementsAre(3)) << "and counts again when it is back";
}

TEST_F(ChunkChoiceTest, ChunkThatItsHolderDoesNotAnnounceIsHandedOnceMoreAndNotBefore) {
  ChunkChoice choice(kChunks, 3);
  Connect(choice, 3);
  Hand(choice, 0, 1);
  MakeUsual(choice, absl::Seconds(1), 1);
  EXPECT_THAT(Hand(choice, 2, 1), ElementsAre(2)) << "0 is not late after the usual time";
  MakeUsual(choice, absl::Seconds(1), 1);
  EXPECT_THAT(Hand(choice, 2, 2), ElementsAre(0, 4)) << "after twice that";
  choice.OnStored(0, {0}, now_);
  choice.TakeBack(2, 0);
  EXPECT_THAT(Hand(choice, 2, 1), ElementsAre(0)) << "and never counts again";
}

TEST_F(ChunkChoiceTest, EachChunkOfAQueueHasItsTurn) {
  ChunkChoice choice(kChunks, 3);
  Connect(choice, 3);
  EXPECT_THAT(Hand(choice, 0, 3), ElementsAre(0, 1, 2));
  MakeUsual(choice, absl::Seconds(1), 2);
  EXPECT_THAT(Hand(choice, 2, 2), ElementsAre(0, 5)) << "two seconds each";
  choice.OnStored(2, {0, 5}, now_);
  MakeUsual(choice, absl::Seconds(1), 2);
  EXPECT_THAT(Hand(choice, 2, 2), ElementsAre(1, 8));
}

TEST_F(ChunkChoiceTest, ReceiverThatWasLateHasOneChunkUnderWayUntilItIsInTime) {
  ChunkChoice choice(kChunks, 3);
  Connect(choice, 3);
  Hand(choice, 0, 1);
  MakeUsual(choice, absl::Seconds(1), 3);
  EXPECT_THAT(Hand(choice, 0, 1), IsEmpty()) << "one is still under way";
  choice.OnStored(0, {0}, now_);
  const std::vector<uint32_t> one = Hand(choice, 0, 3);
  EXPECT_EQ(one.size(), 1u);
  now_ += absl::Seconds(1);
  choice.OnStored(0, one, now_);
  EXPECT_EQ(Hand(choice, 0, 5).size(), 2u) << "twice as many for each in time";
}

TEST_F(ChunkChoiceTest, NobodyIsLateWhileAllWaitForTheSource) {
  ChunkChoice choice(kChunks, 3);
  Connect(choice, 3);
  MakeUsual(choice, absl::Seconds(1), 3);
  Hand(choice, 0, 1);
  Hand(choice, 1, 1);
  now_ += absl::Seconds(7);
  choice.OnTime(now_);
  EXPECT_THAT(Hand(choice, 2, 1), ElementsAre(5));
  choice.OnStored(1, {4}, now_);
  choice.OnTime(now_);
  EXPECT_THAT(Hand(choice, 2, 1), ElementsAre(6)) << "its time begins anew";
  now_ += absl::Seconds(30);
  choice.OnTime(now_);
  EXPECT_THAT(Hand(choice, 1, 1), ElementsAre(3)) << "but does not last for ever";
}

TEST_F(ChunkChoiceTest, ReceiverAloneIsNeverLate) {
  ChunkChoice choice(kChunks, 2);
  MakeUsual(choice, absl::Seconds(1), 3);
  EXPECT_THAT(Hand(choice, 0, 2), ElementsAre(0, 1));
  now_ += absl::Hours(1);
  choice.OnTime(now_);
  EXPECT_THAT(Hand(choice, 0, 2), ElementsAre(2, 3));
}

TEST_F(ChunkChoiceTest, ChunkAskedForByNameIsHandedThoughFellowsHaveIt) {
  ChunkChoice choice(kChunks, 2);
  Connect(choice, 2);
  choice.OnOpen(0, SetOf({0}));
  choice.HandNamed(1, 0);
  EXPECT_EQ(choice.under_way(1), 1u);
  EXPECT_THAT(Hand(choice, 1, 1), ElementsAre(1));
}

}  // namespace
}  // namespace sluice::transfer
