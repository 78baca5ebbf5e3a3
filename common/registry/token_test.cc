#include "common/registry/token.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

TEST(TokenTest, ReadsEitherNameAndHoldsForAMinuteUnlessToldOtherwise) {
  const auto token = ParseTokenAnswer(R"({"token":"abc","access_token":"def"})");
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(token->value.Reveal(), "abc");
  EXPECT_EQ(token->life, absl::Seconds(60));
  const auto other = ParseTokenAnswer(R"({"token":"","access_token":"def","expires_in":300})");
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->value.Reveal(), "def");
  EXPECT_EQ(other->life, absl::Seconds(300));
  EXPECT_EQ(ParseTokenAnswer(R"({"token":"a","expires_in":0})")->life, kTokenLifeDefault);
  EXPECT_EQ(ParseTokenAnswer(R"({"token":"a","expires_in":9007199254740991})")->life,
            kTokenLifeMax);
}

TEST(TokenTest, RefusesAnswersWithoutATokenThatCanBeSent) {
  const std::vector<std::string> bad = {
      "",
      "[]",
      "{}",
      R"({"token":7})",
      R"({"token":""})",
      R"({"token":"a b"})",
      R"({"token":"a\r\nX-Other: b"})",
      R"({"token":"a","expires_in":"soon"})",
      R"({"token":"a","token":"b"})",
      R"({"token":")" + std::string(kTokenBytesMax + 1, 'x') + R"("})",
  };
  for (const std::string& text : bad) {
    const auto token = ParseTokenAnswer(text);
    EXPECT_THAT(token, HasErrorName("bad-token-answer")) << text.substr(0, 80);
  }
}

}  // namespace
}  // namespace sluice::registry
