// Goal: rates that hold, turns that starve nobody, and waits whose end is known. Method: minutes of
// chunks at times that the test sets, as a loop would: from one NextAt() to the next.
#include "common/transfer/rate_limit.h"

#include <map>
#include <vector>

#include "common/base/testing/fake_entropy.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;
constexpr uint64_t kChunk = kMebibyte / 2;

class RateLimitTest : public testing::Test {
 protected:
  // One that takes as much as it may, chunk by chunk, until it has had `wanted`.
  struct Asking {
    uint64_t chunk_bytes = kChunk;
    uint64_t wanted = UINT64_MAX;
    uint64_t had = 0;
    absl::Duration done_at = absl::InfiniteDuration();
  };
  void AskAll(RateLimit& limit, const TransferId& transfer, Asking& asking) const {
    while (asking.had < asking.wanted && limit.Take(transfer, asking.chunk_bytes, now_)) {
      asking.had += asking.chunk_bytes;
      if (asking.had >= asking.wanted) asking.done_at = now_;
    }
  }
  // Until `end`, or until nobody waits.
  void RunUntil(RateLimit& limit, std::map<TransferId, Asking>& all, absl::Duration end) {
    for (auto& [transfer, asking] : all) AskAll(limit, transfer, asking);
    while (const auto next = limit.NextAt()) {
      if (*next >= end) break;
      ASSERT_GT(*next, now_) << "a loop would spin";
      now_ = *next;
      while (const auto transfer = limit.Next(now_)) AskAll(limit, *transfer, all.at(*transfer));
    }
  }

  FakeEntropy entropy_;
  const TransferId first_ = TransferId::Generate(entropy_);
  const TransferId second_ = TransferId::Generate(entropy_);
  const TransferId third_ = TransferId::Generate(entropy_);
  absl::Duration now_ = absl::Hours(1);
};

TEST_F(RateLimitTest, WithoutARateEverythingGoesAtOnceAndNobodyWaits) {
  RateLimit limit(std::nullopt);
  limit.Join(first_, std::nullopt);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limit.Take(first_, kChunk, now_));
  EXPECT_EQ(limit.NextAt(), std::nullopt);
  EXPECT_EQ(limit.Next(now_), std::nullopt);
}

TEST_F(RateLimitTest, RateOfAllTogetherIsKeptWithinFivePercentWhateverItIs) {
  for (const uint64_t rate : {kMebibyte, 10 * kMebibyte, 1000 * kMebibyte}) {
    RateLimit limit(rate);
    std::map<TransferId, Asking> all = {{first_, {}}, {second_, {.chunk_bytes = kChunk / 8}}};
    for (const auto& [transfer, asking] : all) limit.Join(transfer, std::nullopt);
    RunUntil(limit, all, now_ + absl::Seconds(60));
    const auto had = static_cast<double>(all[first_].had + all[second_].had);
    EXPECT_NEAR(had / (60.0 * static_cast<double>(rate)), 1, 0.05) << rate;
  }
}

TEST_F(RateLimitTest, OwnRateOfATransferIsKeptAndTheSmallerOfBothCounts) {
  RateLimit limit(10 * kMebibyte);
  limit.Join(first_, kMebibyte);
  limit.Join(second_, 100 * kMebibyte);
  std::map<TransferId, Asking> all = {{first_, {}}, {second_, {}}};
  RunUntil(limit, all, now_ + absl::Seconds(60));
  EXPECT_NEAR(static_cast<double>(all[first_].had), 60.0 * kMebibyte, 3.0 * kMebibyte);
  // What the one leaves is the other's.
  EXPECT_NEAR(static_cast<double>(all[second_].had), 540.0 * kMebibyte, 27.0 * kMebibyte);
}

TEST_F(RateLimitTest, OwnRateHoldsWhereAllTogetherHaveNone) {
  RateLimit limit(std::nullopt);
  limit.Join(first_, kMebibyte);
  limit.Join(second_, std::nullopt);
  ASSERT_TRUE(limit.Take(first_, kChunk, now_));
  ASSERT_FALSE(limit.Take(first_, kChunk, now_));
  EXPECT_TRUE(limit.Take(second_, kChunk, now_)) << "that one waits is nothing to the other";
  std::map<TransferId, Asking> all = {{first_, {}}};
  RunUntil(limit, all, now_ + absl::Seconds(60));
  EXPECT_NEAR(static_cast<double>(all[first_].had), 60.0 * kMebibyte, 3.0 * kMebibyte);
}

TEST_F(RateLimitTest, WhatWasNotUsedForAnHourMakesABurstOfATenthOfASecondAndAChunkAtMost) {
  RateLimit limit(100 * kMebibyte);
  limit.Join(first_, std::nullopt);
  ASSERT_TRUE(limit.Take(first_, kChunk, now_));
  now_ += absl::Hours(1);
  uint64_t burst = 0;
  while (limit.Take(first_, kChunk, now_)) burst += kChunk;
  EXPECT_GE(burst, 10 * kMebibyte);
  EXPECT_LE(burst, 10 * kMebibyte + kChunk);
}

TEST_F(RateLimitTest, RateBelowAChunkASecondStillMoves) {
  RateLimit limit(kChunk / 4);
  limit.Join(first_, std::nullopt);
  std::map<TransferId, Asking> all = {{first_, {}}};
  RunUntil(limit, all, now_ + absl::Seconds(400));
  EXPECT_NEAR(static_cast<double>(all[first_].had), 100.0 * kChunk, 5.0 * kChunk);
}

TEST_F(RateLimitTest, TransfersShareInBytesHoweverLargeTheirChunksAre) {
  RateLimit limit(10 * kMebibyte);
  std::map<TransferId, Asking> all = {
      {first_, {}}, {second_, {.chunk_bytes = kChunk / 16}}, {third_, {.chunk_bytes = 2 * kChunk}}};
  for (const auto& [transfer, asking] : all) limit.Join(transfer, std::nullopt);
  RunUntil(limit, all, now_ + absl::Seconds(60));
  for (const auto& [transfer, asking] : all) {
    EXPECT_NEAR(static_cast<double>(asking.had), 200.0 * kMebibyte, 4.0 * kMebibyte);
  }
}

TEST_F(RateLimitTest, SmallTransferAmidALargeOneHasItsShareFromItsFirstChunkOn) {
  RateLimit limit(kMebibyte);
  limit.Join(first_, std::nullopt);
  std::map<TransferId, Asking> all = {{first_, {}}};
  RunUntil(limit, all, now_ + absl::Minutes(5));  // much more than the small one has
  limit.Join(second_, std::nullopt);
  all[second_].wanted = 2 * kMebibyte;
  const absl::Duration came = now_;
  RunUntil(limit, all, now_ + absl::Minutes(5));
  // Alone it takes 2 s; beside one other twice that, and a chunk of the other's before its own.
  EXPECT_LE(all[second_].done_at - came, absl::Seconds(4.6));
}

TEST_F(RateLimitTest, WhoRestedHasNoClaimToWhatTheOthersHadMeanwhile) {
  RateLimit limit(kMebibyte);
  limit.Join(first_, std::nullopt);
  limit.Join(second_, std::nullopt);
  std::map<TransferId, Asking> all = {{second_, {}}};
  RunUntil(limit, all, now_ + absl::Minutes(5));
  all[second_].had = 0;
  all[first_] = {};
  RunUntil(limit, all, now_ + absl::Minutes(1));
  EXPECT_NEAR(static_cast<double>(all[first_].had), static_cast<double>(all[second_].had),
              2.0 * kChunk);
}

TEST_F(RateLimitTest, WhoLeavesOrDoesNotAskAgainHoldsUpNobody) {
  RateLimit limit(kMebibyte);
  for (const TransferId& transfer : {first_, second_, third_}) limit.Join(transfer, std::nullopt);
  ASSERT_TRUE(limit.Take(third_, kChunk, now_));
  ASSERT_FALSE(limit.Take(first_, kChunk, now_));
  ASSERT_FALSE(limit.Take(second_, kChunk, now_));
  limit.Leave(first_);
  now_ = *limit.NextAt();
  EXPECT_FALSE(limit.Take(third_, kChunk, now_)) << "the second waits, and has had less";
  EXPECT_EQ(limit.Next(now_), second_);
  EXPECT_EQ(limit.Next(now_), third_) << "the second has lost its line, and does not ask";
  EXPECT_TRUE(limit.Take(third_, kChunk, now_));
  EXPECT_EQ(limit.NextAt(), std::nullopt);
}

TEST_F(RateLimitTest, WhatGoesInAnyCaseIsWaitedForAfterwards) {
  RateLimit limit(kMebibyte);
  limit.Join(first_, std::nullopt);
  limit.Spend(first_, 10 * kMebibyte, now_);
  EXPECT_FALSE(limit.Take(first_, kChunk, now_));
  EXPECT_GE(*limit.NextAt(), now_ + absl::Seconds(9));
}

TEST_F(RateLimitTest, WhatIsGivenBackMayBeTakenAgain) {
  RateLimit limit(kMebibyte);
  limit.Join(first_, kMebibyte);
  ASSERT_TRUE(limit.Take(first_, kChunk, now_));
  ASSERT_FALSE(limit.Take(first_, kChunk, now_));
  limit.GiveBack(first_, kChunk);
  EXPECT_EQ(limit.NextAt(), std::nullopt) << "who gives back is not called at once to ask again";
  EXPECT_TRUE(limit.Take(first_, kChunk, now_));
  EXPECT_FALSE(limit.Take(first_, kChunk, now_));
}

}  // namespace
}  // namespace sluice::transfer
