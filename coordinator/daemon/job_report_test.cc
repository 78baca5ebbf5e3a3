// What an agent's report must prove before the ledger takes it.
#include "coordinator/daemon/job_report.h"

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/ledger_record.h"
#include "coordinator/daemon/testing/coordinator_world.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

class JobReportTest : public ::testing::Test {
 protected:
  JobReportTest() {
    const std::string envelope = world_.trust.Signed(world_.order);
    promotion_ = *Apply({}, {trust::kTestNow, RecordedOrder(world_.order, envelope, "alice")});
  }
  StatusOr<Event> Take(const v1::ControlMessage& message, const std::string& foundation) {
    return EventOfReport(message.job_report(), foundation, promotion_, world_.trust.document(),
                         now_);
  }
  v1::ControlMessage Accepted() { return world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED); }

  CoordinatorWorld world_{{"dev", "prod", "other"}};
  Promotion promotion_;
  absl::Time now_ = trust::kTestNow;
};

TEST_F(JobReportTest, EvidenceBecomesPartOfTheEvent) {
  const auto source = Take(world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED), "dev");
  ASSERT_THAT(source, IsOk());
  EXPECT_FALSE(std::get<SourceReported>(source->what).statement.empty());
  const auto target = Take(Accepted(), "prod");
  ASSERT_THAT(target, IsOk());
  EXPECT_FALSE(std::get<TargetReported>(target->what).seal_offer.empty());
  const auto verified = Take(world_.TargetReport(2, v1::TARGET_STATE_VERIFIED), "prod");
  ASSERT_THAT(verified, IsOk());
  EXPECT_FALSE(std::get<TargetReported>(verified->what).receipt.empty());
}

TEST_F(JobReportTest, ErrorKeepsItsCodeNameAndMessage) {
  v1::ControlMessage message = world_.TargetReport(1, v1::TARGET_STATE_REFUSED);
  message.mutable_job_report()->mutable_error()->set_code(7);
  message.mutable_job_report()->mutable_error()->set_name("counter-used");
  message.mutable_job_report()->mutable_error()->set_message("plan again");
  const auto event = Take(message, "prod");
  ASSERT_THAT(event, IsOk());
  const Status& error = std::get<TargetReported>(event->what).error;
  EXPECT_THAT(error, StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(error, HasErrorName("counter-used"));
}

TEST_F(JobReportTest, OnlyTheFoundationWithTheJobMayReportIt) {
  EXPECT_THAT(Take(Accepted(), "dev"), HasErrorName("not-your-job"));
  EXPECT_THAT(Take(Accepted(), "other"), HasErrorName("not-your-job"));
  EXPECT_THAT(Take(world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED), "prod"),
              HasErrorName("not-your-job"));
  v1::ControlMessage beyond = Accepted();
  beyond.mutable_job_report()->set_target_index(1);
  EXPECT_THAT(Take(beyond, "prod"), HasErrorName("not-your-job"));
  v1::ControlMessage nobody = Accepted();
  nobody.mutable_job_report()->set_role(v1::JOB_ROLE_UNSPECIFIED);
  EXPECT_THAT(Take(nobody, "prod"), HasErrorName("not-your-job"));
}

TEST_F(JobReportTest, EvidenceAboutAnotherPromotionIsRefused) {
  world_.order.promotion = PromotionId("promotion-2");
  v1::ControlMessage source = world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED);
  source.mutable_job_report()->set_promotion("promotion-1");
  EXPECT_THAT(Take(source, "dev"), HasErrorName("evidence-mismatch"));
  EXPECT_THAT(Take(Accepted(), "prod"), HasErrorName("offer-for-another-order"));
  EXPECT_THAT(Take(world_.TargetReport(2, v1::TARGET_STATE_VERIFIED), "prod"),
              HasErrorName("evidence-mismatch"));
}

TEST_F(JobReportTest, StatementAboutOtherBitsIsRefused) {
  trust::Order other = world_.order;
  other.artifact.sha256 = std::string(64, 'b');
  v1::ControlMessage message = world_.SourceReport(1, v1::SOURCE_STATE_SENDING);
  message.mutable_job_report()->add_evidence(
      SignedStatement(world_.trust, other, world_.trust.Signed(world_.order)));
  EXPECT_THAT(Take(message, "dev"), HasErrorName("evidence-mismatch"));
}

TEST_F(JobReportTest, EvidenceSignedByAnotherFoundationsAgentIsRefused) {
  trust::Order other = world_.order;
  other.targets[0].reference.foundation = FoundationName("other");
  v1::ControlMessage message = world_.TargetReport(1, v1::TARGET_STATE_TRANSFERRING);
  message.mutable_job_report()->add_evidence(
      SignedOffer(world_.trust, other, world_.trust.Signed(world_.order)));
  EXPECT_EQ(Take(message, "prod").status().code(), StatusCode::kPermissionDenied);
}

TEST_F(JobReportTest, EvidenceOfARevokedAgentIsRefused) {
  const v1::ControlMessage message = Accepted();
  trust::TrustContent content = world_.trust.content();
  content.version += 1;
  content.revoked_keys.insert(world_.trust.agent("prod").identity.Public().text());
  world_.trust.Use(content);
  EXPECT_THAT(Take(message, "prod"), HasErrorName("key-revoked"));
}

TEST_F(JobReportTest, ExpiredOfferIsRefusedUnlessItIsTheOneRecorded) {
  const v1::ControlMessage message = Accepted();
  now_ = trust::kTestNow + absl::Hours(2);
  EXPECT_THAT(Take(message, "prod"), HasErrorName("offer-expired"));
  promotion_.targets[0].seal_offer = message.job_report().evidence(0);
  EXPECT_THAT(Take(message, "prod"), IsOk());
}

TEST_F(JobReportTest, EvidenceOfAnotherKindIsRefused) {
  v1::ControlMessage message = Accepted();
  *message.mutable_job_report()->mutable_evidence(0) = world_.trust.Signed(world_.order);
  EXPECT_THAT(Take(message, "prod"), HasErrorName("unknown-evidence"));
}

TEST_F(JobReportTest, SizesAreBounded) {
  v1::ControlMessage many = Accepted();
  for (size_t i = 0; i < kEvidenceMax; ++i) {
    many.mutable_job_report()->add_evidence(many.job_report().evidence(0));
  }
  EXPECT_THAT(Take(many, "prod"), HasErrorName("report-too-large"));
  v1::ControlMessage wordy = Accepted();
  for (size_t i = 0; i <= kWarningsMax; ++i) wordy.mutable_job_report()->add_warnings("w");
  EXPECT_THAT(Take(wordy, "prod"), HasErrorName("report-too-large"));
  v1::ControlMessage longer = Accepted();
  longer.mutable_job_report()->set_droplet_guid(std::string(kReportTextBytesMax + 1, 'x'));
  EXPECT_THAT(Take(longer, "prod"), HasErrorName("report-too-large"));
}

TEST_F(JobReportTest, LongMessagesAreCutBetweenCharacters) {
  v1::ControlMessage message = world_.TargetReport(1, v1::TARGET_STATE_FAILED);
  std::string umlauts;
  while (umlauts.size() <= kReportTextBytesMax) umlauts += "\xc3\xa4";
  message.mutable_job_report()->mutable_error()->set_code(13);
  message.mutable_job_report()->mutable_error()->set_message(umlauts);
  message.mutable_job_report()->add_warnings(umlauts);
  const auto event = Take(message, "prod");
  ASSERT_THAT(event, IsOk());
  const auto& report = std::get<TargetReported>(event->what);
  const std::string cut(report.error.message());
  EXPECT_LE(cut.size(), kReportTextBytesMax);
  EXPECT_TRUE(cut.ends_with("\xc3\xa4..."));
  EXPECT_EQ(report.warnings, std::vector<std::string>{cut});
}

TEST_F(JobReportTest, WaysAreForPeopleAndCutToTheirBounds) {
  v1::ControlMessage message = world_.TargetReport(1, v1::TARGET_STATE_TRANSFERRING);
  for (size_t i = 0; i <= kWaysMax; ++i) {
    v1::Way* way = message.mutable_job_report()->mutable_progress()->add_ways();
    way->set_path(v1::PATH_KIND_RELAY);
    way->set_endpoint(std::string(kWayTextBytesMax + 1, 'e'));
    way->set_tries(i);
    way->mutable_lost_by()->set_code(14);
    way->mutable_lost_by()->set_message(std::string(kWayTextBytesMax + 1, 'm'));
  }
  const auto event = Take(message, "prod");
  ASSERT_THAT(event, IsOk());
  const std::vector<WayReport>& ways = std::get<TargetReported>(event->what).progress.ways;
  ASSERT_EQ(ways.size(), kWaysMax);
  EXPECT_EQ(ways.back().path, v1::PATH_KIND_RELAY);
  EXPECT_EQ(ways.back().tries, kWaysMax - 1);
  EXPECT_EQ(ways.back().endpoint.size(), kWayTextBytesMax);
  EXPECT_EQ(ways.back().lost_by.message().size(), kWayTextBytesMax);
}

}  // namespace
}  // namespace sluice::coordinator
