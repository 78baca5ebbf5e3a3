// Goal: what a target's agent does when a coordinator speaks to it, honest or not: nothing without
// a good order, everything once, and each decision in the journal first. Method: a whole agent with
// scripted steps; "no effect" means that no step was called.
#include "agent/testing/target_jobs_fixture.h"
#include "common/trust/envelope.h"

namespace sluice::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_F(TargetJobsTest, AcceptedOrderIsJournalledAndAnsweredByASealOfferForExactlyIt) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_ACCEPTED);
  ASSERT_EQ(report.evidence_size(), 1);
  EXPECT_THAT(trust::VerifySealOffer(report.evidence(0),
                                     {.foundation = FoundationName("prod"),
                                      .order_sha256 = trust::OrderSha256(order_text_),
                                      .transfer_id = ""},
                                     trust_.document(), clock_.Now()),
              IsOk());
  EXPECT_TRUE(*journal_->OrderAccepted(trust::OrderSha256(order_text_)));
  EXPECT_EQ(*journal_->LastCounter("prod:acme/payments/checkout"), 1);
}

TEST_F(TargetJobsTest, OfferIsOfTheConfiguredSuiteAndStaysSoWhenAnotherIsConfigured) {
  options_.seal_suite = crypto::SealSuite::kP256HkdfSha256Aes256Gcm;
  StartAgent();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const auto offer = trust::PeekSealOffer(LastReport().evidence(0));
  ASSERT_THAT(offer, IsOk());
  EXPECT_EQ(offer->suite, crypto::SealSuite::kP256HkdfSha256Aes256Gcm);
  EXPECT_EQ(offer->public_key.size(), 65u);
  options_.seal_suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
  StartAgent();
  agent_->OnWelcome(v1::Welcome());
  EXPECT_EQ(trust::PeekSealOffer(LastReport().evidence(0))->suite,
            crypto::SealSuite::kP256HkdfSha256Aes256Gcm);
}

TEST_F(TargetJobsTest, ProgressThatStandsStillIsShownOnceForEachThingThatIsDoneOrWaitedFor) {
  const JobServices services = {
      .journal = *journal_,
      .authority = *authority_,
      .clock = clock_,
      .executor = steps_,
      .waiter = waiter_,
      .post = {},
      .send = [this](v1::ControlMessage message) { sent_.push_back(std::move(message)); },
      .leaving = {},
      .give_up = {}};
  HeldJob job;
  transfer::TransferFigures figures;
  figures.bytes_done = figures.bytes_total = 9;
  for (const char* phase : {"upload", "upload", "undo waiting for foundation"}) {
    SendProgress(services, job, phase, figures);
  }
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[1].job_progress().progress().bytes_done(), 9u);
  EXPECT_EQ(sent_[1].job_progress().progress().phase(), "undo waiting for foundation");
}

TEST_F(TargetJobsTest, RepeatedOrderIsAnsweredByTheFirstResult) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport first = LastReport();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(target_.calls, ElementsAre("check-plan"));
}

TEST_F(TargetJobsTest, OrderThatTheCoordinatorAlteredIsRefusedAsBadlySigned) {
  auto swap = [this](auto change) {
    trust::Order other = order_;
    change(other);
    trust::Envelope envelope = *trust::ParseEnvelope(order_text_);
    envelope.payload = *trust::FormatOrder(other);
    return trust::FormatEnvelope(envelope);
  };
  ExpectRefused(swap([](trust::Order& o) { o.artifact.sha256 = std::string(64, 'b'); }),
                "bad-signature");
  ExpectRefused(swap([](trust::Order& o) { o.targets[0].space_guid = SpaceGuid("another"); }),
                "bad-signature");
  ExpectRefused(swap([](trust::Order& o) { o.targets[0].reference.app = "other"; }),
                "bad-signature");
}

TEST_F(TargetJobsTest, OrderThatTrustDoesNotAllowIsRefusedByName) {
  trust::Order expired = order_;
  expired.issued_at -= absl::Hours(2);
  expired.expires_at -= absl::Hours(2);
  ExpectRefused(trust_.Signed(expired), "order-expired");
  ExpectRefused(
      *trust::SignOrder(order_, trust::TestTrust({"x"}).AddOperator("mallory", {}).signing),
      "unknown-operator");
  trust::Order elsewhere = order_;
  elsewhere.targets[0].reference.foundation = FoundationName("staging");
  elsewhere.source.reference.foundation = FoundationName("lab");
  ExpectRefused(trust_.Signed(elsewhere), "wrong-audience");
  trust::Order newer = order_;
  newer.trust_version += 1;
  ExpectRefused(trust_.Signed(newer), "trust-too-old");
  trust::Order counter = order_;
  counter.targets[0].counter = 5000;
  ExpectRefused(trust_.Signed(counter), "counter-jump");
}

TEST_F(TargetJobsTest, OperatorWithoutAGrantInThatSpaceIsRefused) {
  const trust::OperatorKey bob =
      trust_.AddOperator("bob", {trust::AllActions({"prod:acme/other", "dev:*/*"})});
  WriteTrust();
  ASSERT_THAT(authority_->Reload(), IsOk());
  ExpectRefused(*trust::SignOrder(order_, bob.signing), "not-granted");
}

TEST_F(TargetJobsTest, AgentsOwnPolicyHasTheLastWord) {
  policy_file_ = folder_ + "/policy.yaml";
  ASSERT_THAT(
      files_.Replace(policy_file_, "targets: [\"prod:acme/other\"]\n", FileAccess::kEveryone),
      IsOk());
  StartAgent();
  ExpectRefused(order_text_, "policy-target");
}

TEST_F(TargetJobsTest, CommandThatAsksForAnotherPartThanTheOrderGivesIsRefused) {
  v1::JobCommand other = Command(v1::JOB_STEP_ACCEPT, order_text_);
  other.set_target_index(1);
  Hear(other);
  EXPECT_EQ(LastReport().error().name(), "wrong-part");
  v1::JobCommand renamed = Command(v1::JOB_STEP_ACCEPT, order_text_);
  renamed.set_promotion("promotion-2");
  Hear(renamed);
  EXPECT_EQ(LastReport().error().name(), "wrong-promotion");
  EXPECT_THAT(target_.calls, IsEmpty());
}

TEST_F(TargetJobsTest, UsedCounterAndSecondUseOfAnOrderIdAreRefused) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  trust::Order again = order_;
  again.order_id = std::string(32, 'e');
  again.promotion = PromotionId("promotion-2");
  v1::JobCommand command = Command(v1::JOB_STEP_ACCEPT, trust_.Signed(again));
  command.set_promotion("promotion-2");
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "counter-used");
  again.order_id = order_.order_id;
  command.set_order(trust_.Signed(again));
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "order-replayed");
}

TEST_F(TargetJobsTest, AnotherOrderForAPromotionThatHasOneIsRefusedAndChangesNothing) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport first = LastReport();
  trust::Order other = order_;
  other.order_id = std::string(32, 'e');
  other.targets[0].counter = 2;
  Hear(Command(v1::JOB_STEP_TRANSFER, trust_.Signed(other)));
  const v1::JobReport refused = LastReport();
  EXPECT_EQ(refused.target_state(), v1::TARGET_STATE_REFUSED);
  EXPECT_EQ(refused.error().name(), "promotion-exists");
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().SerializeAsString(), first.SerializeAsString());
  EXPECT_THAT(target_.calls, ElementsAre("check-plan"));
}

TEST_F(TargetJobsTest, PlanThatNoLongerHoldsIsRefusedOnceAndForAll) {
  target_.check_plan = NamedError(StatusCode::kFailedPrecondition, "changed-since-plan", "pushed");
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_REFUSED);
  EXPECT_EQ(report.error().name(), "changed-since-plan");
  EXPECT_EQ(ReceiptIn(report).outcome, trust::Outcome::kRefused);
  target_.check_plan = absl::OkStatus();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_REFUSED);
}

TEST_F(TargetJobsTest, PromotionThatGoesWellEndsVerifiedWithAReceipt) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Reports();
  Hear(Transfer());
  std::vector<v1::TargetState> states;
  for (const v1::JobReport& report : Reports()) states.push_back(report.target_state());
  EXPECT_THAT(states, ElementsAre(v1::TARGET_STATE_ACCEPTED, v1::TARGET_STATE_TRANSFERRING,
                                  v1::TARGET_STATE_UPLOADED));
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload")) << "the barrier holds";
  Hear(Command(v1::JOB_STEP_ACTIVATE, order_text_));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_VERIFIED);
  const trust::Receipt receipt = ReceiptIn(report);
  EXPECT_EQ(receipt.outcome, trust::Outcome::kVerified);
  EXPECT_EQ(receipt.reported_sha256, order_.artifact.sha256);
  EXPECT_EQ(receipt.order_sha256, trust::OrderSha256(order_text_));
  EXPECT_EQ(receipt.droplet_guid.value(), "promoted-here");
}

TEST_F(TargetJobsTest, StatementAboutOtherBitsEndsTheJobBeforeAnythingIsDone) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  trust::Order other = order_;
  other.artifact.sha256 = std::string(64, 'b');
  v1::JobCommand command = Transfer();
  command.set_statement(StatementFor(order_text_, other));
  Hear(command);
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_FAILED);
  EXPECT_EQ(report.error().name(), "statement-differs");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "undo"));
}

TEST_F(TargetJobsTest, StatementOfAnAgentThatIsNotTheSourcesIsRefused) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  v1::JobCommand command = Transfer();
  const std::string payload = trust::ParseEnvelope(command.statement())->payload;
  command.set_statement(
      trust::SealEnvelope(trust::kInTotoType, payload, trust_.agent("prod").identity));
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "unknown-agent");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "undo"));
}

TEST_F(TargetJobsTest, ReportComesAgainWithEachSessionUntilItIsRecorded) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport report = LastReport();
  agent_->OnWelcome(v1::Welcome());
  EXPECT_EQ(LastReport().revision(), report.revision());
  Record(report);
  agent_->OnWelcome(v1::Welcome());
  EXPECT_THAT(Reports(), IsEmpty());
}

TEST_F(TargetJobsTest, CancelOrderStopsARunningUploadAndUndoes) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  target_.in_upload = [this] {
    RunPosted();
    v1::ControlMessage message;
    *message.mutable_job_command() = Command(v1::JOB_STEP_CANCEL, order_text_);
    message.mutable_job_command()->set_step_order(StepOrder(trust::Action::kCancel));
    agent_->OnMessage(message);
  };
  Hear(Transfer());
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(ReceiptIn(report).outcome, trust::Outcome::kCancelled);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(TargetJobsTest, CoordinatorAloneCanNeitherCancelNorRollBackWhatIsFinished) {
  Promote();
  Reports();
  Hear(Command(v1::JOB_STEP_CANCEL, order_text_));
  EXPECT_EQ(LastReport().error().name(), "order-missing");
  Hear(Command(v1::JOB_STEP_UNDO, order_text_));
  EXPECT_EQ(LastReport().error().name(), "rollback-order-missing");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "activate"));
}

// Another target may have waited for its bytes until the order expired, and failed by that.
TEST_F(TargetJobsTest, WhatIsFinishedIsPutBackForAnothersSakeShortlyAfterTheOrdersEndButNotLater) {
  order_.targets.push_back(order_.targets[0]);
  order_.targets[1].reference.app = "another";
  order_text_ = trust_.Signed(order_);
  Promote();
  Reports();
  clock_.Advance(order_.expires_at - clock_.Now() + absl::Hours(2));
  Hear(Command(v1::JOB_STEP_UNDO, order_text_));
  EXPECT_EQ(LastReport().error().name(), "rollback-order-missing");
  clock_.Advance(absl::Hours(-2) + absl::Seconds(1));
  Hear(Command(v1::JOB_STEP_UNDO, order_text_));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_FAILED);
}

TEST_F(TargetJobsTest, WithoutActivationInTheOrderOnlyAnActivateOrderActivates) {
  order_.activate = false;
  order_text_ = trust_.Signed(order_);
  Promote();
  const v1::JobReport waiting = LastReport();
  EXPECT_EQ(waiting.target_state(), v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(waiting.error().name(), "order-missing");
  EXPECT_EQ(ReceiptIn(waiting).outcome, trust::Outcome::kUploaded);
  v1::JobCommand command = Command(v1::JOB_STEP_ACTIVATE, order_text_);
  command.set_step_order(StepOrder(trust::Action::kCancel));
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "wrong-action");
  command.set_step_order(StepOrder(trust::Action::kActivate));
  Hear(command);
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_VERIFIED);
}

TEST_F(TargetJobsTest, WhatIsUploadedIsPassedOnToOtherTargetsUntilTheJobGoesOn) {
  order_.activate = false;
  order_text_ = trust_.Signed(order_);
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  exchange_.stopped.clear();
  Hear(Transfer());
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_UPLOADED);
  EXPECT_THAT(exchange_.stopped, IsEmpty());
  v1::JobCommand command = Command(v1::JOB_STEP_CANCEL, order_text_);
  command.set_step_order(StepOrder(trust::Action::kCancel));
  Hear(command);
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_THAT(exchange_.stopped, Contains(*TransferIdOf(trust::OrderSha256(order_text_))));
}

TEST_F(TargetJobsTest, StepOrderAboutAnotherPromotionOrDropletIsRefused) {
  order_.activate = false;
  order_text_ = trust_.Signed(order_);
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Hear(Transfer());
  trust::Order order = *trust::PeekOrder(StepOrder(trust::Action::kActivate));
  const auto expect = [this](const trust::Order& given, const std::string& name) {
    v1::JobCommand command = Command(v1::JOB_STEP_ACTIVATE, order_text_);
    command.set_step_order(trust_.Signed(given));
    Hear(command);
    EXPECT_EQ(LastReport().error().name(), name);
  };
  trust::Order other = order;
  other.promotion = PromotionId("promotion-2");
  expect(other, "wrong-promotion");
  other = order;
  other.artifact.sha256 = std::string(64, 'b');
  expect(other, "order-differs");
  other = order;
  other.original_order_sha256 = std::string(64, 'c');
  expect(other, "unknown-original-order");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload"));
}

TEST_F(TargetJobsTest, OrderThatAsksForWhatThisAgentCannotDoIsRefusedByName) {
  trust::Order canary = order_;
  canary.strategy = trust::Strategy::kCanary;
  ExpectRefused(trust_.Signed(canary), "strategy-not-supported");
}

TEST_F(TargetJobsTest, OrderWithAManifestIsRefusedByName) {
  trust::Order with_manifest = order_;
  with_manifest.manifest_sha256 = std::string(64, 'a');
  ExpectRefused(trust_.Signed(with_manifest), "manifest-not-supported");
}

TEST_F(TargetJobsTest, OrderThatWouldStopOnAFailureIsRefusedByName) {
  trust::Order stops = order_;
  stops.on_failure = trust::OnFailure::kStop;
  ExpectRefused(trust_.Signed(stops), "on-failure-not-supported");
}

TEST_F(TargetJobsTest, RollbackOrderPutsBackWhatRanAndIsObeyedOnce) {
  Promote();
  Record(LastReport());
  v1::JobCommand command = Command(v1::JOB_STEP_UNDO, order_text_);
  command.set_step_order(StepOrder(trust::Action::kRollback));
  Hear(command);
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(ReceiptIn(report).order_sha256, trust::OrderSha256(command.step_order()));
  ASSERT_TRUE(target_.rollback.has_value());
  EXPECT_EQ(target_.rollback->restore_droplet_guid,
            order_.targets[0].expected_current_droplet_guid);
  EXPECT_EQ(*journal_->LastCounter("prod:acme/payments/checkout"), 2);
  Hear(command);
  EXPECT_EQ(LastReport().revision(), report.revision());
  EXPECT_THAT(target_.calls,
              ElementsAre("check-plan", "upload", "activate", "check-rollback", "undo"));
}

TEST_F(TargetJobsTest, RollbackThatTheFoundationDoesNotAllowLeavesThePromotionDone) {
  Promote();
  Reports();
  target_.check_rollback =
      NamedError(StatusCode::kFailedPrecondition, "changed-since-plan", "push");
  v1::JobCommand command = Command(v1::JOB_STEP_UNDO, order_text_);
  command.set_step_order(StepOrder(trust::Action::kRollback));
  Hear(command);
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(report.error().name(), "changed-since-plan");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "activate", "check-rollback"));
}

TEST_F(TargetJobsTest, RollbackToAnotherDropletThanThePromotionReplacedIsRefused) {
  Promote();
  Reports();
  trust::Order order = *trust::PeekOrder(StepOrder(trust::Action::kRollback));
  order.targets[0].droplet_guid = DropletGuid("of-somebody-else");
  v1::JobCommand command = Command(v1::JOB_STEP_UNDO, order_text_);
  command.set_step_order(trust_.Signed(order));
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "rollback-target-differs");
}

TEST_F(TargetJobsTest, UploadThatDiedWithTheProcessGoesOnWithTheNextWish) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  v1::ControlMessage message;
  *message.mutable_job_command() = Transfer();
  agent_->OnMessage(message);
  StartAgent();  // the step that was held is gone
  RunSteps();
  EXPECT_THAT(target_.calls, ElementsAre("check-plan")) << "nothing by itself";
  Hear(Transfer());
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_UPLOADED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload"));
}

TEST_F(TargetJobsTest, WhatIsWaitedForAndEachRepeatedUploadIsReported) {
  std::vector<v1::JobReport> seen;
  target_.in_upload_of = [&](TargetFacts& facts, const Checkpoint& checkpoint) {
    const auto report = [&] {
      ASSERT_THAT(checkpoint(facts), IsOk());
      RunPosted();
      const std::vector<v1::JobReport> reports = Reports();
      seen.insert(seen.end(), reports.begin(), reports.end());
    };
    RunPosted();
    Reports();  // that it transfers
    for (const char* waiting : {kWaitingForLimit, kWaitingForRoom, kWaitingForPeer, ""}) {
      facts.waiting_for = waiting;
      report();
    }
    for (facts.uploads_begun = 1; facts.uploads_begun < 3; ++facts.uploads_begun) report();
    report();
  };
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Hear(Transfer());
  std::vector<v1::WaitingFor> waiting;
  for (const v1::JobReport& report : seen) {
    EXPECT_EQ(report.target_state(), v1::TARGET_STATE_TRANSFERRING);
    waiting.push_back(report.waiting_for());
  }
  EXPECT_THAT(waiting, ElementsAre(v1::WAITING_FOR_LIMIT, v1::WAITING_FOR_ROOM,
                                   v1::WAITING_FOR_PEER, v1::WAITING_FOR_UNSPECIFIED,
                                   v1::WAITING_FOR_UNSPECIFIED, v1::WAITING_FOR_UNSPECIFIED))
      << "two of the three uploads are repetitions";
  EXPECT_EQ(LastReport().waiting_for(), v1::WAITING_FOR_UNSPECIFIED);
}

TEST_F(TargetJobsTest, SpoolIsCleanOnceTheUploadIsDoneAndOfStraysAtTheStart) {
  const auto admit = [this](std::string_view order_sha256) {
    const trust::Artifact& artifact = order_.artifact;
    ASSERT_THAT(spool_->Admit(*LayoutOf(order_sha256, artifact, transfer::kChunkBytesDefault)),
                IsOk());
  };
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  admit(trust::OrderSha256(order_text_));
  admit("of a job that nobody knows");
  StartAgent();
  EXPECT_EQ(spool_->List()->size(), 1u) << "the stray is gone";
  Hear(Transfer());
  EXPECT_THAT(*spool_->List(), IsEmpty());
}

TEST_F(TargetJobsTest, SpoolIsCleanOnceTheJobIsCancelled) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  ASSERT_THAT(spool_->Admit(*LayoutOf(trust::OrderSha256(order_text_), order_.artifact,
                                      transfer::kChunkBytesDefault)),
              IsOk());
  v1::JobCommand command = Command(v1::JOB_STEP_CANCEL, order_text_);
  command.set_step_order(StepOrder(trust::Action::kCancel));
  Hear(command);
  EXPECT_THAT(*spool_->List(), IsEmpty());
}

TEST_F(TargetJobsTest, ActivationThatDiedWithTheProcessIsUndoneByTheNext) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Hear(Transfer());
  v1::ControlMessage message;
  *message.mutable_job_command() = Command(v1::JOB_STEP_ACTIVATE, order_text_);
  agent_->OnMessage(message);
  StartAgent();  // the step that was held is gone
  RunSteps();
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_FAILED);
  EXPECT_EQ(report.error().name(), "agent-restarted");
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(TargetJobsTest, AcceptedJobWaitsThroughARestartWithTheSameSealOffer) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport before = LastReport();
  StartAgent();
  agent_->OnWelcome(v1::Welcome());
  EXPECT_EQ(LastReport().SerializeAsString(), before.SerializeAsString());
  Hear(Transfer());
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_UPLOADED);
}

TEST_F(TargetJobsTest, FinishedPromotionIsRolledBackByAnAgentThatWasStartedSince) {
  Promote();
  Record(LastReport());
  StartAgent();
  v1::JobCommand command = Command(v1::JOB_STEP_UNDO, order_text_);
  command.set_step_order(StepOrder(trust::Action::kRollback));
  Hear(command);
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ROLLED_BACK);
}

TEST_F(TargetJobsTest, OrderThatComesWithItsCancellationIsNeverAcceptedLater) {
  v1::JobCommand command = Command(v1::JOB_STEP_CANCEL, order_text_);
  Hear(command);
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_THAT(target_.calls, IsEmpty());
}

TEST_F(TargetJobsTest, AgentWithoutAFreeThreadRefusesInsteadOfWaitingForEver) {
  steps_.full = true;
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().error().name(), "agent-busy");
}

TEST_F(TargetJobsTest, UndoThatFindsNoFreeThreadBeginsWhenThereIsOne) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Hear(Transfer());
  steps_.full = true;
  Hear(Command(v1::JOB_STEP_UNDO, order_text_));
  LetTimePass();
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload"));
  steps_.full = false;
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_FAILED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(TargetJobsTest, UploadThatFoundNoFreeThreadIsUndoneWithoutHavingBegun) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  steps_.full = true;
  Hear(Transfer());
  Hear(Command(v1::JOB_STEP_UNDO, order_text_));
  steps_.full = false;
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_FAILED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "undo"));
}

}  // namespace
}  // namespace sluice::agent
