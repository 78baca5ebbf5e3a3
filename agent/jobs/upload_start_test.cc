// Goal: an upload begins as early as it may and no earlier. Method: rates, rests and limits with
// answers worked out by hand.
#include "agent/jobs/upload_start.h"

#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr UploadLimits kLimits = {.time_max = absl::Seconds(900), .idle_max = absl::Seconds(60)};

Arrival Missing(uint64_t mib, std::optional<double> mib_per_second, int uploads_cut = 0) {
  Arrival arrival = {.bytes_missing = mib * kMiB, .bytes_per_second = {}, .uploads_cut = 0};
  if (mib_per_second) arrival.bytes_per_second = *mib_per_second * static_cast<double>(kMiB);
  arrival.uploads_cut = uploads_cut;
  return arrival;
}

TEST(UploadStart, WhatComesWithinHalfOfTheLimitIsUploadedWhileItComes) {
  EXPECT_TRUE(DecideUploadStart(Missing(1000, 10), kLimits).now);  // 100 s
  EXPECT_TRUE(DecideUploadStart(Missing(4499, 10), kLimits).now);  // 449.9 s
}

TEST(UploadStart, WhatNeedsLongerWaitsUntilTheRestNeedsHalfOfTheLimit) {
  const UploadStart exactly = DecideUploadStart(Missing(4500, 10), kLimits);
  EXPECT_FALSE(exactly.now);
  EXPECT_EQ(exactly.wait, absl::ZeroDuration());
  const UploadStart slow = DecideUploadStart(Missing(10000, 10), kLimits);
  EXPECT_FALSE(slow.now);
  EXPECT_EQ(slow.wait, absl::Seconds(1000 - 450));
}

TEST(UploadStart, WhatHasAllArrivedWaitsForNothing) {
  EXPECT_TRUE(DecideUploadStart(Missing(0, std::nullopt), kLimits).now);
  EXPECT_TRUE(DecideUploadStart(Missing(0, 0, 99), kLimits).now);
}

TEST(UploadStart, WithoutAKnownRateOrWithoutBytesNothingBegins) {
  for (const std::optional<double> rate : {std::optional<double>(), std::optional<double>(0)}) {
    const UploadStart start = DecideUploadStart(Missing(1, rate), kLimits);
    EXPECT_FALSE(start.now);
    EXPECT_EQ(start.wait, absl::InfiniteDuration());
  }
}

TEST(UploadStart, EachCutUploadHalvesWhatTheNextIsTrustedWith) {
  EXPECT_TRUE(DecideUploadStart(Missing(2000, 10, 0), kLimits).now);   // 200 s below 450 s
  EXPECT_TRUE(DecideUploadStart(Missing(2000, 10, 1), kLimits).now);   // and below 225 s
  EXPECT_FALSE(DecideUploadStart(Missing(2000, 10, 2), kLimits).now);  // not below 112.5 s
  EXPECT_EQ(DecideUploadStart(Missing(2000, 10, 2), kLimits).wait, absl::Seconds(87.5));
}

TEST(UploadStart, AfterTooManyCutUploadsOnlyTheWholeIsUploaded) {
  const UploadStart start = DecideUploadStart(Missing(1, 1000, kUploadsCutMax), kLimits);
  EXPECT_FALSE(start.now);
  EXPECT_TRUE(DecideUploadStart(Missing(0, 1000, kUploadsCutMax), kLimits).now);
}

TEST(UploadStart, LimitsOfAFoundationCount) {
  const UploadLimits tight = {.time_max = absl::Seconds(20), .idle_max = absl::Seconds(3)};
  EXPECT_TRUE(DecideUploadStart(Missing(99, 10), tight).now);
  EXPECT_FALSE(DecideUploadStart(Missing(101, 10), tight).now);
  EXPECT_EQ(tight.StarvedAfter(), absl::Seconds(1.5));
  EXPECT_EQ(UploadLimits().StarvedAfter(), absl::Seconds(30));
}

}  // namespace
}  // namespace sluice::agent
