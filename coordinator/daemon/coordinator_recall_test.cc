// A coordinator that keeps no ended promotion in memory: whatever is asked of one comes from the
// ledger, and is the same.
#include "coordinator/daemon/coordinator.h"

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/testing/conversation.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

class ForgetfulCoordinatorTest : public ::testing::Test, protected Conversation {
 protected:
  ForgetfulCoordinatorTest() : Conversation(0) {
    ConnectAll();
    for (const auto& step : WholePromotion()) step();
    EXPECT_EQ(world_.coordinator->book().Latest("promotion-1"), nullptr);
  }
  v1::ControlMessage AskFor(const std::string& id) {
    v1::ControlMessage get;
    get.mutable_get_promotion()->set_id(id);
    return Ask(get);
  }
};

TEST_F(ForgetfulCoordinatorTest, EndedPromotionIsShownFromTheLedger) {
  const v1::ControlMessage answer = AskFor("promo");
  EXPECT_EQ(answer.promotion_detail().summary().state(), v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(answer.promotion_detail().summary().operator_(), "alice");
  EXPECT_FALSE(answer.promotion_detail().targets(0).receipt().empty());
  EXPECT_GT(answer.promotion_detail().entries_size(), 3);
  v1::ControlMessage watch;
  watch.mutable_watch_promotion()->set_id("promotion-1");
  EXPECT_EQ(Ask(watch).promotion_detail().summary().state(), v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(AskFor("q").error().name(), "no-promotion");
}

TEST_F(ForgetfulCoordinatorTest, ListSaysWhatItDidNotSearch) {
  v1::ControlMessage list;
  list.mutable_list_promotions();
  const v1::ControlMessage answer = Ask(list);
  EXPECT_EQ(answer.promotion_list().promotions_size(), 0);
  EXPECT_EQ(answer.promotion_list().not_searched(), 1u);
}

TEST_F(ForgetfulCoordinatorTest, RepeatedOrderAndReportAreAnsweredAndNotRecordedAgain) {
  const size_t entries = world_.ledger.entries().size();
  SubmitOrder();
  EXPECT_EQ(world_.Heard(alice_).order_recorded().ledger_sequence(), 2u);
  world_.Say(prod_, world_.TargetReport(6, v1::TARGET_STATE_VERIFIED));
  EXPECT_EQ(world_.Heard(prod_).job_report_recorded().revision(), 6u);
  trust::Order other = world_.order;
  other.reason = "another";
  world_.Say(alice_, CoordinatorWorld::Submit(world_.trust.Signed(other)));
  EXPECT_EQ(world_.Heard(alice_).error().name(), "promotion-exists");
  EXPECT_EQ(world_.ledger.entries().size(), entries);
}

TEST_F(ForgetfulCoordinatorTest, RollbackBringsItBackAndARestartKnowsTheSame) {
  trust::Order rollback = world_.order;
  rollback.order_id = std::string(32, 'c');
  rollback.action = trust::Action::kRollback;
  rollback.original_order_sha256 = trust::OrderSha256(world_.trust.Signed(world_.order));
  for (trust::OrderTarget& target : rollback.targets) {
    target.droplet_guid = target.expected_current_droplet_guid;
    ++target.counter;
  }
  const std::string envelope = world_.trust.Signed(rollback);
  world_.Say(alice_, CoordinatorWorld::Submit(envelope));
  EXPECT_EQ(world_.Heard(alice_).order_recorded().promotion(), "promotion-1");
  EXPECT_EQ(state(), "undoing");
  EXPECT_EQ(world_.Heard(prod_).job_command().step(), v1::JOB_STEP_UNDO);
  const Promotion before = promotion();
  world_.Restart();
  EXPECT_EQ(promotion(), before);
  ConnectAll();
  world_.Say(prod_, world_.TargetReport(7, v1::TARGET_STATE_ROLLED_BACK));
  EXPECT_EQ(world_.coordinator->book().Latest("promotion-1"), nullptr);
  EXPECT_EQ(AskFor("promotion-1").promotion_detail().summary().state(),
            v1::PROMOTION_STATE_ROLLED_BACK);
}

}  // namespace
}  // namespace sluice::coordinator
