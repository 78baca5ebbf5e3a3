// Goal: no trust document that was replaced comes back into force.
#include "common/trust/trust_floor.h"

#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::trust {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TrustFloorTest, OnlyTheSameDocumentOrOneOfAHigherVersionFollows) {
  TestTrust trust;
  const TrustContent first = trust.content();
  const TrustFloor floor = FloorOf(trust.document());
  EXPECT_THAT(CheckFollows(trust.document(), {}, "trust.json"), IsOk());
  EXPECT_THAT(CheckFollows(trust.document(), floor, "trust.json"), IsOk());

  TrustContent other = first;
  other.expires += absl::Hours(1);
  trust.Use(other);
  const Status reused = CheckFollows(trust.document(), floor, "trust.json");
  EXPECT_THAT(reused, HasErrorName("trust-version-reused"));
  EXPECT_THAT(std::string(reused.message()), HasSubstr("trust.json is another document"));
  EXPECT_THAT(CheckFollows(trust.document(), {floor.version, ""}, "trust.json"), IsOk())
      << "what was kept before digests were";

  other.version += 1;
  trust.Use(other);
  EXPECT_THAT(CheckFollows(trust.document(), floor, "trust.json"), IsOk());
  const TrustFloor raised = FloorOf(trust.document());
  trust.Use(first);
  EXPECT_THAT(CheckFollows(trust.document(), raised, "trust.json"),
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("trust-rolled-back")));
}

}  // namespace
}  // namespace sluice::trust
