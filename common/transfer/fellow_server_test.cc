#include "common/transfer/fellow_server.h"

#include <vector>

#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FellowServerTest : public testing::Test {
 protected:
  std::vector<uint32_t> Next(size_t fellow) {
    std::vector<uint32_t> indexes;
    for (const FellowServer::Reading& reading : server_.Next()) {
      if (reading.fellow == fellow) indexes.push_back(reading.index);
    }
    return indexes;
  }
  // Until nothing more may go; how many went.
  size_t Send(size_t fellow) {
    size_t sent = 0;
    for (auto next = server_.Next(); !next.empty(); next = server_.Next()) {
      for (const FellowServer::Reading& reading : next) {
        if (server_.OnRead(reading, true, now_) && reading.fellow == fellow) ++sent;
      }
    }
    return sent;
  }
  static std::vector<uint32_t> Range(uint32_t count) {
    std::vector<uint32_t> indexes;
    for (uint32_t i = 0; i < count; ++i) indexes.push_back(i);
    return indexes;
  }

  static constexpr size_t kUnderWayMax = kServedBytesMax / kChunkBytesDefault;
  absl::Duration now_ = absl::Hours(1);
  FellowServer server_{2, kChunkBytesDefault};
};

TEST_F(FellowServerTest, FellowsAreServedInTurnAndFewAreReadAtATime) {
  ASSERT_TRUE(server_.OnAsked(0, {5, 6, 7}));
  ASSERT_TRUE(server_.OnAsked(1, {8, 9}));
  std::vector<uint32_t> read;
  for (const FellowServer::Reading& reading : server_.Next()) read.push_back(reading.index);
  EXPECT_THAT(read, ElementsAre(5, 8, 6, 9));
  EXPECT_THAT(Next(0), IsEmpty()) << "four are being read";
  EXPECT_TRUE(server_.OnRead({0, 5}, true, now_));
  EXPECT_THAT(Next(0), ElementsAre(7));
}

TEST_F(FellowServerTest, WhatTheRateDoesNotAllowIsReadWhenItDoesByWhoseTurnItWas) {
  ASSERT_TRUE(server_.OnAsked(0, {5, 6}));
  ASSERT_TRUE(server_.OnAsked(1, {8}));
  int allowed = 1;
  const FellowServer::MayGo may_go = [&allowed](uint32_t) { return allowed-- > 0; };
  std::vector<uint32_t> read;
  for (int i = 0; i < 3; ++i) {
    allowed = 1;
    const auto next = server_.Next(may_go);
    ASSERT_EQ(next.size(), 1u);
    read.push_back(next[0].index);
  }
  EXPECT_THAT(read, ElementsAre(5, 8, 6));
}

TEST_F(FellowServerTest, WhatFellowsHaveNotStoredIsBoundedForAllTogether) {
  ASSERT_TRUE(server_.OnAsked(0, Range(kCreditChunksMax)));
  EXPECT_EQ(Send(0), kUnderWayMax);
  server_.OnStored(0, 3, now_);
  EXPECT_EQ(Send(0), 1u);
  ASSERT_TRUE(server_.OnAsked(1, {0}));
  EXPECT_EQ(Send(1), 0u) << "there is no room";
  server_.OnStored(0, 4, now_);
  EXPECT_EQ(Send(1), 1u) << "its turn, since the other has more than its half";
}

TEST_F(FellowServerTest, FellowThatHasGoneLeavesItsRoomToOthers) {
  ASSERT_TRUE(server_.OnAsked(0, Range(kCreditChunksMax)));
  const auto reading = server_.Next();
  server_.OnGone(0);
  for (const FellowServer::Reading& late : reading) {
    EXPECT_FALSE(server_.OnRead(late, true, now_)) << "nobody wants it any more";
  }
  ASSERT_TRUE(server_.OnAsked(1, Range(kCreditChunksMax)));
  EXPECT_EQ(Send(1), kUnderWayMax);
}

TEST_F(FellowServerTest, MoreThanTheCreditIsRefused) {
  EXPECT_TRUE(server_.OnAsked(0, Range(kCreditChunksMax)));
  EXPECT_TRUE(server_.OnAsked(0, {0})) << "asked twice is asked once";
  EXPECT_FALSE(server_.OnAsked(0, {kCreditChunksMax}));
}

TEST_F(FellowServerTest, FellowThatStoresNothingOfWhatItWasSentIsKnown) {
  ASSERT_TRUE(server_.OnAsked(0, {1, 2}));
  EXPECT_EQ(server_.Stalled(0, now_), absl::ZeroDuration());
  Send(0);
  now_ += absl::Seconds(9);
  EXPECT_EQ(server_.Stalled(0, now_), absl::Seconds(9));
  server_.OnStored(0, 1, now_);
  EXPECT_EQ(server_.Stalled(0, now_), absl::ZeroDuration());
}

TEST_F(FellowServerTest, ChunkThatCannotBeReadIsDroppedAndTheNextServed) {
  ASSERT_TRUE(server_.OnAsked(0, {1, 2}));
  for (const FellowServer::Reading& reading : server_.Next()) {
    EXPECT_FALSE(server_.OnRead(reading, false, now_));
  }
  ASSERT_TRUE(server_.OnAsked(0, {3}));
  EXPECT_EQ(Send(0), 1u);
}

}  // namespace
}  // namespace sluice::transfer
