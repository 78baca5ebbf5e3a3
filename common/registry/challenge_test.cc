#include "common/registry/challenge.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

TEST(ChallengeTest, ReadsQuotedTextsWithCommasAndScopesWithColons) {
  const auto challenges =
      ParseChallenges(R"(BEARER Realm="https://auth.example/token?a=b,c",SERVICE="r.example",)"
                      R"( scope="repository:team/app:pull,push repository:host:5000/x:pull")");
  ASSERT_THAT(challenges, IsOk());
  ASSERT_EQ(challenges->size(), 1u);
  EXPECT_EQ(challenges->front().scheme, "bearer");
  EXPECT_EQ(challenges->front().Parameter("realm"), "https://auth.example/token?a=b,c");
  EXPECT_EQ(challenges->front().Parameter("service"), "r.example");
  EXPECT_EQ(challenges->front().Parameter("scope"),
            "repository:team/app:pull,push repository:host:5000/x:pull");
  EXPECT_EQ(challenges->front().Parameter("error"), "");
}

TEST(ChallengeTest, ReadsSeveralChallengesOfOneField) {
  const auto challenges =
      ParseChallenges(R"(Negotiate, Basic realm="a \"b\"" , Bearer realm = x, service=y,)");
  ASSERT_THAT(challenges, IsOk());
  ASSERT_EQ(challenges->size(), 3u);
  EXPECT_EQ(challenges->at(0).scheme, "negotiate");
  EXPECT_EQ(challenges->at(1).Parameter("realm"), "a \"b\"");
  EXPECT_EQ(challenges->at(2).Parameter("service"), "y");
}

TEST(ChallengeTest, RefusesWhatIsNotOfTheGrammarOrBeyondItsLimits) {
  std::string many_challenges;
  for (size_t i = 0; i <= kChallengesMax; ++i) many_challenges += "Basic, ";
  std::string many_parameters = "Bearer a=b";
  for (size_t i = 0; i < kChallengeParametersMax; ++i) {
    many_parameters += ", p" + std::to_string(i) + "=x";
  }
  const std::vector<std::string> bad = {
      R"(Bearer realm="x)",
      R"(Bearer realm="x\)",
      R"(Bearer realm=)",
      R"(Bearer realm="a" b="c")",
      R"(Bearer a="b", A="c")",
      R"(="x")",
      "Bearer realm=\"a\nb\"",
      many_challenges,
      many_parameters,
      "Bearer(x)",
      std::string(kChallengeBytesMax + 1, 'x'),
  };
  for (const std::string& field : bad) {
    EXPECT_THAT(ParseChallenges(field), HasErrorName("bad-challenge")) << field.substr(0, 80);
  }
}

}  // namespace
}  // namespace sluice::registry
