// Goal: the program ends at once when it cannot start, whatever it has begun by then. Method: a
// journal of which the second job cannot be read. CTest's time limit ends a program that does not.
#include "agent/run.h"

#include <cstdlib>
#include <filesystem>

#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/journal.h"
#include "common/base/clock.h"
#include "common/base/logging.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/key_file.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::agent {
namespace {

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    std::string pattern = ::testing::TempDir() + "runXXXXXX";
    folder_ = mkdtemp(pattern.data());
    const trust::AgentKey key =
        *trust::GenerateAgentKey(files_, entropy_, folder_ + "/prod.key", FoundationName("prod"));
    trust::TrustContent content = trust_.content();
    content.foundations["prod"].agents = {
        {.identity = key.identity.Public(), .curve = key.curve.public_key()}};
    trust_.Use(content);
    EXPECT_THAT(files_.Replace(folder_ + "/trust.json", trust_.document().envelope(),
                               FileAccess::kEveryone),
                IsOk());
    settings_.foundation = FoundationName("prod");
    settings_.key_file = folder_ + "/prod.key";
    settings_.trust_document = folder_ + "/trust.json";
    settings_.trust_roots = {trust_.root().signing.Public()};
    settings_.coordinator_endpoint = "tcp://127.0.0.1:1";
    settings_.api_url = "https://127.0.0.1:1";  // nobody listens there
    settings_.client_id = "sluice";
    settings_.client_secret = Secret("secret");
    settings_.job_poll_first = settings_.job_poll_max = settings_.deployment_poll =
        absl::Seconds(1);
    settings_.spool_folder = folder_ + "/spool";
    settings_.spool_bytes_max = 1 << 20;
    settings_.data_dir = folder_;
  }
  ~RunTest() override { std::filesystem::remove_all(folder_); }

  void Keep(const std::string& promotion, const std::string& order, TargetPhase phase) {
    TargetRecord record;
    record.state.phase = phase;
    TargetFacts facts;
    facts.app_guid = AppGuid("app");
    facts.activation_begun = true;
    JobRecord job;
    job.key = {.promotion = promotion, .role = JobRole::kTarget, .target_index = 0};
    job.order = order;
    job.state = FormatTargetRecord(record);
    job.facts = FormatTargetFacts(facts);
    const auto journal = Journal::Open(files_, settings_.JournalPath());
    ASSERT_THAT((*journal)->SaveJob(job), IsOk());
  }

  SystemFiles files_;
  SystemClock clock_;
  FakeEntropy entropy_{777};  // other keys than the federation's
  trust::TestTrust trust_;
  std::string folder_;
  Settings settings_;
};

TEST_F(RunTest, UndoThatAFailedStartHasBegunDoesNotHoldUpTheEnd) {
  Keep("promotion-1", trust_.Signed(trust_.PromoteOrder()), TargetPhase::kActivating);
  Keep("promotion-2", "no order", TargetPhase::kAccepted);
  auto signals = SignalDescriptor::Open({});
  ASSERT_THAT(signals, IsOk());
  const Status ended = RunAgent(
      settings_, {.files = files_, .clock = clock_, .entropy = entropy_, .signals = *signals});
  EXPECT_FALSE(ended.ok());
}

TEST_F(RunTest, ExpiredTrustDocumentIsWarnedOfAtTheStart) {
  trust::TrustContent content = trust_.content();
  content.expires = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now() - absl::Hours(1)));
  trust_.Use(content);
  ASSERT_THAT(
      files_.Replace(settings_.trust_document, trust_.document().envelope(), FileAccess::kEveryone),
      IsOk());
  Keep("promotion-1", "no order", TargetPhase::kAccepted);  // ends it
  auto signals = SignalDescriptor::Open({});
  ASSERT_THAT(signals, IsOk());
  ::testing::internal::CaptureStderr();
  StartLogging("test", LogLevel::kWarning);
  const Status ended = RunAgent(
      settings_, {.files = files_, .clock = clock_, .entropy = entropy_, .signals = *signals});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("trust-expired"));
  EXPECT_FALSE(ended.ok());
}

}  // namespace
}  // namespace sluice::agent
