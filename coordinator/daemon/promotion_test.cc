// A promotion must reach activation only with the order's bits everywhere, end whatever its agents
// report, and refuse by name what does not fit. The machine is driven event by event.
#include "coordinator/daemon/promotion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/testing/promotion_fixture.h"

namespace sluice::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Status Unavailable() { return NamedError(StatusCode::kUnavailable, "link-cut", "the link is cut"); }

TEST_F(PromotionTest, GoesFromRecordedToDoneStepByStepWithOneWishPerJobAtEachState) {
  Do(TestOrder());
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_RECORDED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_ACCEPT);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_ACCEPT);
  EXPECT_THAT(Reason(promotion_), HasSubstr("dev, prod-0"));

  Source(v1::SOURCE_STATE_ACCEPTED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_RECORDED);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  Target(v1::TARGET_STATE_ACCEPTED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  ASSERT_TRUE(NeedsRoutes(promotion_));
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_ACCEPT) << "no transfer before its route is recorded";

  Do(AllRoutes());
  EXPECT_FALSE(NeedsRoutes(promotion_));
  ASSERT_EQ(SourceStep(), v1::JOB_STEP_TRANSFER);
  EXPECT_THAT(WishOf(v1::JOB_ROLE_SOURCE)->seal_offers, ElementsAre("{offer 0}"));
  EXPECT_EQ(WishOf(v1::JOB_ROLE_SOURCE)->routes, AllRoutes().routes);
  ASSERT_EQ(TargetStep(), v1::JOB_STEP_TRANSFER);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET)->statement, "{statement}");

  Source(v1::SOURCE_STATE_SENDING);
  Target(v1::TARGET_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_ACTIVATE);
  Source(v1::SOURCE_STATE_SENT);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_UNSPECIFIED);
  Target(v1::TARGET_STATE_ACTIVATING);
  Target(v1::TARGET_STATE_ACTIVE);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_ACTIVATE) << "until it is verified";
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
  EXPECT_EQ(Reason(promotion_), "");
}

// Its agent was away while a target that had the droplet went on without a byte.
TEST_F(PromotionTest, SourceThatHasOnlyAcceptedWhenAllIsDoneIsToldToStop) {
  UntilTransfer(1);
  Target(v1::TARGET_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_TRANSFER);
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  Source(v1::SOURCE_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
}

TEST_F(PromotionTest, SourceThatStillSendsWhenAllIsUploadedIsToldToStopAndNothingElseChanges) {
  UntilTransfer(2);
  Source(v1::SOURCE_STATE_SENDING);
  TargetAt(0, v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_TRANSFER);
  TargetAt(1, v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  Source(v1::SOURCE_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_UNSPECIFIED);
}

TEST_F(PromotionTest, WithSeveralTargetsNobodyActivatesUntilAllAreUploaded) {
  UntilTransfer(3);
  TargetAt(0, v1::TARGET_STATE_UPLOADED);
  TargetAt(2, v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_UNSPECIFIED);
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_TRANSFER);
  EXPECT_THAT(Try(TargetSays(0, ++revision_, v1::TARGET_STATE_ACTIVATING)),
              HasErrorName("report-out-of-order"));
  TargetAt(1, v1::TARGET_STATE_UPLOADED);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(TargetStep(i), v1::JOB_STEP_ACTIVATE);
}

TEST_F(PromotionTest, WithoutActivationWaitsUntilAnActivateOrderComes) {
  UntilUploaded(1, false);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_WAITING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNSPECIFIED);
  EXPECT_THAT(Reason(promotion_), HasSubstr("sluice activate p-1"));
  Do(Ordered(StepAction::kActivate));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
  ASSERT_EQ(TargetStep(), v1::JOB_STEP_ACTIVATE);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET)->step_order, "{activate}");
}

TEST_F(PromotionTest, AnEarlyActivateOrderOpensTheBarrierAsSoonAsAllAreUploaded) {
  UntilTransfer(1, false);
  Do(Ordered(StepAction::kActivate));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
}

TEST_F(PromotionTest, AnActivateOrderThatTheTargetRefusesLeavesItWaiting) {
  UntilUploaded(1, false);
  Do(Ordered(StepAction::kActivate));
  Target(v1::TARGET_STATE_UPLOADED,
         NamedError(StatusCode::kPermissionDenied, "policy-operator", "not here"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_WAITING);
  EXPECT_THAT(Reason(promotion_), HasSubstr("policy-operator"));
  Do(Ordered(StepAction::kActivate));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
}

TEST_F(PromotionTest, ATargetThatHasTheDropletAlreadyNeedsNoRouteAndTheSourceSendsNothing) {
  Do(TestOrder());
  Target(v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_RECORDED) << "the statement is missing";
  Source(v1::SOURCE_STATE_ACCEPTED);
  EXPECT_FALSE(NeedsRoutes(promotion_));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ACTIVATING);
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL) << "its agent keeps the job until it is over";
  Source(v1::SOURCE_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
}

TEST_F(PromotionTest, ATargetThatRunsTheDropletAlreadyIsDoneWithoutActivation) {
  Do(TestOrder(1, false));
  Source(v1::SOURCE_STATE_ACCEPTED);
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_FALSE(promotion_.activation_released);
}

TEST_F(PromotionTest, OnlyTargetsThatNeedTheBytesGetARoute) {
  Do(TestOrder(2));
  Source(v1::SOURCE_STATE_ACCEPTED);
  TargetAt(0, v1::TARGET_STATE_UPLOADED);
  TargetAt(1, v1::TARGET_STATE_ACCEPTED);
  EXPECT_THAT(Try(AllRoutes(2)), HasErrorName("no-such-target"));
  EXPECT_THAT(Try(RoutesChosen{}), HasErrorName("no-such-target"));
  Do(RoutesChosen{{{.target_index = 1, .source_dials = true, .endpoint = "tcp://b:7720"}}});
  EXPECT_THAT(WishOf(v1::JOB_ROLE_SOURCE)->seal_offers, ElementsAre("{offer 1}"));
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_UNSPECIFIED);
}

TEST_F(PromotionTest, ADigestThatDiffersFromTheOrdersIsUndoneAndNeverActivated) {
  UntilTransfer();
  TargetReported report = TargetSays(0, ++revision_, v1::TARGET_STATE_UPLOADED);
  report.reported_sha256 = std::string(64, 'b');
  Do(report);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  Target(v1::TARGET_STATE_FAILED, NamedError(StatusCode::kCancelled, "undone", "undone"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_THAT(Cause(promotion_), HasErrorName("digest-mismatch"));
  EXPECT_THAT(Cause(promotion_), StatusIs(StatusCode::kDataLoss));
}

TEST_F(PromotionTest, AnUploadWithoutADigestIsNotBelieved) {
  UntilTransfer();
  TargetReported report = TargetSays(0, ++revision_, v1::TARGET_STATE_UPLOADED);
  report.reported_sha256.clear();
  Do(report);
  EXPECT_THAT(Cause(promotion_), HasErrorName("digest-mismatch"));
}

TEST_F(PromotionTest, AfterTheEndAnotherDigestIsRefusedAndChangesNothing) {
  UntilDone();
  TargetReported report = TargetSays(0, ++revision_, v1::TARGET_STATE_VERIFIED);
  report.reported_sha256 = std::string(64, 'b');
  EXPECT_THAT(Try(report), HasErrorName("digest-mismatch"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
}

TEST_F(PromotionTest, ARefusalByTheSourceUndoesTheTargetAndNamesTheCauseNotTheEcho) {
  Do(TestOrder());
  Target(v1::TARGET_STATE_ACCEPTED);
  Source(v1::SOURCE_STATE_REFUSED, NamedError(StatusCode::kPermissionDenied, "not-granted", "no"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_UNSPECIFIED);
  Target(v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_THAT(Cause(promotion_), HasErrorName("not-granted"));
}

TEST_F(PromotionTest, AFailureThatBothEndsOfATransferReportIsThatOfTheEndWhereItArose) {
  UntilTransfer();
  Source(v1::SOURCE_STATE_SENDING);
  Source(v1::SOURCE_STATE_FAILED,
         NamedError(StatusCode::kUnknown, "foundation-unavailable", "prod: 502"));
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  Target(v1::TARGET_STATE_FAILED,
         NamedError(StatusCode::kUnavailable, "foundation-unavailable", "prod: 502"));
  EXPECT_THAT(Cause(promotion_), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(Reason(promotion_), Not(HasSubstr("dev")));
}

TEST_F(PromotionTest, OneFailedTargetUndoesAllOthersAndCancelsTheSource) {
  UntilTransfer(2);
  Source(v1::SOURCE_STATE_SENDING);
  TargetAt(0, v1::TARGET_STATE_UPLOADED);
  TargetAt(1, v1::TARGET_STATE_FAILED, Unavailable());
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_UNDO);
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_UNSPECIFIED);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  TargetAt(0, v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED) << "the source holds up nothing";
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL) << "but its job is still to be closed";
  Source(v1::SOURCE_STATE_CANCELLED);
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
  EXPECT_THAT(Reason(promotion_), HasSubstr("link-cut"));
}

TEST_F(PromotionTest, AFailedActivationUndoesTheTargetsThatWereActiveAlready) {
  UntilUploaded(2);
  TargetAt(0, v1::TARGET_STATE_VERIFIED);
  TargetAt(1, v1::TARGET_STATE_FAILED,
           NamedError(StatusCode::kFailedPrecondition, "crashed", "it crashed"));
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_UNDO);
  TargetAt(0, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_THAT(Cause(promotion_), HasErrorName("crashed"));
}

TEST_F(PromotionTest, ATargetThatCannotBeUndoneMakesThePromotionStuckAndSaysWhich) {
  UntilUploaded(2);
  TargetAt(1, v1::TARGET_STATE_STUCK, NamedError(StatusCode::kInternal, "undo-failed", "hands"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  TargetAt(0, v1::TARGET_STATE_FAILED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_STUCK);
  EXPECT_THAT(Reason(promotion_), HasSubstr("prod-1:acme/payments/checkout"));
  EXPECT_THAT(Reason(promotion_), HasSubstr("undo-failed"));
}

TEST_F(PromotionTest, AStuckPromotionMayBeRolledBackAfterHandsWereThere) {
  UntilUploaded(1);
  Target(v1::TARGET_STATE_STUCK, Unavailable());
  ASSERT_EQ(promotion_.state, v1::PROMOTION_STATE_STUCK);
  Do(Ordered(StepAction::kRollback));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  Target(v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ROLLED_BACK);
}

TEST_F(PromotionTest, SourceFailureAfterAllUploadsDoesNotMatterBecauseTheBitsAreProven) {
  UntilUploaded(1, false);
  Source(v1::SOURCE_STATE_FAILED, Unavailable());
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_WAITING);
}

TEST_F(PromotionTest, NoPathFailsThePromotionAndReleasesBothAgents) {
  Do(TestOrder());
  Source(v1::SOURCE_STATE_ACCEPTED);
  Target(v1::TARGET_STATE_ACCEPTED);
  Do(NoPathFound{NamedError(StatusCode::kFailedPrecondition, "no-path", "configure bulk.listen")});
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  Target(v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_FAILED);
  EXPECT_THAT(Cause(promotion_), HasErrorName("no-path"));
}

// Cancelling must work in every state before the end, and nowhere else.
class CancelTest : public PromotionTest, public ::testing::WithParamInterface<int> {};

TEST_P(CancelTest, BeforeTheEndCancelsAllJobsByTheSignedOrder) {
  Do(TestOrder(1, GetParam() != 4));
  if (GetParam() >= 1) Source(v1::SOURCE_STATE_ACCEPTED);
  if (GetParam() >= 2) Target(v1::TARGET_STATE_ACCEPTED);
  if (GetParam() >= 3) Do(AllRoutes());
  if (GetParam() >= 4) Target(v1::TARGET_STATE_UPLOADED);
  if (GetParam() >= 5) Target(v1::TARGET_STATE_ACTIVATING);
  Do(Ordered(StepAction::kCancel));
  ASSERT_EQ(TargetStep(), v1::JOB_STEP_CANCEL);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET)->step_order, "{cancel}");
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_CANCEL);
  EXPECT_THAT(Try(Ordered(StepAction::kCancel)), HasErrorName("promotion-ending"));
  Target(v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_CANCELLED);
  EXPECT_THAT(Try(Ordered(StepAction::kCancel)), HasErrorName("promotion-ended"));
}
INSTANTIATE_TEST_SUITE_P(EachState, CancelTest, ::testing::Range(0, 6));

TEST_F(PromotionTest, ACancelThatCrossedTheLastReportStillUndoesTheVerifiedTarget) {
  UntilUploaded();
  Do(Ordered(StepAction::kCancel));
  Target(v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_CANCEL);
  Target(v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_CANCELLED);
}

TEST_F(PromotionTest, ACancelOrderThatTheTargetRefusesIsAsIfItHadNotCome) {
  UntilTransfer();
  Do(Ordered(StepAction::kCancel));
  Target(v1::TARGET_STATE_TRANSFERRING,
         NamedError(StatusCode::kPermissionDenied, "not-granted", "no"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING);
  EXPECT_EQ(TargetStep(), v1::JOB_STEP_TRANSFER);
}

TEST_F(PromotionTest, ADonePromotionIsLeftOnlyByARollback) {
  UntilDone();
  EXPECT_THAT(Try(Ordered(StepAction::kCancel)), HasErrorName("promotion-ended"));
  EXPECT_THAT(Try(Ordered(StepAction::kActivate)), HasErrorName("promotion-ended"));
  EXPECT_THAT(TryTarget(v1::TARGET_STATE_FAILED), HasErrorName("report-out-of-order"));
  Do(Ordered(StepAction::kRollback));
  ASSERT_EQ(TargetStep(), v1::JOB_STEP_UNDO);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET)->step_order, "{rollback}");
  EXPECT_EQ(SourceStep(), v1::JOB_STEP_UNSPECIFIED);
  Target(v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ROLLED_BACK);
  EXPECT_THAT(Try(Ordered(StepAction::kRollback)), HasErrorName("promotion-not-done"));
}

TEST_F(PromotionTest, ARollbackThatTheTargetRefusesLeavesThePromotionDone) {
  UntilDone();
  Do(Ordered(StepAction::kRollback));
  Target(v1::TARGET_STATE_VERIFIED,
         NamedError(StatusCode::kFailedPrecondition, "counter-used", "plan again"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_THAT(Reason(promotion_), HasSubstr("counter-used"));
  Do(Ordered(StepAction::kRollback));
  EXPECT_EQ(Reason(promotion_), "waiting for the undo at prod-0");
}

StepOrdered RollbackOf(uint32_t index, const std::string& name) {
  StepOrdered order = Ordered(StepAction::kRollback);
  order.targets = {TestOrder(3).terms.targets[index].reference};
  order.order_sha256 = "sha of " + name;
  order.envelope = "{" + name + "}";
  return order;
}

TEST_F(PromotionTest, ARollbackOfOneOfThreeTargetsLeavesTheOthersDoneAndTheyMayFollow) {
  UntilDone(3);
  Do(RollbackOf(1, "first"));
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_UNDOING);
  EXPECT_EQ(Reason(promotion_), "waiting for the undo at prod-1");
  EXPECT_EQ(TargetStep(0), v1::JOB_STEP_UNSPECIFIED);
  ASSERT_EQ(TargetStep(1), v1::JOB_STEP_UNDO);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET, 1)->step_order, "{first}");
  // Whoever is not named may not go back.
  EXPECT_THAT(Try(TargetSays(0, ++revision_, v1::TARGET_STATE_FAILED)),
              HasErrorName("report-out-of-order"));
  TargetAt(1, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(Reason(promotion_), "rolled back by order at prod-1");
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
  Do(RollbackOf(2, "second"));
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_UNSPECIFIED);
  EXPECT_EQ(WishOf(v1::JOB_ROLE_TARGET, 2)->step_order, "{second}");
  TargetAt(2, v1::TARGET_STATE_ROLLED_BACK);
  Do(RollbackOf(0, "third"));
  TargetAt(0, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_ROLLED_BACK);
}

TEST_F(PromotionTest, ARollbackOfOneTargetThatIsRefusedTakesNothingBackOfTheOneBefore) {
  UntilDone(2);
  Do(RollbackOf(0, "first"));
  TargetAt(0, v1::TARGET_STATE_ROLLED_BACK);
  Do(RollbackOf(1, "second"));
  TargetAt(1, v1::TARGET_STATE_VERIFIED, Unavailable());
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  EXPECT_THAT(Reason(promotion_), HasSubstr("link-cut"));
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
  Do(RollbackOf(1, "third"));
  EXPECT_EQ(TargetStep(1), v1::JOB_STEP_UNDO);
}

TEST_F(PromotionTest, ARollbackRefusedAtOneOfTwoTargetsNeedsHands) {
  UntilDone(2);
  Do(Ordered(StepAction::kRollback, 2));
  TargetAt(0, v1::TARGET_STATE_VERIFIED, Unavailable());
  TargetAt(1, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_STUCK);
}

TEST_F(PromotionTest, RollbackBeforeDoneIsRefusedAndPointsToCancel) {
  UntilUploaded();
  const Status refused = Try(Ordered(StepAction::kRollback));
  EXPECT_THAT(refused, HasErrorName("promotion-not-done"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("sluice cancel p-1"));
}

TEST_F(PromotionTest, ActivateOrdersForAPromotionThatActivatesByItselfAreRefused) {
  UntilTransfer();
  EXPECT_THAT(Try(Ordered(StepAction::kActivate)), HasErrorName("promotion-activates-itself"));
}

TEST_F(PromotionTest, WhatIsActivatedOrRolledBackAlreadyIsToBeWatched) {
  UntilUploaded(1, false);
  Do(Ordered(StepAction::kActivate));
  EXPECT_THAT(Try(Ordered(StepAction::kActivate)), HasErrorName("promotion-activating"));
  Target(v1::TARGET_STATE_VERIFIED);
  Do(Ordered(StepAction::kRollback));
  const Status refused = Try(Ordered(StepAction::kRollback));
  EXPECT_THAT(refused, HasErrorName("promotion-ending"));
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("rolled back already"), HasSubstr("sluice watch p-1"),
                    Not(HasSubstr("sluice cancel"))));
}

TEST_F(PromotionTest, ACancelIsGivenAsTheReasonOfItsUndoAndNotItsEcho) {
  UntilTransfer();
  Do(Ordered(StepAction::kCancel));
  Source(v1::SOURCE_STATE_CANCELLED,
         NamedError(StatusCode::kCancelled, "cancelled", "sending was cancelled"));
  EXPECT_EQ(Reason(promotion_), "waiting for the undo at prod-0; cancelled by order");
}

TEST_F(PromotionTest, WhatTheTargetToldTheSourceIsNotPlacedAtTheSource) {
  UntilTransfer();
  Source(v1::SOURCE_STATE_SENDING);
  Source(v1::SOURCE_STATE_FAILED,
         NamedError(StatusCode::kUnknown, "connect-failed", "dev: prod-0: GET https://api: no"));
  EXPECT_THAT(Reason(promotion_),
              AllOf(HasSubstr("because prod-0: GET https://api: no"), Not(HasSubstr("dev"))));
}

TEST_F(PromotionTest, ARepeatedReportIsRefusedByNameAndANewerOneOfTheSameStateIsTaken) {
  UntilTransfer();
  EXPECT_THAT(Try(TargetSays(0, revision_, v1::TARGET_STATE_UPLOADED)),
              HasErrorName("report-repeated"));
  Target(v1::TARGET_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_TRANSFERRING);
  Target(v1::TARGET_STATE_ACCEPTED);
  EXPECT_EQ(promotion_.state, v1::PROMOTION_STATE_TRANSFERRING) << "a retry is no failure";
}

TEST_F(PromotionTest, EvidenceMustComeWithAcceptance) {
  Do(TestOrder());
  SourceReported source = SourceSays(1, v1::SOURCE_STATE_ACCEPTED);
  source.statement.clear();
  EXPECT_THAT(Try(source), HasErrorName("report-without-evidence"));
  TargetReported target = TargetSays(0, 1, v1::TARGET_STATE_ACCEPTED);
  target.seal_offer.clear();
  EXPECT_THAT(Try(target), HasErrorName("report-without-evidence"));
}

TEST_F(PromotionTest, NothingAboutAPromotionIsLegalBeforeItsOrder) {
  EXPECT_THAT(Try(SourceSays(1, v1::SOURCE_STATE_ACCEPTED)), HasErrorName("no-promotion"));
  EXPECT_THAT(Try(TargetSays(0, 1, v1::TARGET_STATE_ACCEPTED)), HasErrorName("no-promotion"));
  EXPECT_THAT(Try(Ordered(StepAction::kCancel)), HasErrorName("no-promotion"));
  EXPECT_THAT(Try(AllRoutes()), HasErrorName("routes-not-wanted"));
  EXPECT_THAT(Try(NoPathFound{}), HasErrorName("routes-not-wanted"));
  EXPECT_THAT(Wishes(promotion_), IsEmpty());
  Do(TestOrder());
  EXPECT_THAT(Try(TestOrder()), HasErrorName("promotion-exists"));
  EXPECT_THAT(Try(TargetSays(1, 1, v1::TARGET_STATE_ACCEPTED)), HasErrorName("no-such-target"));
}

// Every pair of target states against the rule in words, for each combination of gates.
TEST(JobStatesTest, TargetTransitionsAreThoseOfTheTable) {
  const auto name = [](int state) { return StateWord(static_cast<v1::TargetState>(state)); };
  std::vector<std::string> shut;
  std::vector<std::string> released;
  for (int from = v1::TARGET_STATE_PLANNED; from <= v1::TARGET_STATE_STUCK; ++from) {
    for (int to = v1::TARGET_STATE_UNSPECIFIED; to <= v1::TARGET_STATE_STUCK + 1; ++to) {
      const auto allowed = [&](TargetGates gates) {
        return MayTargetGo(static_cast<v1::TargetState>(from), static_cast<v1::TargetState>(to),
                           gates);
      };
      const std::string pair = name(from) + ">" + name(to);
      if (allowed({})) shut.push_back(pair);
      if (allowed({.transfer_wished = true, .activation_released = true}) && !allowed({})) {
        released.push_back(pair);
      }
      EXPECT_EQ(allowed({.undoing = true}) != allowed({}), from == v1::TARGET_STATE_VERIFIED &&
                                                               to >= v1::TARGET_STATE_REFUSED &&
                                                               to <= v1::TARGET_STATE_STUCK)
          << pair;
      if (to == v1::TARGET_STATE_UNSPECIFIED || to > v1::TARGET_STATE_STUCK) {
        EXPECT_FALSE(allowed({true, true, true})) << pair;
      }
    }
  }
  EXPECT_THAT(
      released,
      ElementsAre("planned>transferring", "planned>activating", "planned>active",
                  "accepted>transferring", "accepted>activating", "accepted>active",
                  "transferring>transferring", "transferring>activating", "transferring>active",
                  "transferring>verified", "uploaded>activating", "uploaded>active",
                  "uploaded>verified", "activating>activating", "activating>active",
                  "activating>verified", "active>activating", "active>active", "active>verified"));
  constexpr size_t kToAccepted = 3, kToUploaded = 4, kToVerified = 3, kToAnEnd = 6 * 5;
  constexpr size_t kBetweenEnds = 4 + 4;  // each to itself; STUCK also to three that are undone
  EXPECT_EQ(shut.size(), kToAccepted + kToUploaded + kToVerified + kToAnEnd + kBetweenEnds)
      << ::testing::PrintToString(shut);
}

}  // namespace
}  // namespace sluice::coordinator
