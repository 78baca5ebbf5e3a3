// An export in the promotion's machine: it has no targets, and its state is the source's.
#include <variant>

#include "coordinator/daemon/messages.h"
#include "coordinator/daemon/testing/paths_fixture.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

class PromotionExportTest : public PathsTest {
 protected:
  PromotionExportTest() { Connect("dev", "tcp://dev:7720"); }
  void UntilSending() {
    Do(TestExport());
    Source(v1::SOURCE_STATE_ACCEPTED);
    Choose(kRelay);
    Source(v1::SOURCE_STATE_SENDING);
  }
};

TEST_F(PromotionExportTest, ItIsDoneWhenTheSourceHasSentAndNeverBefore) {
  Do(TestExport());
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_RECORDED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_ACCEPT);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  Source(v1::SOURCE_STATE_ACCEPTED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  EXPECT_TRUE(NeedsRoutes(promotion_));
  Choose(kRelay);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_TRANSFER);
  Source(v1::SOURCE_STATE_SENDING);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  Source(v1::SOURCE_STATE_SENT);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_FALSE(promotion_.activation_released);
  EXPECT_TRUE(Wishes(promotion_).empty());
}

TEST_F(PromotionExportTest, BothEndsMeetAtTheRelayAloneAlsoWhenTheAgentListens) {
  UntilSending();
  const auto wish = WishOf(v1::JOB_ROLE_SOURCE);
  ASSERT_TRUE(wish);
  const v1::JobCommand command = CommandOf(*wish, promotion_);
  ASSERT_EQ(command.routes_size(), 1);
  EXPECT_EQ(command.routes(0).path(), v1::PATH_KIND_RELAY);
  EXPECT_EQ(command.routes(0).endpoint(), kRelay);
  EXPECT_EQ(command.seal_offers_size(), 0);  // the order has the recipient's key
  const v1::PromotionDetail detail = DetailOf(promotion_);
  EXPECT_EQ(detail.summary().recipient(), "alice");
  ASSERT_EQ(detail.recipient_routes_size(), 1);
  EXPECT_EQ(detail.recipient_routes(0).endpoint(), kRelay);
  EXPECT_EQ(detail.recipient_routes(0).foundation(), "dev");
  EXPECT_EQ(detail.statement(), "{statement}");
}

TEST_F(PromotionExportTest, WithoutARelayItFailsAndSaysWhatToSet) {
  Do(TestExport());
  Source(v1::SOURCE_STATE_ACCEPTED);
  Choose("");
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_THAT(promotion_.own_failure, HasErrorName("no-path"));
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
}

TEST_F(PromotionExportTest, WhatFailsAtTheSourceFailsTheExportAndIsTold) {
  UntilSending();
  Source(v1::SOURCE_STATE_FAILED,
         NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bits"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_EQ(DetailOf(promotion_).source_error().name(), "digest-mismatch");
}

TEST_F(PromotionExportTest, ACancelEndsOneWhoseRecipientHasGone) {
  UntilSending();
  StepOrdered cancel = Ordered(StepAction::kCancel, 0);
  Do(cancel);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_CANCELLED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  Source(v1::SOURCE_STATE_CANCELLED);
  EXPECT_TRUE(Wishes(promotion_).empty());
}

TEST_F(PromotionExportTest, AnOrderHasTargetsOrARecipientAndNeverBothOrNone) {
  OrderRecorded both = TestOrder(1);
  both.terms.recipient = "alice";
  EXPECT_THAT(Try(both), HasErrorName("no-such-target"));
  EXPECT_THAT(Try(TestOrder(0)), HasErrorName("no-such-target"));
  EXPECT_THAT(Try(TestExport()), IsOk());
}

}  // namespace
}  // namespace sluice::coordinator
