// Header fields: names compare without regard to case, numbers are decimal or nothing.
#include "common/http/message.h"

#include "gmock/gmock.h"

namespace sluice::http {
namespace {

using ::testing::ElementsAre;

TEST(HttpHeadersTest, NamesCompareWithoutRegardToCaseAndOrderIsKept) {
  HttpHeaders headers = {{"Content-Type", "text/plain"}};
  headers.Add("X-Warning", "first");
  headers.Add("x-warning", "second");
  EXPECT_EQ(headers.Find("content-type"), "text/plain");
  EXPECT_EQ(headers.Find("X-WARNING"), "first");
  EXPECT_THAT(headers.FindAll("X-Warning"), ElementsAre("first", "second"));
  EXPECT_FALSE(headers.Has("Content"));
  headers.Clear();
  EXPECT_FALSE(headers.Has("Content-Type"));
}

TEST(HttpHeadersTest, NumberIsDecimalDigitsWithinRangeOrNothing) {
  const auto number = [](const char* value) {
    return HttpHeaders({{"Content-Length", value}}).FindNumber("content-length");
  };
  EXPECT_EQ(number("0"), 0u);
  EXPECT_EQ(number("18446744073709551615"), 18446744073709551615u);
  for (const char* value : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x10", "1.0"}) {
    EXPECT_EQ(number(value), std::nullopt) << value;
  }
  EXPECT_EQ(HttpHeaders().FindNumber("Content-Length"), std::nullopt);
}

}  // namespace
}  // namespace sluice::http
