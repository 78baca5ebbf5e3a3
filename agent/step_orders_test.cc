// Goal: an order that asks for a step is obeyed by the jobs that it is about, and by no other.
// Method: as in target_jobs_test.cc.
#include <string>

#include "agent/testing/target_jobs_fixture.h"

namespace sluice::agent {
namespace {

// An order with a second target at the same foundation, and so a second job of this agent.
class TwoTargetsTest : public TargetJobsTest {
 protected:
  TwoTargetsTest() {
    order_.targets.push_back(order_.targets[0]);
    order_.targets[1].reference.space = "second";
    order_.targets[1].space_guid = SpaceGuid("space-2");
    order_.targets[1].app_guid = AppGuid("app-2");
    order_.targets[1].counter = 4;
    order_text_ = trust_.Signed(order_);
  }

  v1::JobCommand At(uint32_t index, v1::JobCommand command) {
    command.set_target_index(index);
    if (index > 0) command.clear_routes();
    return command;
  }
  void PromoteBoth() {
    for (const uint32_t index : {0u, 1u}) {
      Hear(At(index, Command(v1::JOB_STEP_ACCEPT, order_text_)));
      EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ACCEPTED);
    }
    for (const uint32_t index : {0u, 1u}) Hear(At(index, Transfer()));
    for (const uint32_t index : {0u, 1u}) {
      Hear(At(index, Command(v1::JOB_STEP_ACTIVATE, order_text_)));
      const v1::JobReport report = LastReport();
      EXPECT_EQ(report.target_state(), v1::TARGET_STATE_VERIFIED);
      EXPECT_EQ(report.target_index(), index);
    }
  }
  v1::JobCommand Undo(uint32_t index, const trust::Order& order) {
    v1::JobCommand command = At(index, Command(v1::JOB_STEP_UNDO, order_text_));
    command.set_step_order(trust_.Signed(order));
    return command;
  }
  trust::Order RollbackOfBoth() {
    trust::Order order = order_;
    order.order_id = std::string(32, 'e');
    order.action = trust::Action::kRollback;
    order.original_order_sha256 = trust::OrderSha256(order_text_);
    for (trust::OrderTarget& target : order.targets) {
      ++target.counter;
      target.droplet_guid = target.expected_current_droplet_guid;
      target.expected_current_droplet_guid = DropletGuid("promoted-here");
    }
    return order;
  }
};

TEST_F(TwoTargetsTest, BothJobsOfOneOrderGoTheirWayAndObeyOneRollbackOrder) {
  PromoteBoth();
  const trust::Order rollback = RollbackOfBoth();
  for (const uint32_t index : {0u, 1u}) {
    Hear(Undo(index, rollback));
    const v1::JobReport report = LastReport();
    EXPECT_EQ(report.target_state(), v1::TARGET_STATE_ROLLED_BACK) << report.error().name();
    EXPECT_EQ(report.target_index(), index);
  }
}

TEST_F(TwoTargetsTest, RollbackOrderForTheSecondAloneIsObeyedThereAndNotAtTheFirst) {
  PromoteBoth();
  trust::Order rollback = RollbackOfBoth();
  rollback.targets = {rollback.targets[1]};
  Hear(Undo(0, rollback));
  EXPECT_EQ(LastReport().error().name(), "order-differs");
  Hear(Undo(1, rollback));
  EXPECT_EQ(LastReport().target_state(), v1::TARGET_STATE_ROLLED_BACK);
  Hear(Undo(0, rollback));  // accepted by the other job, which makes it no order for this one
  EXPECT_EQ(LastReport().error().name(), "order-differs");
}

// What was true when the first job obeyed need not be so when the second is asked.
TEST_F(TwoTargetsTest, StepOrderThatExpiredSinceTheFirstObeyedItIsRefusedAtTheSecond) {
  PromoteBoth();
  const trust::Order rollback = RollbackOfBoth();
  Hear(Undo(0, rollback));
  ASSERT_EQ(LastReport().target_state(), v1::TARGET_STATE_ROLLED_BACK);
  clock_.Advance(rollback.expires_at - clock_.Now());
  Hear(Undo(1, rollback));
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(report.error().name(), "order-expired");
}

TEST_F(TwoTargetsTest, SecondPartOfAnAcceptedOrderIsRefusedForWhatHasChangedSince) {
  Hear(At(0, Command(v1::JOB_STEP_ACCEPT, order_text_)));
  ASSERT_EQ(LastReport().target_state(), v1::TARGET_STATE_ACCEPTED);
  target_.calls.clear();
  const auto expect_refused = [this](const std::string& name) {
    Hear(At(1, Command(v1::JOB_STEP_ACCEPT, order_text_)));
    const v1::JobReport report = LastReport();
    EXPECT_EQ(report.target_state(), v1::TARGET_STATE_REFUSED) << name;
    EXPECT_EQ(report.error().name(), name);
    EXPECT_THAT(target_.calls, ::testing::IsEmpty()) << name;
  };
  const trust::TrustContent before = trust_.content();
  const auto reload_with = [&](const std::function<void(trust::TrustContent&)>& change) {
    trust::TrustContent content = before;
    change(content);
    content.version = trust_.content().version + 1;
    trust_.Use(content);
    WriteTrust();
    ASSERT_THAT(authority_->Reload(), IsOk());
  };
  reload_with([this](trust::TrustContent& content) {
    content.revoked_keys.insert(trust_.alice().signing.Public().text());
  });
  expect_refused("key-revoked");
  reload_with([](trust::TrustContent& content) {
    content.operators.at("alice").grants = {trust::AllActions({"dev:*/*", "prod:acme/payments"})};
  });
  expect_refused("not-granted");
  reload_with([this](trust::TrustContent& content) {
    content.denied_droplets.insert(order_.artifact.sha256);
  });
  expect_refused("droplet-denied");
  reload_with([](trust::TrustContent&) {});
  policy_file_ = folder_ + "/policy.yaml";
  ASSERT_THAT(files_.Replace(policy_file_, "operators: [bob]\n", FileAccess::kEveryone), IsOk());
  StartAgent();
  expect_refused("policy-operator");
}

TEST_F(TargetJobsTest, AcceptedStepOrderOfAnotherPromotionMovesNothingHere) {
  order_.activate = false;
  order_text_ = trust_.Signed(order_);
  Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
  Hear(Transfer());
  const std::string activate = StepOrder(trust::Action::kActivate);
  v1::JobCommand command = Command(v1::JOB_STEP_ACTIVATE, order_text_);
  command.set_step_order(activate);
  Hear(command);
  ASSERT_EQ(LastReport().target_state(), v1::TARGET_STATE_VERIFIED);
  // The next promotion waits for an order of its own.
  order_.order_id = std::string(32, 'e');
  order_.promotion = PromotionId("promotion-2");
  order_.targets[0].counter = 2;
  order_text_ = trust_.Signed(order_);
  const auto second = [this](v1::JobCommand given) {
    given.set_promotion("promotion-2");
    return given;
  };
  Hear(second(Command(v1::JOB_STEP_ACCEPT, order_text_)));
  Hear(second(Transfer()));
  ASSERT_EQ(LastReport().target_state(), v1::TARGET_STATE_UPLOADED);
  command = second(Command(v1::JOB_STEP_ACTIVATE, order_text_));
  command.set_step_order(activate);
  Hear(command);
  const v1::JobReport report = LastReport();
  EXPECT_EQ(report.target_state(), v1::TARGET_STATE_UPLOADED);
  EXPECT_EQ(report.error().name(), "wrong-promotion");
}

}  // namespace
}  // namespace sluice::agent
