// Goal: a coordinator that tells of another promotion than the one that was signed is noticed, and
// the command says so and does not end with 0. Method: an honest fake federation, and one lie at a
// time.
#include "coordinator/cli/evidence.h"

#include <functional>
#include <string>
#include <vector>

#include "common/trust/receipt.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class EvidenceTest : public CliTest {
 protected:
  int Promote() {
    federation_.moments = federation_.GoodEnd();
    return Run(
        {"promote", "dev:acme/payments/checkout", "prod:acme/payments", "--yes", "--id", "CHG-7"});
  }
  int Watch() {
    federation_.moments = federation_.GoodEnd();
    return Run({"watch", "promotion-1"});
  }

  // Applies a lie to every detail that is told, be it an answer or an event.
  void LieInDetails(std::function<void(v1::PromotionDetail&)> lie) {
    federation_.tamper = [lie = std::move(lie)](v1::ControlMessage& message) {
      if (message.has_promotion_detail()) lie(*message.mutable_promotion_detail());
      if (message.has_promotion_event()) {
        lie(*message.mutable_promotion_event()->mutable_detail());
      }
    };
  }

  // The receipt of a promotion that is done, changed and signed again by whom the test says.
  void ForgeReceipt(const std::function<void(trust::Receipt&)>& edit, const std::string& signer) {
    LieInDetails([this, edit, signer](v1::PromotionDetail& detail) {
      if (detail.targets(0).receipt().empty()) return;
      auto receipt = trust::VerifyReceipt(detail.targets(0).receipt(), FoundationName("prod"),
                                          trust_.document());
      ASSERT_TRUE(receipt.ok()) << receipt.status();
      edit(*receipt);
      const auto forged = trust::SignReceipt(*receipt, trust_.agent(signer).identity);
      ASSERT_TRUE(forged.ok()) << forged.status();
      detail.mutable_targets(0)->set_receipt(*forged);
    });
  }
};

using Lie = std::pair<std::string, std::function<void(v1::PromotionDetail&)>>;

TEST_F(EvidenceTest, ACoordinatorThatSwapsDigestTargetSourceOrIdIsNotBelieved) {
  const std::vector<Lie> lies = {
      {"digest", [](auto& d) { d.mutable_summary()->set_sha256(std::string(64, 'e')); }},
      {"target", [](auto& d) { d.mutable_targets(0)->set_target("prod:acme/other/checkout"); }},
      {"targets", [](auto& d) { d.add_targets()->set_target("prod:acme/other/checkout"); }},
      {"targets", [](auto& d) { d.clear_targets(); }},
      {"source", [](auto& d) { d.mutable_summary()->set_source("dev:acme/payments/other"); }},
      {"id", [](auto& d) { d.mutable_summary()->set_id("CHG-8"); }}};
  int number = 0;
  for (const auto& [what, lie] : lies) {
    SCOPED_TRACE(what);
    LieInDetails(lie);
    federation_.moments = federation_.GoodEnd();
    EXPECT_EQ(Run({"promote", "dev:acme/payments/checkout", "prod:acme/payments", "--yes",
                   "--reason", std::to_string(++number)}),
              1);
    EXPECT_THAT(terminal_.notes,
                AllOf(HasSubstr("its " + what + " differs"), HasSubstr("[record-differs]")));
    EXPECT_THAT(terminal_.out, Not(HasSubstr("verified")));
  }
}

TEST_F(EvidenceTest, WhatIsShownOfARecordedPromotionIsWhatItsOrderSays) {
  federation_.Record(trust_.PromoteOrder());
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 0) << terminal_.notes;
  LieInDetails([](auto& detail) { detail.mutable_summary()->set_sha256(std::string(64, 'e')); });
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"promotion", "promotion-1"},
                                             {"watch", "promotion-1"},
                                             {"activate", "promotion-1", "--yes"},
                                             {"cancel", "promotion-1"},
                                             {"rollback", "promotion-1", "--yes"}}) {
    EXPECT_EQ(Run(words), 1) << words[0];
    EXPECT_THAT(terminal_.notes, HasSubstr("[record-differs]")) << words[0];
  }
  EXPECT_TRUE(federation_.orders.empty());
}

TEST_F(EvidenceTest, AnOrderThatNoOperatorSignedIsNoOrder) {
  federation_.Record(trust_.PromoteOrder());
  trust::Order forged = trust_.PromoteOrder();
  forged.artifact.sha256 = std::string(64, 'e');
  const std::string by_an_agent = trust::SignOrder(forged, trust_.agent("dev").identity).value();
  LieInDetails([&by_an_agent](auto& detail) {
    detail.mutable_summary()->set_sha256(std::string(64, 'e'));
    detail.mutable_entries(0)->set_body(by_an_agent);
  });
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("[unknown-key]"));
  LieInDetails([](auto& detail) { detail.mutable_entries(0)->set_body("{}"); });
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 2);
  LieInDetails([](auto& detail) { detail.clear_entries(); });
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[no-recorded-order]"));
}

TEST_F(EvidenceTest, WhatARevokedOperatorBeganIsEndedAndUndoneByAnotherAndShownAsSuch) {
  const std::string key = trust_.alice().signing.Public().id();
  federation_.Answer("prod", "plan-rollback",
                     json({{"organization_guid", "22222222-0000-4000-8000-000000000001"},
                           {"space_guid", "22222222-0000-4000-8000-000000000002"},
                           {"app_guid", "22222222-0000-4000-8000-000000000003"},
                           {"counter", 5},
                           {"droplet_guid", "22222222-0000-4000-8000-000000000004"},
                           {"sha256", std::string(64, 'b')},
                           {"current_droplet_guid", "22222222-0000-4000-8000-000000000009"},
                           {"current_sha256", std::string(64, 'a')},
                           {"pushed_since", false},
                           {"deletes_app", false},
                           {"warnings", json::array()}})
                         .dump());
  const auto undone = [](v1::PromotionState state, v1::TargetState target) {
    return [=](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(state);
      detail.mutable_targets(0)->set_state(target);
    };
  };
  for (const bool still_named : {true, false}) {
    SCOPED_TRACE(still_named);
    trust::Order order = trust_.PromoteOrder();
    order.promotion = PromotionId(still_named ? "CHG-1" : "CHG-2");
    order.order_id = std::string(32, still_named ? '1' : '2');
    const std::string id = order.promotion.value();
    federation_.Record(order);
    trust::TrustContent content = trust_.content();
    content.revoked_keys = {trust_.alice().signing.Public().text()};
    if (!still_named) content.operators.erase("alice");
    ++content.version;
    UseTrust(content);
    const size_t orders = federation_.orders.size();

    EXPECT_EQ(Run({"promotion", id, "--output", "json"}), 0) << terminal_.notes;
    EXPECT_EQ(Out().at("revoked_key"), key);
    EXPECT_THAT(terminal_.notes, HasSubstr(key + ", which is revoked since"));
    EXPECT_EQ(Run({"activate", id, "--yes"}), 3);
    EXPECT_THAT(terminal_.notes, HasSubstr("[key-revoked]"));
    ASSERT_THAT(federation_.orders, SizeIs(orders));

    federation_.moments = {
        {.change = undone(v1::PROMOTION_STATE_CANCELLED, v1::TARGET_STATE_CANCELLED)}};
    EXPECT_EQ(Run({"cancel", id}), 0) << terminal_.notes;
    EXPECT_THAT(terminal_.notes, HasSubstr(key + ", which is revoked since"));
    federation_.promotion(id).mutable_summary()->set_state(v1::PROMOTION_STATE_DONE);
    federation_.moments = {
        {.change = undone(v1::PROMOTION_STATE_ROLLED_BACK, v1::TARGET_STATE_ROLLED_BACK)}};
    EXPECT_EQ(Run({"rollback", id, "--yes"}), 0) << terminal_.notes;
    ASSERT_THAT(federation_.orders, SizeIs(orders + 2));
    EXPECT_EQ(federation_.orders.back().action, trust::Action::kRollback);
  }
}

TEST_F(EvidenceTest, DoneCountsByTheTargetsReceiptAlone) {
  LieInDetails([](auto& detail) {
    if (detail.targets_size() > 0) detail.mutable_targets(0)->clear_receipt();
  });
  EXPECT_EQ(Promote(), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[no-receipt]"));
}

TEST_F(EvidenceTest, AReceiptOfAnythingElseIsNoReceipt) {
  using Edit = std::pair<std::string, std::function<void(trust::Receipt&)>>;
  const std::vector<Edit> edits = {
      {"promotion", [](auto& r) { r.promotion = PromotionId("CHG-9"); }},
      {"order", [](auto& r) { r.order_sha256 = std::string(64, 'e'); }},
      {"target", [](auto& r) { r.target.app = "other"; }},
      {"digest", [](auto& r) { r.sha256 = r.reported_sha256 = std::string(64, 'e'); }},
      {"digest by Cloud Controller",
       [](auto& r) {
         r.outcome = trust::Outcome::kFailed;
         r.reported_sha256 = std::string(64, 'e');
         r.error_name = "digest-mismatch";
         r.error = "another digest";
       }},
      {"outcome", [](auto& r) { r.outcome = trust::Outcome::kUploaded; }}};
  federation_.Record(trust_.PromoteOrder());
  for (const auto& [what, edit] : edits) {
    SCOPED_TRACE(what);
    ForgeReceipt(edit, "prod");
    federation_.promotion("promotion-1").mutable_summary()->set_state(v1::PROMOTION_STATE_RECORDED);
    federation_.promotion("promotion-1").mutable_targets(0)->clear_receipt();
    EXPECT_EQ(Watch(), 1);
    EXPECT_THAT(terminal_.notes,
                AllOf(HasSubstr("its " + what + " differs"), HasSubstr("[receipt-differs]")));
  }
}

TEST_F(EvidenceTest, AReceiptByAnotherFoundationsAgentIsNotBelieved) {
  federation_.Record(trust_.PromoteOrder());
  ForgeReceipt([](trust::Receipt&) {}, "dev");
  EXPECT_EQ(Watch(), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("[unknown-agent]"));
}

TEST_F(EvidenceTest, AnAnswerByAnotherFoundationsAgentOrToAnotherQuestionIsNotBelieved) {
  std::string first;
  federation_.tamper = [&first](v1::ControlMessage& message) {
    if (!message.has_read_answer()) return;
    if (first.empty()) first = message.read_answer().envelope();
    message.mutable_read_answer()->set_envelope(first);  // the source's answer for the target, too
  };
  EXPECT_EQ(Promote(), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("the answer that came for prod is not its agent's"));
  // An old answer of the right agent.
  EXPECT_EQ(Run({"droplets", "dev:acme/payments/checkout"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("[reply-to-another-request]"));
  EXPECT_TRUE(federation_.orders.empty());
}

TEST_F(EvidenceTest, ARecordOfAnotherPromotionThanWasOrderedIsNoticed) {
  federation_.tamper = [](v1::ControlMessage& message) {
    if (message.has_order_recorded()) message.mutable_order_recorded()->set_promotion("CHG-8");
  };
  EXPECT_EQ(Promote(), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[record-differs]"));
}

}  // namespace
}  // namespace sluice::cli
