#include "common/trust/policy.h"

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::trust {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PolicyTest, WhatTheFileDoesNotMentionIsNotNarrowed) {
  const auto policy = Policy::Parse("stacks: [cflinuxfs4]\n", "policy.yaml");
  ASSERT_THAT(policy, IsOk());
  EXPECT_FALSE(policy->operators.has_value());
  EXPECT_FALSE(policy->targets.has_value());
  EXPECT_TRUE(policy->stacks.has_value());
  EXPECT_THAT(Policy::Parse("", "policy.yaml"), IsOk());
}

TEST(PolicyTest, EveryMistakeIsToldWithItsLine) {
  const auto policy = Policy::Parse(
      "operators: [alice]\n"
      "actions: [promote, dance]\n"
      "targets: [\"prod\"]\n"
      "sources: [\"dev:acme/*\"]\n"
      "droplet_bytes_max: much\n"
      "operatrs: [bob]\n",
      "policy.yaml");
  EXPECT_THAT(policy, HasErrorName("bad-configuration"));
  EXPECT_THAT(std::string(policy.status().message()),
              AllOf(HasSubstr("policy.yaml:2: "), HasSubstr("policy.yaml:3: "),
                    HasSubstr("policy.yaml:5: "), HasSubstr("policy.yaml:6: ")));
}

TEST(PolicyTest, AMissingFileIsForTheCallerToJudge) {
  const SystemFiles files;
  EXPECT_THAT(Policy::Load(files, "/nowhere/policy.yaml"), HasErrorName("no-file"));
}

}  // namespace
}  // namespace sluice::trust
