// Goal: the rate is that of the last seconds, known soon and never from too little. Method: series
// of samples.
#include "agent/jobs/arrival_rate.h"

#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using ::testing::DoubleNear;
using ::testing::Eq;
using ::testing::Optional;

constexpr uint64_t kMiB = uint64_t{1} << 20;

// `seconds` of steady bytes, four samples a second.
void Flow(ArrivalRate& rate, absl::Duration& now, uint64_t& bytes, int seconds,
          uint64_t bytes_per_second) {
  for (int i = 0; i < 4 * seconds; ++i) {
    now += absl::Milliseconds(250);
    bytes += bytes_per_second / 4;
    rate.Add(now, bytes);
  }
}

TEST(ArrivalRate, IsUnknownUntilAMebibyteHasComeOrASecondHasPassed) {
  ArrivalRate fast;
  EXPECT_EQ(fast.BytesPerSecond(), std::nullopt);
  fast.Add(absl::ZeroDuration(), 0);
  fast.Add(absl::Milliseconds(10), kMiB - 1);
  EXPECT_EQ(fast.BytesPerSecond(), std::nullopt);
  fast.Add(absl::Milliseconds(20), 2 * kMiB);
  EXPECT_THAT(fast.BytesPerSecond(), Optional(DoubleNear(100.0 * kMiB, 1)));
  ArrivalRate slow;
  slow.Add(absl::ZeroDuration(), 0);
  slow.Add(absl::Milliseconds(999), 10);
  EXPECT_EQ(slow.BytesPerSecond(), std::nullopt);
  slow.Add(absl::Seconds(1), 10);
  EXPECT_THAT(slow.BytesPerSecond(), Optional(Eq(10)));
}

TEST(ArrivalRate, WhatWasThereAtTheBeginningHasNotCome) {
  ArrivalRate rate;
  rate.Add(absl::ZeroDuration(), 500 * kMiB);
  rate.Add(absl::Seconds(2), 500 * kMiB);
  EXPECT_THAT(rate.BytesPerSecond(), Optional(Eq(0)));
}

TEST(ArrivalRate, FollowsALinkThatBecomesSlowerOrDies) {
  ArrivalRate rate;
  absl::Duration now;
  uint64_t bytes = 0;
  Flow(rate, now, bytes, 30, 8 * kMiB);
  EXPECT_THAT(rate.BytesPerSecond(), Optional(DoubleNear(8.0 * kMiB, 1000)));
  Flow(rate, now, bytes, 6, kMiB);
  EXPECT_THAT(rate.BytesPerSecond(), Optional(DoubleNear(1.0 * kMiB, 1000)));
  EXPECT_EQ(rate.SilentFor(now), absl::ZeroDuration());
  Flow(rate, now, bytes, 6, 0);
  EXPECT_THAT(rate.BytesPerSecond(), Optional(Eq(0)));
  EXPECT_EQ(rate.SilentFor(now), absl::Seconds(6));
}

TEST(ArrivalRate, IsUnknownAgainWhenNobodyHasLookedForLong) {
  ArrivalRate rate;
  absl::Duration now;
  uint64_t bytes = 0;
  Flow(rate, now, bytes, 2, kMiB);
  now += absl::Seconds(30);
  rate.Add(now, bytes + 1);
  EXPECT_EQ(rate.BytesPerSecond(), std::nullopt);
  rate.Add(now + absl::Seconds(1), bytes + 1);
  EXPECT_THAT(rate.BytesPerSecond(), Optional(Eq(0)));
}

}  // namespace
}  // namespace sluice::agent
