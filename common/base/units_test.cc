// Amounts have one reading each: what is ambiguous is refused.
#include "common/base/units.h"

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(UnitsTest, SizesAreInPowersOf1024) {
  EXPECT_EQ(*ParseSize("0"), 0u);
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("64K"), 65536u);
  EXPECT_EQ(*ParseSize("10M"), 10485760u);
  EXPECT_EQ(*ParseSize("1T"), uint64_t{1} << 40);
}

TEST(UnitsTest, LargestSizeIsReadAndOneMoreIsRefused) {
  EXPECT_EQ(*ParseSize("18446744073709551615"), UINT64_MAX);
  EXPECT_THAT(ParseSize("18446744073709551616"), HasErrorName("bad-size"));
  EXPECT_EQ(*ParseSize("16777215T"), uint64_t{16777215} << 40);
  EXPECT_THAT(ParseSize("16777216T"), HasErrorName("bad-size"));
}

TEST(UnitsTest, MalformedSizesAreRefused) {
  for (const char* text : {"", "M", "-1", "1.5G", "10m", "10MB", " 1", "1 ", "010", "0x10", "+1"}) {
    EXPECT_THAT(ParseSize(text), HasErrorName("bad-size")) << text;
  }
}

TEST(UnitsTest, DurationsNeedAUnit) {
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  for (const char* text : {"", "30", "-1s", "inf", "soon", "1s ", "1 s"}) {
    EXPECT_THAT(ParseDuration(text), HasErrorName("bad-duration")) << text;
  }
}

TEST(UnitsTest, IntegersArePlainDecimals) {
  EXPECT_EQ(*ParseInteger("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(*ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(*ParseInteger("0"), 0);
  for (const char* text :
       {"", "-", "-0", "007", "1e3", "0x1", "1.0", "9223372036854775808", "+1", " 1"}) {
    EXPECT_THAT(ParseInteger(text), HasErrorName("bad-integer")) << text;
  }
}

}  // namespace
}  // namespace sluice
