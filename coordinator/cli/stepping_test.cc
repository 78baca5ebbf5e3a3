// Goal: activate, cancel, rollback and watch, from their words to their exit codes.
#include "coordinator/cli/stepping.h"

#include <string>
#include <vector>

#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SteppingTest : public CliTest {
 protected:
  SteppingTest() {
    federation_.Record(trust_.PromoteOrder());
    federation_.Answer("prod", "plan-rollback", Plan(false));
  }

  static std::string Plan(bool pushed_since) {
    return json({{"organization_guid", "22222222-0000-4000-8000-000000000001"},
                 {"space_guid", "22222222-0000-4000-8000-000000000002"},
                 {"app_guid", "22222222-0000-4000-8000-000000000003"},
                 {"counter", 5},
                 {"droplet_guid", "22222222-0000-4000-8000-000000000004"},
                 {"sha256", std::string(64, 'b')},
                 {"current_droplet_guid", "22222222-0000-4000-8000-000000000009"},
                 {"current_sha256", std::string(64, 'a')},
                 {"pushed_since", pushed_since},
                 {"deletes_app", false},
                 {"warnings", {"the start command is not put back"}}})
        .dump();
  }

  void IsNow(v1::PromotionState state) {
    federation_.promotion("promotion-1").mutable_summary()->set_state(state);
  }

  void Rests(v1::PromotionState state, v1::TargetState target) {
    federation_.moments = {{.change = [=](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(state);
      detail.mutable_targets(0)->set_state(target);
    }}};
  }

  std::string OriginalSha256() {
    return trust::OrderSha256(federation_.promotion("promotion-1").entries(0).body());
  }
};

TEST_F(SteppingTest, ActivateOrdersTheSecondHalfOfTheSamePromotion) {
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Run({"activate", "promo", "--yes", "--reason", "window 22:00"}), 0) << terminal_.notes;
  ASSERT_THAT(federation_.orders, SizeIs(1));
  const trust::Order& order = federation_.orders[0];
  EXPECT_EQ(order.action, trust::Action::kActivate);
  EXPECT_EQ(order.promotion.value(), "promotion-1");
  EXPECT_EQ(order.original_order_sha256, OriginalSha256());
  EXPECT_EQ(order.targets[0].counter, 0);
  EXPECT_EQ(order.reason, "window 22:00");
  EXPECT_NE(order.order_id, trust_.PromoteOrder().order_id);
}

TEST_F(SteppingTest, ActivateAndRollbackAskFirstAndCancelDoesNot) {
  IsNow(v1::PROMOTION_STATE_WAITING);
  EXPECT_EQ(Run({"activate", "promotion-1"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("give --yes"));
  IsNow(v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(Run({"rollback", "promotion-1"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("give --yes"));
  EXPECT_THAT(federation_.orders, IsEmpty());
  IsNow(v1::PROMOTION_STATE_TRANSFERRING);
  Rests(v1::PROMOTION_STATE_CANCELLED, v1::TARGET_STATE_CANCELLED);
  EXPECT_EQ(Run({"cancel", "promotion-1"}), 0) << terminal_.notes;
  ASSERT_THAT(federation_.orders, SizeIs(1));
  EXPECT_EQ(federation_.orders[0].action, trust::Action::kCancel);
}

TEST_F(SteppingTest, ACancelThatCameTooLateSaysHowToUndo) {
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Run({"cancel", "promotion-1"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice rollback promotion-1"));
}

TEST_F(SteppingTest, WhatHasEndedOrIsNotDoneYetIsRefusedBeforeAnybodyIsAsked) {
  for (const auto state : {v1::PROMOTION_STATE_FAILED, v1::PROMOTION_STATE_CANCELLED,
                           v1::PROMOTION_STATE_ROLLED_BACK}) {
    IsNow(state);
    EXPECT_EQ(Run({"rollback", "promotion-1", "--yes"}), 1);
    EXPECT_THAT(terminal_.notes, HasSubstr("[nothing-to-roll-back]"));
    EXPECT_EQ(Run({"activate", "promotion-1", "--yes"}), 1);
    EXPECT_THAT(terminal_.notes, HasSubstr("[promotion-ended]"));
  }
  IsNow(v1::PROMOTION_STATE_TRANSFERRING);
  EXPECT_EQ(Run({"rollback", "promotion-1", "--yes"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice cancel promotion-1"));
  EXPECT_THAT(federation_.questions, IsEmpty());
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(SteppingTest, RollbackShowsItsPlanAndNamesWhatItGoesBackTo) {
  IsNow(v1::PROMOTION_STATE_DONE);
  Rests(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK);
  terminal_.can_ask = true;
  terminal_.answers = {"yes"};
  EXPECT_EQ(Run({"rollback", "promotion-1"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("sha256:" + std::string(64, 'b')),
                                     HasSubstr("the start command is not put back")));
  ASSERT_THAT(federation_.orders, SizeIs(1));
  const trust::Order& order = federation_.orders[0];
  EXPECT_EQ(order.action, trust::Action::kRollback);
  EXPECT_EQ(order.original_order_sha256, OriginalSha256());
  EXPECT_EQ(order.targets[0].counter, 5);
  EXPECT_EQ(order.targets[0].droplet_guid.value(), "22222222-0000-4000-8000-000000000004");
  EXPECT_EQ(order.targets[0].expected_current_droplet_guid.value(),
            "22222222-0000-4000-8000-000000000009");
}

// A promotion with a second target, at west.
class SteppingWithTwoTest : public SteppingTest {
 protected:
  SteppingWithTwoTest() {
    trust::Order order = trust_.PromoteOrder();
    order.order_id = "100102030405060708090a0b0c0d0e0f";
    order.promotion = PromotionId("two");
    order.targets.push_back(order.targets[0]);
    order.targets[1].reference.foundation = FoundationName("west");
    federation_.Record(order);
    federation_.Answer("west", "plan-rollback", Plan(false));
    Now(v1::PROMOTION_STATE_DONE, v1::TARGET_STATE_VERIFIED, v1::TARGET_STATE_VERIFIED);
  }

  static void Set(v1::PromotionDetail& detail, v1::PromotionState state, v1::TargetState prod,
                  v1::TargetState west) {
    detail.mutable_summary()->set_state(state);
    detail.mutable_targets(0)->set_state(prod);
    detail.mutable_targets(1)->set_state(west);
  }
  void Now(v1::PromotionState state, v1::TargetState prod, v1::TargetState west) {
    Set(federation_.promotion("two"), state, prod, west);
  }
  // It ends so, with the receipts that belong to it.
  void Ends(v1::PromotionState state, v1::TargetState prod, v1::TargetState west) {
    federation_.moments = {{.change = [=, this](v1::PromotionDetail& detail) {
      Set(detail, state, prod, west);
      for (int i = 0; i < 2; ++i) {
        detail.mutable_targets(i)->set_receipt(
            federation_.ReceiptFor(detail, static_cast<size_t>(i)));
      }
    }}};
  }
};

TEST_F(SteppingWithTwoTest, ARollbackOfOneTargetNamesItAloneAndIsASuccessWhenThatOneIsBack) {
  Ends(v1::PROMOTION_STATE_DONE, v1::TARGET_STATE_VERIFIED, v1::TARGET_STATE_ROLLED_BACK);
  terminal_.can_ask = true;
  terminal_.answers = {"y"};
  EXPECT_EQ(Run({"rollback", "two", "west:acme/payments"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.questions.back(),
              HasSubstr("Roll back promotion two at west:acme/payments/checkout?"));
  ASSERT_THAT(federation_.orders, SizeIs(1));
  ASSERT_THAT(federation_.orders[0].targets, SizeIs(1));
  EXPECT_EQ(federation_.orders[0].targets[0].reference.text(), "west:acme/payments/checkout");
  EXPECT_EQ(federation_.orders[0].targets[0].counter, 5);
  EXPECT_EQ(Run({"watch", "two"}), 0) << terminal_.notes;
}

TEST_F(SteppingWithTwoTest, ARollbackThatChangedNothingAtTheNamedTargetIsNoSuccess) {
  Ends(v1::PROMOTION_STATE_DONE, v1::TARGET_STATE_VERIFIED, v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(Run({"rollback", "two", "west:acme/payments", "--yes"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[promotion-done]"));
}

TEST_F(SteppingWithTwoTest, WithoutNamesTheTargetsThatAreBackAlreadyAreLeftOut) {
  Now(v1::PROMOTION_STATE_DONE, v1::TARGET_STATE_ROLLED_BACK, v1::TARGET_STATE_VERIFIED);
  EXPECT_EQ(Run({"rollback", "two", "prod:acme/payments/checkout", "--yes"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[nothing-to-roll-back]"));
  Ends(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(Run({"rollback", "two", "--yes"}), 0) << terminal_.notes;
  ASSERT_THAT(federation_.orders, SizeIs(1));
  ASSERT_THAT(federation_.orders[0].targets, SizeIs(1));
  EXPECT_EQ(federation_.orders[0].targets[0].reference.text(), "west:acme/payments/checkout");
}

TEST_F(SteppingWithTwoTest, ATargetThatThePromotionDoesNotHaveIsNotFound) {
  EXPECT_EQ(Run({"rollback", "two", "dev:acme/payments", "--yes"}), 4);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("[no-such-target]"), HasSubstr("west:acme/payments/checkout")));
  EXPECT_EQ(Run({"rollback", "two", "nonsense", "--yes"}), 2);
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(SteppingTest, ARollbackOverSomebodysPushNeedsForce) {
  IsNow(v1::PROMOTION_STATE_DONE);
  federation_.Answer("prod", "plan-rollback", Plan(true));
  EXPECT_EQ(Run({"rollback", "promotion-1", "--yes"}), 1);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("--force"), HasSubstr("[pushed-since]")));
  EXPECT_THAT(federation_.orders, IsEmpty());
  Rests(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(Run({"rollback", "promotion-1", "--yes", "--force"}), 0) << terminal_.notes;
  EXPECT_THAT(federation_.orders, SizeIs(1));
}

TEST_F(SteppingTest, RollbackOfAnAppMeansTheNewestPromotionThatIsDoneThere) {
  trust::Order newer = trust_.PromoteOrder();
  newer.promotion = PromotionId("promotion-0");
  newer.order_id = "100102030405060708090a0b0c0d0e0f";
  federation_.Record(newer);
  // The list has it first, and it is under way.
  IsNow(v1::PROMOTION_STATE_DONE);
  Rests(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(Run({"rollback", "prod:acme/payments/checkout", "--yes"}), 0) << terminal_.notes;
  EXPECT_EQ(federation_.listed.app(), "prod:acme/payments/checkout");
  EXPECT_EQ(federation_.listed.state(), "done");
  ASSERT_THAT(federation_.orders, SizeIs(1));
  EXPECT_EQ(federation_.orders[0].promotion.value(), "promotion-1");
}

TEST_F(SteppingTest, RollbackOfAnAppPassesOverAPromotionThatFoundItsDropletRunningThere) {
  trust::Order repeated = trust_.PromoteOrder();
  repeated.promotion = PromotionId("promotion-0");  // the list has it first
  repeated.order_id = "100102030405060708090a0b0c0d0e0f";
  federation_.Record(repeated);
  v1::PromotionDetail& again = federation_.promotion("promotion-0");
  again.mutable_summary()->set_state(v1::PROMOTION_STATE_DONE);
  again.mutable_targets(0)->set_path("running");
  IsNow(v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(Run({"rollback", "promotion-0", "--yes"}), 1);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("[nothing-to-roll-back]"),
                                     HasSubstr("sluice rollback prod:acme/payments/checkout")));
  EXPECT_THAT(federation_.orders, IsEmpty());
  Rests(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK);
  EXPECT_EQ(Run({"rollback", "prod:acme/payments/checkout", "--yes"}), 0) << terminal_.notes;
  ASSERT_THAT(federation_.orders, SizeIs(1));
  EXPECT_EQ(federation_.orders[0].promotion.value(), "promotion-1");
}

TEST_F(SteppingTest, RollbackOfAnAppThatIsNoTargetOrOneOfSeveralIsRefusedByName) {
  IsNow(v1::PROMOTION_STATE_DONE);
  EXPECT_EQ(Run({"rollback", "dev:acme/payments/checkout", "--yes"}), 4);
  EXPECT_THAT(terminal_.notes, HasSubstr("[no-promotion]"));
  federation_.promotion("promotion-1").mutable_summary()->add_targets("qa:acme/payments/checkout");
  EXPECT_EQ(Run({"rollback", "prod:acme/payments/checkout", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("[ambiguous-rollback]"), HasSubstr("sluice rollback promotion-1")));
  EXPECT_EQ(Run({"rollback", "prod:acme", "--yes"}), 2);
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(SteppingTest, AnUnknownIdIsNotFoundAndAnAmbiguousOneIsBadInput) {
  trust::Order other = trust_.PromoteOrder();
  other.promotion = PromotionId("promotion-2");
  other.order_id = "100102030405060708090a0b0c0d0e0f";
  federation_.Record(other);
  for (const std::string command : {"watch", "promotion", "activate", "cancel", "rollback"}) {
    EXPECT_EQ(Run({command, "nothing"}), 4) << command;
    EXPECT_THAT(terminal_.notes, HasSubstr("[no-promotion]"));
    EXPECT_EQ(Run({command, "promo"}), 2) << command;
    EXPECT_THAT(terminal_.notes, HasSubstr("[ambiguous-id]"));
  }
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(SteppingTest, ARefusalByAnAgentOrTheCoordinatorIsTheCommandsEnd) {
  federation_.failures = {std::nullopt, NamedError(StatusCode::kFailedPrecondition,
                                                   "promotion-ended", "it has ended: done")};
  EXPECT_EQ(Run({"cancel", "promotion-1"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[promotion-ended]"));
  // A reader may not cancel, and the agents know.
  trust::TrustContent content = trust_.content();
  content.operators.at("maria").grants[0].actions = {trust::Action::kRead};
  ++content.version;
  UseTrust(content);
  EXPECT_EQ(Run({"cancel", "promotion-1"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("[not-granted]"));
}

TEST_F(SteppingTest, DetachedStepsEndWhenTheyAreRecorded) {
  EXPECT_EQ(Run({"cancel", "promotion-1", "--detach"}), 0);
  EXPECT_EQ(terminal_.out, "promotion-1\n");
  EXPECT_EQ(federation_.watched, 0);
}

TEST_F(SteppingTest, WatchEndsWithTheExitCodeOfWhatItWatched) {
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Run({"watch", "promotion-1"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, HasSubstr("verified"));
  EXPECT_EQ(Run({"watch", "promotion-1"}), 0);  // of one that has ended
  EXPECT_EQ(Run({"watch", "promotion-1", "--output", "json"}), 0);
  EXPECT_EQ(Out().at("state"), "done");
  EXPECT_THAT(federation_.orders, IsEmpty());
}

}  // namespace
}  // namespace sluice::cli
