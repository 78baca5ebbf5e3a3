// Time is text in one form, and the fakes that other tests stand on keep their promises.
#include "common/base/clock.h"

#include <string>
#include <type_traits>

#include "common/base/strong.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

static_assert(!std::is_convertible_v<std::string, AppGuid>, "becoming a guid is said");
static_assert(!std::is_constructible_v<AppGuid, DropletGuid>, "guids of two kinds do not mix");

TEST(ClockTest, TimesAreWrittenAsCloudFoundryDoes) {
  EXPECT_EQ(sluice::FormatTime(absl::FromUnixSeconds(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(sluice::FormatTime(absl::FromUnixMillis(1767323045999)), "2026-01-02T03:04:05Z");
}

TEST(ClockTest, MonotonicTimeNeverGoesBack) {
  const SystemClock clock;
  absl::Duration before = clock.Monotonic();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock.Monotonic();
    ASSERT_GE(now, before);
    before = now;
  }
  EXPECT_GT(before, absl::ZeroDuration());
}

TEST(ClockTest, FakeClockMovesOnlyWhenItIsMoved) {
  FakeClock clock;
  EXPECT_EQ(sluice::FormatTime(clock.Now()), "2026-01-01T00:00:00Z");
  EXPECT_EQ(clock.Monotonic(), absl::ZeroDuration());
  clock.Advance(absl::Seconds(90));
  EXPECT_EQ(sluice::FormatTime(clock.Now()), "2026-01-01T00:01:30Z");
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(90));
}

TEST(EntropyTest, FakeEntropyFollowsFromItsSeed) {
  FakeEntropy one(7);
  FakeEntropy two(7);
  FakeEntropy other(8);
  const std::string bytes = one.Bytes(32);
  EXPECT_EQ(bytes.size(), 32u);
  EXPECT_EQ(bytes, two.Bytes(32));
  EXPECT_NE(bytes, other.Bytes(32));
  EXPECT_NE(bytes, one.Bytes(32)) << "never the same bytes twice";
}

}  // namespace
}  // namespace sluice
