// Goal: a full disk under the journal loses nothing and ends nothing: what it cannot take is waited
// for, and a stop waits for nothing. Without its file nothing is acted upon. Method: as in
// target_jobs_test.cc, on a disk that the test fills, and with a file that it moves.
#include <filesystem>

#include "agent/testing/target_jobs_fixture.h"
#include "common/store/testing/full_disk.h"

namespace sluice::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Before the journal, which is opened on it.
struct WithFullDisk {
  store::FullDisk disk_;
};

class FullJournalTest : public WithFullDisk, public TargetJobsTest {
 protected:
  v1::JobCommand Cancel() {
    v1::JobCommand command = Command(v1::JOB_STEP_CANCEL, order_text_);
    command.set_step_order(StepOrder(trust::Action::kCancel));
    return command;
  }
  void UploadOnly() {
    order_.activate = false;
    order_text_ = trust_.Signed(order_);
    Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
    Hear(Transfer());
    ASSERT_EQ(LastReport().target_state(), v1::TARGET_STATE_UPLOADED);
  }
};

TEST_F(FullJournalTest, NewPromotionIsRefusedByNameAndAcceptedWhenThereIsRoom) {
  disk_.Fill();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_REFUSED);
  EXPECT_EQ(report.error().name(), "disk-full");
  disk_.MakeRoom();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ACCEPTED);
}

TEST_F(FullJournalTest, CancelOrderIsObeyedAsSoonAsItCanBeJournalled) {
  UploadOnly();
  disk_.Fill();
  const v1::JobCommand cancel = Cancel();
  for (int i = 0; i < 2; ++i) Hear(cancel);
  LetTimePass();
  EXPECT_THAT(given_up_, IsOk());
  EXPECT_THAT(target_.calls, Not(Contains("undo"))) << "nothing before it is journalled";
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_TRUE(*journal_->OrderAccepted(trust::OrderSha256(cancel.step_order())));
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(FullJournalTest, RollbackOrderIsObeyedAsSoonAsItCanBeJournalled) {
  Promote();
  Record(LastReport());
  disk_.Fill();
  v1::JobCommand command = Command(v1::JOB_STEP_UNDO, order_text_);
  command.set_step_order(StepOrder(trust::Action::kRollback));
  for (int i = 0; i < 2; ++i) Hear(command);
  EXPECT_THAT(given_up_, IsOk());
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(*journal_->LastCounter("prod:acme/payments/checkout"), 2);
  EXPECT_THAT(target_.calls,
              ElementsAre("check-plan", "upload", "activate", "check-rollback", "undo"));
}

TEST_F(FullJournalTest, OrderThatExpiredWhileItWaitedIsRefused) {
  UploadOnly();
  disk_.Fill();
  Hear(Cancel());
  clock_.Advance(order_.expires_at - clock_.Now());
  disk_.MakeRoom();
  LetTimePass();
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(report.error().name(), "order-expired");
}

TEST_F(FullJournalTest, ActivationWaitsForRoomAndGoesOn) {
  target_.in_activate = [this] { disk_.Fill(); };
  int waits = 0;
  step_waiter_.in_wait = [this, &waits] {
    if (++waits == 3) disk_.MakeRoom();
  };
  Promote();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(waits, 3);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "activate"));
}

TEST_F(FullJournalTest, CancelEndsTheWaitOfAnActivationAtOnce) {
  target_.in_activate = [this] { disk_.Fill(); };
  int waits = 0;
  step_waiter_.in_wait = [this, &waits] {
    if (++waits == 2) Receive(Cancel());
    if (waits == 100) disk_.MakeRoom();
  };
  Promote();
  EXPECT_EQ(waits, 2);
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "activate", "undo"));
}

TEST_F(FullJournalTest, UndoWaitsForRoomAndNeedsNobodysHands) {
  UploadOnly();
  target_.in_undo = [this] { disk_.Fill(); };
  int waits = 0;
  step_waiter_.in_wait = [this, &waits] {
    if (++waits == 3) disk_.MakeRoom();
  };
  Hear(Cancel());
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(waits, 3);
}

TEST_F(FullJournalTest, UploadWaitsForRoomUntilItsOrderExpires) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  target_.in_upload = [this] { disk_.Fill(); };
  Hear(Transfer());
  EXPECT_GE(clock_.Now(), order_.expires_at);
  disk_.MakeRoom();
  LetTimePass();
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_FAILED);
  EXPECT_EQ(report.error().name(), "order-expired");
}

TEST_F(FullJournalTest, CancelStopsAnUploadBeforeItIsJournalled) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  target_.in_upload = [this] {
    disk_.Fill();
    Receive(Cancel());
  };
  Hear(Transfer());
  EXPECT_TRUE(target_.stopped);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload"));
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(FullJournalTest, WishOfTheCoordinatorStopsAnUploadBeforeItIsJournalled) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  target_.in_upload = [this] {
    disk_.Fill();
    Receive(Command(v1::JOB_STEP_UNDO, order_text_));
  };
  Hear(Transfer());
  EXPECT_TRUE(target_.stopped);
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_FAILED);
}

TEST_F(FullJournalTest, EndOfAStepIsKeptHoweverManyWishesWait) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  target_.in_upload = [this] {
    disk_.Fill();
    for (size_t i = 0; i < 2 * kUnsavedWishesMax; ++i) Receive(Cancel());
  };
  Hear(Transfer());
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_CANCELLED);
  EXPECT_THAT(target_.calls, ElementsAre("check-plan", "upload", "undo"));
}

TEST_F(FullJournalTest, NewsThatCannotBeJournalledAreReportedWhenTheyCan) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  std::vector<v1::JobReport> reports;
  target_.in_upload_of = [&](TargetFacts& facts, const Checkpoint& checkpoint) {
    RunPosted();
    Reports();  // that it transfers
    facts.waiting_for = kWaitingForPeer;
    ASSERT_THAT(checkpoint(facts), IsOk());
    disk_.Fill();
    RunPosted();
    EXPECT_THAT(Reports(), IsEmpty());
    disk_.MakeRoom();
    clock_.Advance(absl::Seconds(1));
    timers_.RunDue();
    reports = Reports();
    facts.waiting_for.clear();
  };
  Hear(Transfer());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].waiting_for(), v1::WAITING_FOR_PEER);
}

class MovedJournalTest : public TargetJobsTest {
 protected:
  void MoveAside() { std::filesystem::rename(folder_ + "/journal.db", folder_ + "/aside"); }
  void PutBack() { std::filesystem::rename(folder_ + "/aside", folder_ + "/journal.db"); }
};

TEST_F(MovedJournalTest, NewPromotionIsRefusedByNameUntilTheJournalIsBack) {
  MoveAside();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_REFUSED);
  EXPECT_EQ(report.error().name(), "database-gone");
  PutBack();
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ACCEPTED);
  EXPECT_THAT(given_up_, IsOk());
}

TEST_F(MovedJournalTest, JobUnderWayEndsTheAgentAndChangesNothing) {
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  MoveAside();
  Hear(Transfer());
  EXPECT_THAT(given_up_, HasErrorName("database-gone"));
  EXPECT_THAT(target_.calls, Not(Contains("activate")));
}

class FullSourceJournalTest : public WithFullDisk, public AgentFixture {
 protected:
  FullSourceJournalTest() : AgentFixture("dev") {}
  v1::JobCommand Command(v1::JobStep step) const {
    v1::JobCommand command;
    command.set_promotion("promotion-1");
    command.set_role(v1::JOB_ROLE_SOURCE);
    command.set_step(step);
    command.set_order(order_text_);
    return command;
  }
  const std::string order_text_ = trust_.Signed(trust_.PromoteOrder());
};

TEST_F(FullSourceJournalTest, CancelStopsSendingBeforeItIsJournalledAndNothingIsLost) {
  Hear(Command(v1::JOB_STEP_ACCEPT));
  source_.in_send = [this](TransferMeter&) {
    disk_.Fill();
    for (int i = 0; i < 100; ++i) Receive(Command(v1::JOB_STEP_CANCEL));
  };
  Hear(Command(v1::JOB_STEP_TRANSFER));
  EXPECT_TRUE(source_.stopped);
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_SENDING);
  disk_.MakeRoom();
  LetTimePass();
  EXPECT_EQ(LastReport().source_state(), v1::SOURCE_STATE_CANCELLED);
}

}  // namespace
}  // namespace sluice::agent
