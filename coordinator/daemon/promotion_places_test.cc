// Where a promotion's targets are: in the source's foundation, or several in one, the droplet is
// there already or comes once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/daemon/testing/promotion_fixture.h"

namespace sluice::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(PromotionTest, OfTwoTargetsInOneFoundationTheSecondFollowsTheFirstWithoutARoute) {
  OrderRecorded order = TestOrder(3);
  order.terms.targets[2] = {"prod-0", "prod-0:acme/other/checkout"};
  Do(order);
  Source(v1::SOURCE_STATE_ACCEPTED);
  for (uint32_t i = 0; i < 3; ++i) TargetAt(i, v1::TARGET_STATE_ACCEPTED);
  ASSERT_TRUE(NeedsRoutes(promotion_));
  EXPECT_THAT(Try(AllRoutes(3)), HasErrorName("no-such-target"));
  Do(AllRoutes(2));
  EXPECT_FALSE(NeedsRoutes(promotion_));
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_TRANSFER);
  EXPECT_EQ(TargetStep(2), v1::JOB_STEP_ACCEPT);
  EXPECT_EQ(Reason(promotion_), "waiting for the upload at prod-0, prod-1");
  TargetAt(0, v1::TARGET_STATE_UPLOADED);
  ASSERT_EQ(TargetStep(2), v1::JOB_STEP_TRANSFER);
  EXPECT_THAT(WishOf(v1::JOB_ROLE_TARGET, 2)->routes, IsEmpty());
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET, 2)->statement, "{statement}");
  TargetAt(1, v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  TargetAt(2, v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
}

TEST_F(PromotionTest, ATargetInTheSourcesFoundationTransfersWithoutARouteOnceAllHaveAccepted) {
  OrderRecorded order = TestOrder();
  order.terms.targets[0] = {"dev", "dev:acme/other/checkout"};
  Do(order);
  Target(v1::TARGET_STATE_ACCEPTED);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_ACCEPT) << "the statement is missing";
  Source(v1::SOURCE_STATE_ACCEPTED);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  ASSERT_EQ(TargetStep(), v1::JOB_STEP_TRANSFER);
  EXPECT_THAT(WishOf(v1::JOB_ROLE_TARGET)->routes, IsEmpty());
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET)->statement, "{statement}");
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_ACCEPT) << "there is nobody to send to";
  Target(v1::TARGET_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_ACTIVATE);
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
}

TEST_F(PromotionTest, BesideATargetInTheSourcesFoundationOnlyTheOtherIsSentTheDroplet) {
  OrderRecorded order = TestOrder(2);
  order.terms.targets[0] = {"dev", "dev:acme/other/checkout"};
  Do(order);
  Source(v1::SOURCE_STATE_ACCEPTED);
  for (uint32_t i = 0; i < 2; ++i) TargetAt(i, v1::TARGET_STATE_ACCEPTED);
  ASSERT_TRUE(NeedsRoutes(promotion_));
  EXPECT_THAT(Try(AllRoutes(2)), HasErrorName("no-such-target"));
  Do(RoutesChosen{{{.target_index = 1, .endpoint = "tcp://a:7720"}}});
  EXPECT_THAT(WishOf(v1::JOB_ROLE_SOURCE)->seal_offers, ElementsAre("{offer 1}"));
  EXPECT_THAT(WishOf(v1::JOB_ROLE_TARGET, 0)->routes, IsEmpty());
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_TRANSFER);
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_TRANSFER);
}

TEST_F(PromotionTest, WhenTheFirstTargetOfAFoundationHadNothingToDoTheSecondNeedsNoRoute) {
  OrderRecorded order = TestOrder(2);
  order.terms.targets[1] = {"prod-0", "prod-0:acme/other/checkout"};
  Do(order);
  Source(v1::SOURCE_STATE_ACCEPTED);
  TargetAt(0, v1::TARGET_STATE_VERIFIED);  // it runs the droplet
  TargetAt(1, v1::TARGET_STATE_ACCEPTED);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_TRANSFER);
}

}  // namespace
}  // namespace sluice::coordinator
