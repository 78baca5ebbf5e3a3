// An agent of "prod" with target jobs, and what a coordinator would say to it.
#pragma once

#include <string>

#include "agent/testing/agent_fixture.h"
#include "common/trust/envelope.h"

namespace sluice::agent {

class TargetJobsTest : public AgentFixture {
 protected:
  TargetJobsTest() : AgentFixture("prod") {}

  v1::JobCommand Command(v1::JobStep step, const std::string& order) const {
    v1::JobCommand command;
    command.set_promotion("promotion-1");
    command.set_role(v1::JOB_ROLE_TARGET);
    command.set_target_index(0);
    command.set_step(step);
    command.set_order(order);
    return command;
  }

  std::string StatementFor(const std::string& envelope, const trust::Order& order) const {
    const trust::Statement statement = {
        .sha256 = order.artifact.sha256,
        .size_bytes = order.artifact.size_bytes,
        .promotion = order.promotion,
        .order_sha256 = trust::OrderSha256(envelope),
        .source = order.source.reference,
        .app_guid = order.source.app_guid,
        .droplet_guid = order.source.droplet_guid,
        .stack = order.artifact.stack,
        .buildpacks = {},
        .process_types = {{"web", "./run"}},
        .lifecycle = order.artifact.lifecycle,
        .droplet_created_at = trust::kTestNow,
        .signed_at = trust::kTestNow,
        .origin = {order.source.reference, order.source.app_guid, order.source.droplet_guid}};
    return *trust::SignStatement(statement, trust_.agent("dev").identity);
  }

  v1::JobCommand Transfer() {
    v1::JobCommand command = Command(v1::JOB_STEP_TRANSFER, order_text_);
    command.set_statement(StatementFor(order_text_, order_));
    v1::Route* route = command.add_routes();
    route->set_path(v1::PATH_KIND_DIRECT);
    route->set_foundation("dev");
    return command;
  }

  // An order by alice that continues the promotion.
  std::string StepOrder(trust::Action action) {
    trust::Order order = order_;
    order.order_id = std::string(28, 'f') + std::to_string(1000 + ++step_orders_);
    order.action = action;
    order.original_order_sha256 = trust::OrderSha256(order_text_);
    for (trust::OrderTarget& target : order.targets) target.counter = 0;
    if (action == trust::Action::kRollback) {
      order.targets[0].counter = 2;
      order.targets[0].droplet_guid = order_.targets[0].expected_current_droplet_guid;
      order.targets[0].expected_current_droplet_guid = DropletGuid("promoted-here");
    }
    return trust_.Signed(order);
  }

  void Promote() {
    Hear(Command(v1::JOB_STEP_ACCEPT, order_text_));
    Hear(Transfer());
    Hear(Command(v1::JOB_STEP_ACTIVATE, order_text_));
  }

  trust::Receipt ReceiptIn(const v1::JobReport& report) {
    for (const std::string& envelope : report.evidence()) {
      const auto receipt =
          trust::VerifyReceipt(envelope, FoundationName("prod"), trust_.document());
      if (receipt.ok()) return *receipt;
    }
    ADD_FAILURE() << "no receipt in " << report.ShortDebugString();
    return {};
  }

  // The order is refused by this name, over the agent's signature, and nothing has happened.
  void ExpectRefused(const std::string& order, const std::string& name) {
    target_.calls.clear();
    Hear(Command(v1::JOB_STEP_ACCEPT, order));
    const v1::JobReport report = LastReport();
    EXPECT_EQ(report.target_state(), v1::TARGET_STATE_REFUSED) << name;
    EXPECT_EQ(report.error().name(), name) << report.error().message();
    EXPECT_THAT(target_.calls, ::testing::IsEmpty()) << name;
    EXPECT_FALSE(*journal_->OrderAccepted(trust::OrderSha256(order))) << name;
  }

  trust::Order order_ = trust_.PromoteOrder();
  std::string order_text_ = trust_.Signed(order_);
  int step_orders_ = 0;
};

}  // namespace sluice::agent
