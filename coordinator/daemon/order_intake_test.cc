// Each reason for which the coordinator does not take an order, by its name.
#include "coordinator/daemon/order_intake.h"

#include <optional>
#include <utility>

#include "common/base/encoding.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/envelope.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/daemon/ledger_record.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

using ::testing::HasSubstr;

class OrderIntakeTest : public ::testing::Test {
 protected:
  StatusOr<TakenOrder> TakeSigned(const std::string& envelope, const std::string& submitter) {
    return TakeOrder(envelope, {.trust = trust_.document(),
                                .submitter = submitter,
                                .now = now_,
                                .find_promotion = [this](const std::string& id) {
                                  return promotion_ && promotion_->id == id ? &*promotion_
                                                                            : nullptr;
                                }});
  }
  StatusOr<TakenOrder> Take() { return TakeSigned(trust_.Signed(order_), "alice"); }

  // The promote order is recorded, and order_ cancels it.
  void Recorded() {
    const std::string envelope = trust_.Signed(order_);
    const auto promotion = Apply({}, {now_, RecordedOrder(order_, envelope, "alice")});
    ASSERT_THAT(promotion, IsOk());
    promotion_ = *promotion;
    order_.order_id = std::string(32, 'c');
    order_.action = trust::Action::kCancel;
    order_.original_order_sha256 = trust::OrderSha256(envelope);
    order_.targets[0].counter = 0;
  }

  trust::TestTrust trust_;
  trust::Order order_ = trust_.PromoteOrder();
  absl::Time now_ = trust::kTestNow;
  std::optional<Promotion> promotion_;
};

TEST_F(OrderIntakeTest, ValidOrderIsTakenAsAnEventOfItsPromotion) {
  const auto taken = Take();
  ASSERT_THAT(taken, IsOk());
  EXPECT_EQ(taken->promotion, "promotion-1");
  EXPECT_EQ(taken->event.at, now_);
  EXPECT_EQ(std::get<OrderRecorded>(taken->event.what).envelope, trust_.Signed(order_));
}

TEST_F(OrderIntakeTest, StepOrderOfARecordedPromotionIsTaken) {
  Recorded();
  const auto taken = Take();
  ASSERT_THAT(taken, IsOk());
  EXPECT_EQ(std::get<StepOrdered>(taken->event.what).action, StepAction::kCancel);
}

TEST_F(OrderIntakeTest, WhatIsNoEnvelopeIsRefused) {
  EXPECT_THAT(TakeSigned("{}", "alice"), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(OrderIntakeTest, AlteredOrderIsRefused) {
  auto envelope = trust::ParseEnvelope(trust_.Signed(order_));
  ASSERT_THAT(envelope, IsOk());
  const size_t digest = envelope->payload.find(std::string(64, 'a'));
  ASSERT_NE(digest, std::string::npos);
  envelope->payload[digest] = 'b';
  EXPECT_THAT(TakeSigned(trust::FormatEnvelope(*envelope), "alice"), HasErrorName("bad-signature"));
}

TEST_F(OrderIntakeTest, SignatureOfAnUnknownOperatorIsRefused) {
  trust::TestTrust others({"dev"});
  const trust::OperatorKey mallory = others.AddOperator("mallory", {trust::AllActions({"*:*/*"})});
  const auto envelope = trust::SignOrder(order_, mallory.signing);
  ASSERT_THAT(envelope, IsOk());
  EXPECT_THAT(TakeSigned(*envelope, "alice"), HasErrorName("unknown-key"));
}

TEST_F(OrderIntakeTest, OperatorSubmitsOnlyTheirOwnOrders) {
  trust_.AddOperator("bob", {trust::AllActions({"*:*/*"})});
  EXPECT_THAT(TakeSigned(trust_.Signed(order_), "bob"), HasErrorName("submitted-by-another"));
}

TEST_F(OrderIntakeTest, OrderOfAnotherFederationIsRefused) {
  order_.federation = "elsewhere";
  EXPECT_THAT(Take(), HasErrorName("wrong-federation"));
}

TEST_F(OrderIntakeTest, OrderThatBuildsOnALaterTrustDocumentIsRefused) {
  order_.trust_version = trust_.document().version() + 1;
  EXPECT_THAT(Take(), HasErrorName("trust-too-old"));
}

TEST_F(OrderIntakeTest, NothingNewIsTakenUnderAnExpiredTrustDocument) {
  now_ = trust_.content().expires;
  order_.issued_at = now_;
  order_.expires_at = now_ + absl::Hours(1);
  EXPECT_THAT(Take(), HasErrorName("trust-expired"));
}

TEST_F(OrderIntakeTest, TimesOfTheOrderAreHeld) {
  now_ = order_.issued_at - absl::Minutes(6);
  EXPECT_THAT(Take(), HasErrorName("order-from-the-future"));
  now_ = order_.expires_at;
  EXPECT_THAT(Take(), HasErrorName("order-expired"));
  now_ = order_.expires_at - absl::Milliseconds(1);
  EXPECT_THAT(Take(), IsOk());
}

TEST_F(OrderIntakeTest, OrderThatLivesTooLongIsRefused) {
  order_.expires_at = order_.issued_at + trust::kOrderLifeMax + absl::Seconds(1);
  EXPECT_THAT(Take(), HasErrorName("order-life-too-long"));
}

TEST_F(OrderIntakeTest, SpaceOutsideTheGrantsIsRefused) {
  const auto bob = trust_.AddOperator(
      "bob", {trust::AllActions({"dev:*/*"}), trust::AllActions({"prod:acme/other"})});
  const auto envelope = trust::SignOrder(order_, bob.signing);
  ASSERT_THAT(envelope, IsOk());
  const auto refused = TakeSigned(*envelope, "bob");
  EXPECT_THAT(refused, HasErrorName("not-granted"));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("bob may not promote at prod:acme/payments"));
}

TEST_F(OrderIntakeTest, WhoLacksBothHearsFirstOfWhatWasAskedFor) {
  const auto bob = trust_.AddOperator("bob", {});
  const auto envelope = trust::SignOrder(order_, bob.signing);
  ASSERT_THAT(envelope, IsOk());
  EXPECT_THAT(std::string(TakeSigned(*envelope, "bob").status().message()),
              HasSubstr("bob may not promote"));
}

TEST_F(OrderIntakeTest, ExportNeedsItsOwnRightAndIsRecordedWithItsRecipient) {
  order_ = trust_.ExportOrder();
  const auto taken = TakeSigned(trust_.Signed(order_), "alice");
  ASSERT_THAT(taken, IsOk());
  const auto& recorded = std::get<OrderRecorded>(taken->event.what);
  EXPECT_EQ(recorded.terms.recipient, "alice");
  EXPECT_TRUE(recorded.terms.targets.empty());
  trust::Grant promote = trust::AllActions({"*:*/*"});
  promote.actions.erase(trust::Action::kExport);
  const auto bob = trust_.AddOperator("bob", {promote});
  order_.trust_version = trust_.document().version();
  const auto envelope = trust::SignOrder(order_, bob.signing);
  ASSERT_THAT(envelope, IsOk());
  EXPECT_THAT(TakeSigned(*envelope, "bob"), HasErrorName("not-granted"));
}

TEST_F(OrderIntakeTest, ExportIsNotCancelledByARightAtAnotherSource) {
  const std::string envelope = trust_.Signed(trust_.ExportOrder());
  const auto begun = Apply({}, {now_, RecordedOrder(trust_.ExportOrder(), envelope, "alice")});
  ASSERT_THAT(begun, IsOk());
  promotion_ = *begun;
  const auto bob = trust_.AddOperator("bob", {trust::AllActions({"dev:acme/other"})});
  order_ = trust_.ExportOrder();
  order_.action = trust::Action::kCancel;
  order_.original_order_sha256 = trust::OrderSha256(envelope);
  const auto by_bob = [&] { return TakeSigned(*trust::SignOrder(order_, bob.signing), "bob"); };
  EXPECT_THAT(by_bob(), HasErrorName("not-granted"));
  order_.source.reference.space = "other";
  EXPECT_THAT(by_bob(), HasErrorName("source-differs"));
  order_ = trust_.ExportOrder();
  order_.order_id = std::string(32, 'c');
  order_.action = trust::Action::kCancel;
  order_.original_order_sha256 = trust::OrderSha256(envelope);
  EXPECT_THAT(Take(), IsOk());
}

TEST_F(OrderIntakeTest, SourceThatTheOperatorMayNotReadIsRefused) {
  const auto bob = trust_.AddOperator("bob", {trust::AllActions({"prod:*/*"})});
  const auto envelope = trust::SignOrder(order_, bob.signing);
  ASSERT_THAT(envelope, IsOk());
  const auto refused = TakeSigned(*envelope, "bob");
  EXPECT_THAT(refused, HasErrorName("not-granted"));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("bob may not read at dev:acme/payments/checkout, the source"));
}

TEST_F(OrderIntakeTest, FoundationThatNobodyKnowsIsRefused) {
  order_.targets[0].reference.foundation = FoundationName("moon");
  EXPECT_THAT(Take(), HasErrorName("no-foundation"));
}

TEST_F(OrderIntakeTest, DeniedDropletIsRefused) {
  trust::TrustContent content = trust_.content();
  content.version += 1;
  content.denied_droplets.insert(order_.artifact.sha256);
  trust_.Use(content);
  EXPECT_THAT(Take(), HasErrorName("droplet-denied"));
}

TEST_F(OrderIntakeTest, OnFailureThatThisCoordinatorDoesNotKnowIsRefused) {
  order_.on_failure = trust::OnFailure::kStop;
  EXPECT_THAT(Take(), HasErrorName("on-failure-not-supported"));
}

TEST_F(OrderIntakeTest, StepOrderOfNoPromotionIsRefused) {
  Recorded();
  promotion_.reset();
  EXPECT_THAT(Take(), HasErrorName("no-promotion"));
}

TEST_F(OrderIntakeTest, StepOrderOfAnotherPromoteOrderIsRefused) {
  Recorded();
  order_.original_order_sha256 = std::string(64, '0');
  EXPECT_THAT(Take(), HasErrorName("wrong-original-order"));
}

TEST_F(OrderIntakeTest, StepOrderWithOtherTargetsIsRefused) {
  Recorded();
  order_.targets[0].reference.app = "another";
  EXPECT_THAT(Take(), HasErrorName("targets-differ"));
}

TEST_F(OrderIntakeTest, RollbackOrderMayNameSomeOfTheTargetsAndNoOtherStepMay) {
  order_.targets.push_back(order_.targets[0]);
  order_.targets[1].reference.app = "second";
  Recorded();
  order_.targets[1].counter = 0;
  const std::vector<trust::OrderTarget> both = order_.targets;
  order_.targets = {both[1]};
  EXPECT_THAT(Take(), HasErrorName("targets-differ"));
  order_.action = trust::Action::kRollback;
  order_.targets[0].counter = 2;
  const auto taken = Take();
  ASSERT_THAT(taken, IsOk());
  EXPECT_THAT(std::get<StepOrdered>(taken->event.what).targets,
              ::testing::ElementsAre(both[1].reference.text()));
  order_.targets[0].reference.app = "third";
  EXPECT_THAT(Take(), HasErrorName("targets-differ"));
}

TEST_F(OrderIntakeTest, SignerIsNamedByTheDocumentOrByKeyId) {
  EXPECT_EQ(SignerOf(trust_.Signed(order_), trust_.document()), "alice");
  trust::TestTrust others({"dev"});
  const trust::OperatorKey mallory = others.AddOperator("mallory", {trust::AllActions({"*:*/*"})});
  const auto envelope = trust::SignOrder(order_, mallory.signing);
  ASSERT_THAT(envelope, IsOk());
  EXPECT_EQ(SignerOf(*envelope, trust_.document()), "key " + mallory.signing.Public().id());
  EXPECT_EQ(SignerOf("nothing", trust_.document()), "unknown");
}

}  // namespace
}  // namespace sluice::coordinator
