// Goal: what a source's agent does when a coordinator speaks to it. Method: a whole agent with
// scripted steps.
#include "agent/testing/agent_fixture.h"

namespace sluice::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SourceJobsTest : public AgentFixture {
 protected:
  SourceJobsTest() : AgentFixture("dev") {}

  v1::JobCommand Command(v1::JobStep step) const {
    v1::JobCommand command;
    command.set_promotion("promotion-1");
    command.set_role(v1::JOB_ROLE_SOURCE);
    command.set_step(step);
    command.set_order(order_text_);
    return command;
  }

  v1::JobCommand Transfer() const {
    v1::JobCommand command = Command(v1::JOB_STEP_TRANSFER);
    command.add_seal_offers("{offer}");
    v1::Route* route = command.add_routes();
    route->set_path(v1::PATH_KIND_DIRECT);
    route->set_dial(true);
    route->set_endpoint("tcp://prod:7720");
    return command;
  }

  const std::string order_text_ = trust_.Signed(trust_.PromoteOrder());
};

TEST_F(SourceJobsTest, AcceptedOrderIsAnsweredByTheStatement) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.source_state(), v1::SOURCE_STATE_ACCEPTED);
  EXPECT_THAT(report.evidence(), ElementsAre("{statement}"));
  EXPECT_TRUE(*journal_->OrderAccepted(trust::OrderSha256(order_text_)));
}

TEST_F(SourceJobsTest, DropletThatIsNotTheOrdersIsRefusedOnceAndForAll) {
  source_.statement = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bits");
  Hear(Command(v1::JOB_STEP_ACCEPT));
  EXPECT_EQ(LastReport().error().name(), "digest-mismatch");
  source_.statement = std::string("{statement}");
  Hear(Command(v1::JOB_STEP_ACCEPT));
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_REFUSED);
  EXPECT_THAT(source_.calls, ElementsAre("state"));
}

TEST_F(SourceJobsTest, ExpiredOrderIsRefusedBeforeTheFoundationIsAsked) {
  clock_.Advance(absl::Hours(2));
  Hear(Command(v1::JOB_STEP_ACCEPT));
  EXPECT_EQ(LastReport().error().name(), "order-expired");
  EXPECT_THAT(source_.calls, IsEmpty());
}

TEST_F(SourceJobsTest, TransferIsSentOnceOverTheChosenPath) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.source_state(), v1::SOURCE_STATE_SENT);
  ASSERT_EQ(source_.sending.paths.size(), 1u);
  ASSERT_EQ(source_.sending.paths[0].ways.size(), 1u);
  EXPECT_EQ(source_.sending.paths[0].ways[0].kind, transfer::WayKind::kDialled);
  EXPECT_EQ(source_.sending.paths[0].ways[0].endpoint, "tcp://prod:7720");
  EXPECT_THAT(source_.sending.seal_offers, ElementsAre("{offer}"));
  Hear(Transfer());
  EXPECT_EQ(LastReport().revision(), report.revision());
  EXPECT_THAT(source_.calls, ElementsAre("state", "make-seed", "send", "forget"));
}

TEST_F(SourceJobsTest, ExportIsStatedAndSentLikeAPromotionWithoutAnySealOffer) {
  v1::JobCommand command = Command(v1::JOB_STEP_ACCEPT);
  command.set_promotion("export-1");
  command.set_order(trust_.Signed(trust_.ExportOrder()));
  Hear(command);
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_ACCEPTED);
  v1::Route* route = command.add_routes();
  route->set_path(v1::PATH_KIND_RELAY);
  route->set_dial(true);
  route->set_endpoint("tcp://relay:7711");
  command.set_step(v1::JOB_STEP_TRANSFER);
  Hear(command);
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENT);
  EXPECT_EQ(source_.sending.order.recipient, trust_.ExportOrder().recipient);
  EXPECT_THAT(source_.sending.seal_offers, IsEmpty());
}

TEST_F(SourceJobsTest, ExportToAnotherThanWhoSignedItIsRefusedBeforeTheFoundationIsAsked) {
  trust::Order order = trust_.ExportOrder();
  order.recipient->curve_key = trust_.agent("prod").curve.public_key().bytes();
  v1::JobCommand command = Command(v1::JOB_STEP_ACCEPT);
  command.set_promotion("export-1");
  command.set_order(trust_.Signed(order));
  Hear(command);
  EXPECT_EQ(LastReport().error().name(), "recipient-not-the-operator");
  EXPECT_THAT(source_.calls, IsEmpty());
}

TEST_F(SourceJobsTest, ProgressIsSentAtTheBeginningAndAsTheBytesMoveAndOnlyThen) {
  std::vector<v1::JobProgress> shown;
  const auto let_time_pass = [&] {
    clock_.Advance(absl::Seconds(1));
    timers_.RunDue();
  };
  source_.in_send = [&](TransferMeter& meter) {
    sent_.clear();
    transfer::TransferFigures figures;
    figures.bytes_total = 10;
    meter.Show([&figures] { return figures; });
    for (const uint64_t done : {0, 4, 4, 9}) {
      figures.bytes_done = done;
      let_time_pass();
    }
    meter.Hide();
    for (const v1::ControlMessage& message : sent_) shown.push_back(message.job_progress());
  };
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_EQ(shown[0].progress().bytes_done(), 0u);
  EXPECT_EQ(shown[1].progress().bytes_done(), 4u);
  EXPECT_EQ(shown[2].progress().bytes_done(), 9u);
  EXPECT_EQ(shown[2].progress().phase(), "transfer");
  EXPECT_EQ(shown[2].role(), v1::JOB_ROLE_SOURCE);
  sent_.clear();
  let_time_pass();
  EXPECT_THAT(sent_, IsEmpty());  // what is over has no progress
}

TEST_F(SourceJobsTest, ProgressIsShownAgainToACoordinatorThatIsBack) {
  const auto shown = [this] {
    sent_.clear();
    clock_.Advance(absl::Seconds(1));
    timers_.RunDue();
    return sent_.size();
  };
  source_.in_send = [&](TransferMeter& meter) {
    transfer::TransferFigures figures;
    figures.bytes_total = 10;
    figures.bytes_done = 4;
    meter.Show([&figures] { return figures; });
    EXPECT_EQ(shown(), 1u);
    EXPECT_EQ(shown(), 0u) << "nothing has moved";
    agent_->OnWelcome(v1::Welcome());
    EXPECT_EQ(shown(), 1u);
    meter.Hide();
  };
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  EXPECT_EQ(source_.sending.order.promotion, PromotionId("promotion-1")) << "it was sent";
}

TEST_F(SourceJobsTest, SendingThatFindsNoFreeThreadBeginsWhenThereIsOne) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  steps_.full = true;
  Hear(Transfer());
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENDING);
  steps_.full = false;
  LetTimePass();
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENT);
}

TEST_F(SourceJobsTest, FailedSendingIsReportedByItsCause) {
  source_.send = NamedError(StatusCode::kDataLoss, "download-truncated", "cut");
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.source_state(), v1::SOURCE_STATE_FAILED);
  EXPECT_EQ(report.error().name(), "download-truncated");
}

TEST_F(SourceJobsTest, CancelStopsSending) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  v1::ControlMessage message;
  *message.mutable_job_command() = Transfer();
  agent_->OnMessage(message);
  Hear(Command(v1::JOB_STEP_CANCEL));
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_CANCELLED);
}

TEST_F(SourceJobsTest, SendingThatDiedWithTheProcessGoesOnWithTheSameSeed) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  v1::ControlMessage message;
  *message.mutable_job_command() = Transfer();
  agent_->OnMessage(message);
  RunOneStep();  // the seed is made
  RunPosted();   // and journalled; the sending is held
  StartAgent();
  EXPECT_THAT(source_.remembered, ElementsAre(trust::OrderSha256(order_text_)));
  agent_->OnWelcome(v1::Welcome());
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENDING);
  source_.seed = NamedError(StatusCode::kInternal, "second-seed", "one stream has one key");
  Hear(Transfer());
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENT);
  EXPECT_THAT(source_.calls, ElementsAre("state", "make-seed", "send", "forget"));
  ASSERT_TRUE(source_.sending.seed.has_value());
  EXPECT_EQ(source_.sending.seed->content_key.Reveal(), "content key");
  EXPECT_EQ(source_.sending.seed->header, "header");
}

TEST_F(SourceJobsTest, SeedIsJournalledBeforeAnythingIsSentAndGoneWhenAllIsSent) {
  const auto journalled = [this] {
    const auto job = *journal_->FindJob({"promotion-1", JobRole::kSource, 0});
    return std::string(job->secret.Reveal());
  };
  std::string while_sending;
  source_.in_send = [&](TransferMeter&) { while_sending = journalled(); };
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  EXPECT_EQ(while_sending, "content key");
  EXPECT_EQ(journalled(), "");
}

TEST_F(SourceJobsTest, SeedThatCannotBeMadeFailsTheJob) {
  source_.seed = NamedError(StatusCode::kPermissionDenied, "unknown-agent", "forged offer");
  Hear(Command(v1::JOB_STEP_ACCEPT));
  Hear(Transfer());
  EXPECT_EQ(LastReport().error().name(), "unknown-agent");
  EXPECT_THAT(source_.calls, ElementsAre("state", "make-seed", "forget"));
}

TEST_F(SourceJobsTest, SendingOfAProcessBeforeIsCancelledWithoutAStep) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  v1::ControlMessage message;
  *message.mutable_job_command() = Transfer();
  agent_->OnMessage(message);
  StartAgent();
  Hear(Command(v1::JOB_STEP_CANCEL));
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_CANCELLED);
  EXPECT_THAT(source_.calls, ElementsAre("state", "forget"));
}

TEST_F(SourceJobsTest, RevisionsRiseEvenIfTheJournalIsLost) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  const uint64_t before = LastReport().revision();
  agent_.reset();
  reads_.reset();
  authority_.reset();
  journal_.reset();
  std::filesystem::remove(folder_ + "/journal.db");
  clock_.Advance(absl::Seconds(1));
  StartAgent();
  Hear(Command(v1::JOB_STEP_ACCEPT));
  EXPECT_GT(LastReport().revision(), before);
}

TEST_F(SourceJobsTest, SignedQuestionGetsASignedAnswerAndAStrangersASignedRefusal) {
  trust::ReadRequest request = trust_.Request("dev");
  request.action = "foundation";
  request.arguments = "{}";
  const auto ask = [this](const std::string& envelope) {
    v1::ControlMessage message;
    message.set_request("0123456789abcdef");
    message.mutable_read_call()->set_foundation("dev");
    message.mutable_read_call()->set_envelope(envelope);
    agent_->OnMessage(message);
    RunSteps();
    EXPECT_EQ(sent_.back().request(), "0123456789abcdef");
    return *trust::VerifyReadReply(sent_.back().read_answer().envelope(), envelope,
                                   trust_.document());
  };
  const trust::ReadReply reply = ask(*trust::SignReadRequest(request, trust_.alice().signing));
  EXPECT_THAT(reply.status, IsOk());
  EXPECT_THAT(reply.result, ::testing::HasSubstr("connect-failed"));
  trust::TestTrust others({"x"});
  const trust::OperatorKey stranger = others.AddOperator("mallory", {});
  EXPECT_THAT(ask(*trust::SignReadRequest(request, stranger.signing)).status,
              HasErrorName("unknown-operator"));
  request.action = "format-disk";
  EXPECT_THAT(ask(*trust::SignReadRequest(request, trust_.alice().signing)).status,
              HasErrorName("unknown-read"));
}

TEST_F(SourceJobsTest, QuestionThatTheFoundationLeavesUnansweredIsAnsweredByThat) {
  trust::ReadRequest request = trust_.Request("dev");
  request.action = "foundation";
  request.arguments = "{}";
  const std::string envelope = *trust::SignReadRequest(request, trust_.alice().signing);
  v1::ControlMessage message;
  message.mutable_read_call()->set_foundation("dev");
  message.mutable_read_call()->set_envelope(envelope);
  agent_->OnMessage(message);
  clock_.Advance(kReadAnsweredWithin);
  timers_.RunDue();
  RunSteps();
  const trust::ReadReply reply =
      *trust::VerifyReadReply(sent_.back().read_answer().envelope(), envelope, trust_.document());
  EXPECT_THAT(reply.status, HasErrorName("foundation-not-answering"));
}

TEST_F(SourceJobsTest, MessageThatIsNotForAgentsIsRefusedByName) {
  v1::ControlMessage message;
  message.set_request("0123456789abcdef");
  message.mutable_list_foundations();
  agent_->OnMessage(message);
  EXPECT_EQ(sent_.back().error().name(), "unexpected-message");
  EXPECT_EQ(sent_.back().request(), "0123456789abcdef");
}

}  // namespace
}  // namespace sluice::agent
