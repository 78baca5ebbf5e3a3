// The coordinator's whole conversation with agents and operators, without network and disk.
#include "coordinator/daemon/coordinator.h"

#include <optional>

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/messages.h"
#include "coordinator/daemon/testing/conversation.h"
#include "coordinator/daemon/wish.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CoordinatorTest : public ::testing::Test, protected Conversation {};

TEST_F(CoordinatorTest, WholePromotionGoesFromOrderToDone) {
  ConnectAll();
  for (const auto& step : WholePromotion()) step();
  EXPECT_EQ(state(), "done");
  EXPECT_THAT(Commanded(dev_), ElementsAre(v1::JOB_STEP_ACCEPT, v1::JOB_STEP_TRANSFER));
  EXPECT_THAT(Commanded(prod_),
              ElementsAre(v1::JOB_STEP_ACCEPT, v1::JOB_STEP_TRANSFER, v1::JOB_STEP_ACTIVATE));
  EXPECT_FALSE(promotion().targets[0].receipt.empty());
}

TEST_F(CoordinatorTest, OrderIsAnsweredAndPassedOnOnlyWhenTheLedgerHasIt) {
  ConnectAll();
  const std::string envelope = world_.trust.Signed(world_.order);
  world_.coordinator->OnMessage(alice_, world_.OperatorPeer(), CoordinatorWorld::Submit(envelope));
  EXPECT_THAT(world_.sender.sent[alice_], IsEmpty());
  EXPECT_THAT(world_.sender.sent[dev_], IsEmpty());
  world_.ledger.Settle();
  ASSERT_THAT(Answers(alice_, "submit"), ::testing::SizeIs(1));
  EXPECT_EQ(world_.Heard(alice_).order_recorded().promotion(), "promotion-1");
  EXPECT_EQ(world_.Heard(alice_).order_recorded().ledger_sequence(), 2u);  // after the trust entry
  EXPECT_EQ(world_.ledger.entries().back().body, envelope);
  EXPECT_EQ(world_.Heard(dev_).job_command().order(), envelope);
}

TEST_F(CoordinatorTest, CommandsCarryEvidenceOfTheOtherSideAndTheRoute) {
  ConnectAll();
  SubmitOrder();
  AcceptAll();
  const v1::JobCommand source = world_.Heard(dev_).job_command();
  EXPECT_EQ(source.step(), v1::JOB_STEP_TRANSFER);
  EXPECT_THAT(source.seal_offers(), ElementsAre(promotion().targets[0].seal_offer));
  ASSERT_EQ(source.routes_size(), 1);
  EXPECT_FALSE(source.routes(0).dial());
  EXPECT_EQ(source.routes(0).foundation(), "prod");
  v1::JobCommand target;
  for (const auto& message : world_.sender.sent[prod_]) {
    if (message.has_job_command()) target = message.job_command();
  }
  EXPECT_EQ(target.statement(), promotion().source.statement);
  ASSERT_EQ(target.routes_size(), 1);
  EXPECT_TRUE(target.routes(0).dial());
  EXPECT_EQ(target.routes(0).endpoint(), kDevEndpoint);
  EXPECT_EQ(target.routes(0).foundation(), "dev");
}

TEST_F(CoordinatorTest, SourceDialsWhenOnlyTheTargetListens) {
  ConnectAll("", "tcp://prod.example:7720");
  SubmitOrder();
  AcceptAll();
  const v1::JobCommand source = world_.Heard(dev_).job_command();
  ASSERT_EQ(source.routes_size(), 1);
  EXPECT_TRUE(source.routes(0).dial());
  EXPECT_EQ(source.routes(0).endpoint(), "tcp://prod.example:7720");
}

TEST_F(CoordinatorTest, TwoAgentsThatOnlyDialOutHaveNoPathAndTheReasonSaysWhatToDo) {
  ConnectAll("", "");
  SubmitOrder();
  AcceptAll();
  EXPECT_EQ(state(), "undoing");
  EXPECT_THAT(promotion().own_failure, HasErrorName("no-path"));
  EXPECT_THAT(Reason(promotion()), HasSubstr("bulk.listen"));
  EXPECT_EQ(Commanded(prod_).back(), v1::JOB_STEP_UNDO);
}

TEST_F(CoordinatorTest, RoutesWaitForAnAgentThatWentAwayAfterAccepting) {
  ConnectAll("", "tcp://prod.example:7720");
  SubmitOrder();
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  world_.Disconnect(prod_);
  world_.Say(dev_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED));
  EXPECT_TRUE(promotion().routes.empty());
  world_.Connect(world_.AgentPeer("prod"), "tcp://prod.example:9");
  ASSERT_EQ(promotion().routes.size(), 1u);
  EXPECT_EQ(promotion().routes[0].endpoint, "tcp://prod.example:9");
}

TEST_F(CoordinatorTest, AgentThatConnectsLateOrAgainIsToldWhatIsWanted) {
  alice_ = world_.Connect(world_.OperatorPeer());
  SubmitOrder();
  const net::SessionId first = world_.Connect(world_.AgentPeer("prod"));
  EXPECT_THAT(Commanded(first), ElementsAre(v1::JOB_STEP_ACCEPT));
  world_.Disconnect(first);
  const net::SessionId second = world_.Connect(world_.AgentPeer("prod"));
  EXPECT_THAT(Commanded(second), ElementsAre(v1::JOB_STEP_ACCEPT));
}

TEST_F(CoordinatorTest, StaleConnectionThatIsClosedLateDoesNotHideTheNewOne) {
  ConnectAll();
  const net::SessionId again = world_.Connect(world_.AgentPeer("prod"));
  world_.Disconnect(prod_);
  SubmitOrder();
  EXPECT_THAT(Commanded(again), ElementsAre(v1::JOB_STEP_ACCEPT));
}

TEST_F(CoordinatorTest, RestartAfterAnyEventKnowsTheSameAndWantsTheSame) {
  ConnectAll();
  for (const auto& step : WholePromotion()) {
    step();
    LedgerReplay replayed = world_.Replayed();
    const Promotion* after = replayed.book().Committed("promotion-1");
    ASSERT_NE(after, nullptr);
    EXPECT_EQ(*after, promotion());
    EXPECT_EQ(Wishes(*after), Wishes(promotion()));
    EXPECT_EQ(replayed.book().SequenceOfOrder(promotion().order_sha256), 2u);
  }
}

TEST_F(CoordinatorTest, RestartBetweenAnyTwoEventsEndsInTheSamePromotion) {
  ConnectAll();
  for (const auto& step : WholePromotion()) step();
  const Promotion undisturbed = promotion();
  const size_t steps = WholePromotion().size();
  for (size_t at = 0; at < steps; ++at) {
    Conversation run;
    run.ConnectAll();
    const auto script = run.WholePromotion();
    for (size_t i = 0; i < steps; ++i) {
      script[i]();
      if (i != at) continue;
      run.world_.Restart();
      run.ConnectAll();
    }
    EXPECT_EQ(run.promotion(), undisturbed) << "restarted after step " << at;
  }
}

TEST_F(CoordinatorTest, DeathBeforeTheLedgerHasTheOrderLeavesNothing) {
  ConnectAll();
  world_.coordinator->OnMessage(alice_, world_.OperatorPeer(),
                                CoordinatorWorld::Submit(world_.trust.Signed(world_.order)));
  world_.Restart();
  EXPECT_EQ(world_.coordinator->book().Committed("promotion-1"), nullptr);
  ConnectAll();
  SubmitOrder();
  EXPECT_EQ(world_.Heard(alice_).order_recorded().promotion(), "promotion-1");
}

TEST_F(CoordinatorTest, ReportIsAcknowledgedWhenRecordedAndWhenRepeatedWithoutAnotherEntry) {
  ConnectAll();
  SubmitOrder();
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  ASSERT_TRUE(world_.Heard(prod_).has_job_report_recorded());
  EXPECT_EQ(world_.Heard(prod_).job_report_recorded().revision(), 1u);
  const size_t entries = world_.ledger.entries().size();
  world_.sender.sent[prod_].clear();
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  ASSERT_EQ(world_.sender.sent[prod_].size(), 1u);
  EXPECT_EQ(world_.Heard(prod_).job_report_recorded().revision(), 1u);
  EXPECT_EQ(world_.ledger.entries().size(), entries);
}

TEST_F(CoordinatorTest, AcknowledgementFollowsTheAgentToItsNewConnection) {
  ConnectAll();
  SubmitOrder();
  world_.coordinator->OnMessage(prod_, world_.AgentPeer("prod"),
                                world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  // Neither kept nor acknowledged yet.
  EXPECT_FALSE(world_.Heard(prod_).has_job_report_recorded());
  EXPECT_EQ(promotion().targets[0].revision, 0u);
  world_.coordinator->OnSessionClosed(prod_, world_.AgentPeer("prod"));
  const net::SessionId again = world_.Connect(world_.AgentPeer("prod"));
  EXPECT_TRUE(world_.Heard(again).has_job_report_recorded());
}

TEST_F(CoordinatorTest, AnotherAgentOfTheFoundationTakesOverWhatWasAskedOfTheOneThatWent) {
  ConnectAll();
  const net::SessionId newer = world_.Connect(world_.AgentPeer("prod"));
  SubmitOrder();
  EXPECT_THAT(Commanded(newer), ElementsAre(v1::JOB_STEP_ACCEPT));
  EXPECT_THAT(Commanded(prod_), IsEmpty());
  world_.Disconnect(newer);
  EXPECT_THAT(Commanded(prod_), ElementsAre(v1::JOB_STEP_ACCEPT));
}

TEST_F(CoordinatorTest, ReportThatTheStateDoesNotAllowIsRefusedOnceAndNothingElseSaid) {
  ConnectAll();
  SubmitOrder();
  world_.sender.sent[prod_].clear();
  v1::ControlMessage report = world_.TargetReport(1, v1::TARGET_STATE_ACTIVE);
  report.set_request("r");
  world_.Say(prod_, report);
  ASSERT_THAT(Answers(prod_, "r"), ::testing::SizeIs(1));
  EXPECT_EQ(Answers(prod_, "r")[0].error().name(), "report-out-of-order");
  // A wish would make the agent report the same again, without end.
  EXPECT_THAT(Commanded(prod_), IsEmpty());
  EXPECT_EQ(state(), "recorded");
}

TEST_F(CoordinatorTest, AgentMayNotReportForAnotherFoundation) {
  ConnectAll();
  SubmitOrder();
  world_.Say(dev_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  EXPECT_EQ(world_.Heard(dev_).error().name(), "not-your-job");
  EXPECT_EQ(promotion().targets[0].revision, 0u);
}

TEST_F(CoordinatorTest, ReportOfNoPromotionIsRefused) {
  ConnectAll();
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  EXPECT_EQ(world_.Heard(prod_).error().name(), "no-promotion");
}

TEST_F(CoordinatorTest, SameOrderAgainIsAnsweredTheSameAndHasNoSecondEffect) {
  ConnectAll();
  SubmitOrder();
  const auto first = world_.Heard(alice_).order_recorded().ledger_sequence();
  const size_t entries = world_.ledger.entries().size();
  world_.sender.sent[dev_].clear();
  SubmitOrder();
  EXPECT_EQ(world_.Heard(alice_).order_recorded().ledger_sequence(), first);
  EXPECT_EQ(world_.ledger.entries().size(), entries);
  EXPECT_THAT(world_.sender.sent[dev_], IsEmpty());
}

TEST_F(CoordinatorTest, SameOrderTwiceBeforeItIsRecordedIsOneEntryAndTwoAnswers) {
  ConnectAll();
  const auto submit = CoordinatorWorld::Submit(world_.trust.Signed(world_.order));
  world_.coordinator->OnMessage(alice_, world_.OperatorPeer(), submit);
  world_.coordinator->OnMessage(alice_, world_.OperatorPeer(), submit);
  world_.ledger.Settle();
  EXPECT_EQ(Answers(alice_, "submit").size(), 2u);
  EXPECT_EQ(world_.ledger.entries().size(), 2u);
}

TEST_F(CoordinatorTest, SameIdWithAnotherOrderIsRefused) {
  ConnectAll();
  SubmitOrder();
  trust::Order other = world_.order;
  other.reason = "another";
  world_.Say(alice_, CoordinatorWorld::Submit(world_.trust.Signed(other)));
  EXPECT_EQ(world_.Heard(alice_).error().name(), "promotion-exists");
}

TEST_F(CoordinatorTest, CancelOrderIsRecordedAndReachesTheAgents) {
  ConnectAll();
  SubmitOrder();
  AcceptAll();
  trust::Order cancel = world_.order;
  cancel.order_id = std::string(32, 'c');
  cancel.action = trust::Action::kCancel;
  cancel.original_order_sha256 = promotion().order_sha256;
  for (trust::OrderTarget& target : cancel.targets) target.counter = 0;
  const std::string envelope = world_.trust.Signed(cancel);
  world_.Say(alice_, CoordinatorWorld::Submit(envelope));
  EXPECT_EQ(world_.Heard(alice_).order_recorded().promotion(), "promotion-1");
  EXPECT_EQ(state(), "undoing");
  EXPECT_EQ(world_.Heard(prod_).job_command().step(), v1::JOB_STEP_CANCEL);
  EXPECT_EQ(world_.Heard(prod_).job_command().step_order(), envelope);
  EXPECT_EQ(Commanded(dev_).back(), v1::JOB_STEP_CANCEL);
}

TEST_F(CoordinatorTest, TwoPromotionsAtOnceDoNotDisturbEachOther) {
  ConnectAll();
  SubmitOrder();
  trust::Order second = world_.order;
  second.order_id = std::string(32, '2');
  second.promotion = PromotionId("promotion-2");
  world_.Say(alice_, CoordinatorWorld::Submit(world_.trust.Signed(second)));
  AcceptAll();
  EXPECT_EQ(state(), "transferring");
  EXPECT_EQ(world_.coordinator->book().Committed("promotion-2")->state,
            v1::PROMOTION_STATE_RECORDED);
}

TEST_F(CoordinatorTest, WatcherIsToldEveryChangeUntilTheEnd) {
  ConnectAll();
  SubmitOrder();
  v1::ControlMessage watch;
  watch.mutable_watch_promotion()->set_id("promo");
  EXPECT_EQ(Ask(watch).promotion_detail().summary().state(), v1::PROMOTION_STATE_RECORDED);
  const auto steps = WholePromotion();
  for (size_t i = 1; i < steps.size(); ++i) steps[i]();
  std::vector<uint64_t> sequences;
  std::optional<v1::PromotionState> last;
  for (const auto& message : world_.sender.sent[alice_]) {
    if (!message.has_promotion_event()) continue;
    sequences.push_back(message.promotion_event().event_sequence());
    last = message.promotion_event().detail().summary().state();
  }
  // The order was event 1; nine reports and the choice of routes follow.
  EXPECT_THAT(sequences, ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_EQ(last, v1::PROMOTION_STATE_DONE);
}

TEST_F(CoordinatorTest, ProgressReachesWatchersAndIsNotRecorded) {
  ConnectAll();
  SubmitOrder();
  AcceptAll();
  v1::ControlMessage watch;
  watch.mutable_watch_promotion()->set_id("promotion-1");
  Ask(watch);
  const size_t entries = world_.ledger.entries().size();
  v1::ControlMessage progress;
  progress.mutable_job_progress()->set_promotion("promotion-1");
  progress.mutable_job_progress()->set_role(v1::JOB_ROLE_TARGET);
  progress.mutable_job_progress()->mutable_progress()->set_bytes_done(7);
  world_.Say(prod_, progress);
  EXPECT_EQ(world_.Heard(alice_).job_progress().progress().bytes_done(), 7u);
  EXPECT_EQ(world_.ledger.entries().size(), entries);
  // Not the source's to tell, and no more often than LatestProgress::kEvery.
  world_.Say(dev_, progress);
  EXPECT_EQ(world_.Heard(dev_).error().name(), "not-your-job");
  progress.mutable_job_progress()->mutable_progress()->set_bytes_done(8);
  world_.Say(prod_, progress);
  EXPECT_EQ(world_.Heard(alice_).job_progress().progress().bytes_done(), 7u);
  world_.clock.Advance(LatestProgress::kEvery);
  world_.Say(prod_, progress);
  EXPECT_EQ(world_.Heard(alice_).job_progress().progress().bytes_done(), 8u);
}

TEST_F(CoordinatorTest, WhoeverAsksInMidTransferSeesWhatAgentsToldLast) {
  ConnectAll();
  SubmitOrder();
  AcceptAll();
  v1::ControlMessage get;
  get.mutable_get_promotion()->set_id("promotion-1");
  v1::ControlMessage progress;
  v1::JobProgress& told = *progress.mutable_job_progress();
  told.set_promotion("promotion-1");
  told.set_role(v1::JOB_ROLE_TARGET);
  told.mutable_progress()->add_ways()->set_tries(2);
  for (const uint64_t bytes : {6, 7}) {  // the second too soon to be passed on
    told.mutable_progress()->set_bytes_done(bytes);
    world_.Say(prod_, progress);
  }
  EXPECT_EQ(Ask(get).promotion_detail().targets(0).progress().bytes_done(), 0u)
      << "it does not transfer yet";
  world_.Say(prod_, world_.TargetReport(2, v1::TARGET_STATE_TRANSFERRING));
  const v1::Progress shown = Ask(get).promotion_detail().targets(0).progress();
  EXPECT_EQ(shown.bytes_done(), 7u);
  ASSERT_EQ(shown.ways_size(), 1);
  EXPECT_EQ(shown.ways(0).tries(), 2u);
}

TEST_F(CoordinatorTest, PromotionIsFoundByUniquePrefixWithItsEntries) {
  ConnectAll();
  SubmitOrder();
  v1::ControlMessage get;
  get.mutable_get_promotion()->set_id("p");
  const v1::ControlMessage answer = Ask(get);
  ASSERT_EQ(answer.promotion_detail().entries_size(), 1);
  EXPECT_EQ(answer.promotion_detail().entries(0).kind(), "order");
  get.mutable_get_promotion()->set_id("q");
  EXPECT_EQ(Ask(get).error().name(), "no-promotion");
}

TEST_F(CoordinatorTest, DetailSaysHowManyEntriesDidNotFit) {
  ConnectAll();
  SubmitOrder();
  AcceptAll();
  PromotionEntries read{.entries = {}, .total = 12};
  for (uint64_t i = 1; i <= 10; ++i) {
    LedgerEntry entry;
    entry.sequence = i;
    entry.body = std::string(200 << 10, 'x');
    read.entries.push_back(entry);
  }
  v1::PromotionDetail detail = DetailOf(promotion());
  AddEntries(detail, read);
  ASSERT_GT(detail.entries_size(), 1);
  ASSERT_LT(detail.entries_size(), 10);
  EXPECT_EQ(detail.entries(0).sequence(), 1u);
  EXPECT_EQ(detail.entries(detail.entries_size() - 1).sequence(), 10u);
  EXPECT_EQ(detail.entries_left_out(), 12u - static_cast<uint64_t>(detail.entries_size()));
}

TEST_F(CoordinatorTest, ListsByAppAndState) {
  ConnectAll();
  SubmitOrder();
  v1::ControlMessage list;
  list.mutable_list_promotions()->set_app("prod:acme/payments/checkout");
  list.mutable_list_promotions()->set_state("recorded");
  EXPECT_EQ(Ask(list).promotion_list().promotions_size(), 1);
  list.mutable_list_promotions()->set_state("done");
  const v1::ControlMessage none = Ask(list);
  EXPECT_TRUE(none.has_promotion_list());
  EXPECT_EQ(none.promotion_list().promotions_size(), 0);
  list.mutable_list_promotions()->set_state("DONE");
  EXPECT_EQ(Ask(list).error().name(), "bad-state");
}

TEST_F(CoordinatorTest, FoundationsShowWhoIsConnectedAndSinceWhen) {
  ConnectAll();
  world_.clock.Advance(absl::Minutes(1));
  world_.Disconnect(prod_);
  v1::ControlMessage list;
  list.mutable_list_foundations();
  const v1::FoundationList foundations = Ask(list).foundation_list();
  ASSERT_EQ(foundations.foundations_size(), 2);
  EXPECT_EQ(foundations.foundations(0).name(), "dev");
  EXPECT_TRUE(foundations.foundations(0).connected());
  EXPECT_EQ(foundations.foundations(0).bulk_endpoint(), kDevEndpoint);
  EXPECT_EQ(foundations.foundations(0).agent(), world_.trust.agent("dev").identity.Public().id());
  EXPECT_FALSE(foundations.foundations(1).connected());
  EXPECT_EQ(foundations.foundations(1).since_milliseconds(),
            absl::ToUnixMillis(trust::kTestNow + absl::Minutes(1)));
}

v1::ControlMessage ReadOf(const std::string& foundation) {
  v1::ControlMessage read;
  read.mutable_read_call()->set_foundation(foundation);
  read.mutable_read_call()->set_envelope("signed question");
  return read;
}

TEST_F(CoordinatorTest, ReadGoesToTheAgentAndItsAnswerBackUnderTheAskersId) {
  ConnectAll();
  v1::ControlMessage read = ReadOf("prod");
  read.set_request("mine");
  world_.Say(alice_, read);
  const v1::ControlMessage asked = world_.Heard(prod_);
  EXPECT_EQ(asked.read_call().envelope(), "signed question");
  EXPECT_NE(asked.request(), "mine");
  v1::ControlMessage answer;
  answer.set_request(asked.request());
  answer.mutable_read_answer()->set_envelope("signed answer");
  world_.Say(dev_, answer);  // another agent cannot answer for prod
  EXPECT_THAT(Answers(alice_, "mine"), IsEmpty());
  world_.Say(prod_, answer);
  ASSERT_EQ(Answers(alice_, "mine").size(), 1u);
  EXPECT_EQ(Answers(alice_, "mine")[0].read_answer().envelope(), "signed answer");
}

TEST_F(CoordinatorTest, ReadThatCannotBeAnsweredFailsByName) {
  ConnectAll();
  EXPECT_EQ(Ask(ReadOf("nowhere")).error().name(), "no-foundation");
  world_.Say(alice_, ReadOf("prod"));
  world_.clock.Advance(ReadCalls::kAnswerWithin);
  world_.timers.RunDue();
  EXPECT_EQ(world_.Heard(alice_).error().name(), "agent-not-answering");
  world_.Say(alice_, ReadOf("prod"));
  world_.Disconnect(prod_);
  EXPECT_EQ(world_.Heard(alice_).error().name(), "agent-not-connected");
  EXPECT_EQ(Ask(ReadOf("prod")).error().name(), "agent-not-connected");
}

TEST_F(CoordinatorTest, ReadsInFlightAreBounded) {
  ConnectAll();
  for (size_t i = 0; i < ReadCalls::kCallsPerSessionMax; ++i) world_.Say(alice_, ReadOf("prod"));
  EXPECT_EQ(Ask(ReadOf("prod")).error().name(), "too-many-reads");
  const net::SessionId other = world_.Connect(world_.OperatorPeer());
  world_.Say(other, ReadOf("prod"));
  EXPECT_THAT(world_.sender.sent[other], IsEmpty());  // waits for its answer
}

TEST_F(CoordinatorTest, WhatIsNotForARoleToSendIsRefused) {
  ConnectAll();
  world_.Say(prod_, CoordinatorWorld::Submit(world_.trust.Signed(world_.order)));
  EXPECT_EQ(world_.Heard(prod_).error().name(), "unexpected-message");
  world_.Say(alice_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED));
  EXPECT_EQ(world_.Heard(alice_).error().name(), "unexpected-message");
  EXPECT_EQ(world_.coordinator->book().Committed("promotion-1"), nullptr);
}

TEST_F(CoordinatorTest, ErrorIsNeverAnsweredWithAnother) {
  ConnectAll();
  v1::ControlMessage error;
  error.mutable_error()->set_name("whatever");
  world_.Say(alice_, error);
  EXPECT_THAT(world_.sender.sent[alice_], IsEmpty());
}

TEST_F(CoordinatorTest, FullDiskRefusesByNameAndNothingIsSentUntilItRecovers) {
  ConnectAll();
  world_.ledger.full = true;
  SubmitOrder();
  EXPECT_EQ(world_.Heard(alice_).error().name(), "ledger-unavailable");
  EXPECT_THAT(Commanded(dev_), IsEmpty());
  world_.ledger.full = false;
  SubmitOrder();  // not tried again yet
  EXPECT_EQ(world_.Heard(alice_).error().name(), "ledger-unavailable");
  world_.clock.Advance(EventRecorder::kRecoverAfter);
  world_.timers.RunDue();
  SubmitOrder();
  EXPECT_EQ(world_.Heard(alice_).order_recorded().promotion(), "promotion-1");
  EXPECT_THAT(Commanded(dev_), ElementsAre(v1::JOB_STEP_ACCEPT));
}

TEST_F(CoordinatorTest, AgentsAreAskedAgainForReportsThatTheLedgerDidNotTake) {
  ConnectAll();
  SubmitOrder();
  world_.ledger.full = true;
  world_.sender.sent[prod_].clear();
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  EXPECT_THAT(world_.sender.sent[prod_], IsEmpty());
  world_.Say(dev_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED));
  EXPECT_EQ(world_.Heard(dev_).error().name(), "ledger-unavailable");
  world_.ledger.full = false;
  for (int i = 0; i < 2; ++i) {  // the ledger recovers, then the agents are asked
    world_.clock.Advance(EventRecorder::kRecoverAfter);
    world_.timers.RunDue();
    world_.ledger.Settle();
  }
  EXPECT_THAT(Commanded(prod_), ElementsAre(v1::JOB_STEP_ACCEPT));
  AcceptAll();
  EXPECT_EQ(state(), "transferring");
}

TEST_F(CoordinatorTest, RoutesThatWereNotKeptAreChosenAgainWhenTheLedgerRecovers) {
  ConnectAll();
  SubmitOrder();
  world_.Say(dev_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED));
  // The report is kept; the choice that follows from it is not.
  world_.sender.on_send = [this] { world_.ledger.full = true; };
  world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  EXPECT_EQ(state(), "transferring");
  EXPECT_TRUE(promotion().routes.empty());
  world_.sender.on_send = nullptr;
  world_.ledger.full = false;
  for (int i = 0; i < 2; ++i) {
    world_.clock.Advance(EventRecorder::kRecoverAfter);
    world_.timers.RunDue();
    world_.ledger.Settle();
  }
  EXPECT_EQ(promotion().routes.size(), 1u);
}

TEST_F(CoordinatorTest, NewTrustDocumentIsRecordedAndClosesWhomItDoesNotAdmit) {
  ConnectAll();
  trust::TrustContent content = world_.trust.content();
  content.version += 1;
  content.revoked_keys.insert(world_.trust.agent("prod").identity.Public().text());
  world_.trust.Use(content);
  std::optional<Status> adopted;
  ASSERT_THAT(world_.coordinator->AdoptTrust(world_.trust.shared_document(),
                                             [&](const Status& status) { adopted = status; }),
              IsOk());
  EXPECT_EQ(world_.trust_in_force->Get()->version() + 1, content.version);  // not recorded yet
  world_.ledger.Settle();
  ASSERT_TRUE(adopted.has_value());
  EXPECT_THAT(*adopted, IsOk());
  EXPECT_EQ(world_.trust_in_force->Get()->version(), content.version);
  EXPECT_EQ(world_.ledger.entries().back().kind, "trust");
  EXPECT_THAT(world_.sender.closed, ElementsAre(prod_));
  SubmitOrder();
  EXPECT_THAT(Commanded(prod_), IsEmpty());
  EXPECT_EQ(world_.Replayed().trust_floor().version, content.version);
}

}  // namespace
}  // namespace sluice::coordinator
