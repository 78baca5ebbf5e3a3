// Goal: what the journal said OK to is there after any end of the process. Method: a real database
// in a folder of its own, reopened, and once written by a process that is killed.
#include "agent/journal.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "common/base/logging.h"
#include "common/base/testing/status_matchers.h"
#include "common/store/database.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = ::testing::TempDir() + "journalXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Journal> Open() {
    auto journal = Journal::Open(files_, folder_ + "/journal.db");
    EXPECT_THAT(journal, IsOk());
    return *std::move(journal);
  }

  static JobRecord TargetJob(const std::string& promotion) {
    JobRecord job;
    job.key = {.promotion = promotion, .role = JobRole::kTarget, .target_index = 0};
    job.order = "{order}";
    job.state = FormatTargetRecord(TargetRecord());
    job.facts = FormatTargetFacts(TargetFacts());
    job.secret = Secret("0123456789abcdef");
    job.revision = 7;
    job.report = "report";
    return job;
  }

  static Journal::Acceptance Accepted(const std::string& promotion) {
    return {.order_id = "id of " + promotion,
            .order_sha256 = "sha256 of " + promotion,
            .envelope = "{order}",
            .accepted_at = absl::FromUnixSeconds(1767225600),
            .counters = {{"prod:acme/payments/checkout", 5}},
            .job = TargetJob(promotion)};
  }

  SystemFiles files_;
  std::string folder_;
};

TEST_F(JournalTest, AcceptedOrderIsKnownByIdDigestCounterAndTimeAfterReopening) {
  {
    auto journal = Open();
    EXPECT_FALSE(*journal->OrderIdSeen("id of p-1"));
    EXPECT_EQ(*journal->TimeFloor(), absl::InfinitePast());
    ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  }
  auto journal = Open();
  EXPECT_TRUE(*journal->OrderIdSeen("id of p-1"));
  EXPECT_TRUE(*journal->OrderAccepted("sha256 of p-1"));
  EXPECT_FALSE(*journal->OrderAccepted("sha256 of p-2"));
  EXPECT_EQ(*journal->LastCounter("prod:acme/payments/checkout"), 5);
  EXPECT_EQ(*journal->LastCounter("prod:acme/payments/other"), 0);
  EXPECT_EQ(*journal->TimeFloor(), absl::FromUnixSeconds(1767225600));
  const auto job = *journal->FindJob(TargetJob("p-1").key);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->order, "{order}");
  EXPECT_EQ(job->secret.Reveal(), "0123456789abcdef");
  EXPECT_EQ(job->revision, 7u);
}

TEST_F(JournalTest, AcceptanceOutlivesTheProcessThatIsKilledRightAfterIt) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto journal = Journal::Open(files_, folder_ + "/journal.db");
    if (!journal.ok() || !(*journal)->RecordAcceptance(Accepted("p-1")).ok()) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  ASSERT_TRUE(WIFSIGNALED(how));
  auto journal = Open();
  EXPECT_TRUE(*journal->OrderAccepted("sha256 of p-1"));
  EXPECT_TRUE((*journal->FindJob(TargetJob("p-1").key)).has_value());
}

TEST_F(JournalTest, OrderOfAnAgentThatIsSourceAndTargetIsRecordedForEachPart) {
  auto journal = Open();
  Journal::Acceptance acceptance = Accepted("p-1");
  ASSERT_THAT(journal->RecordAcceptance(acceptance), IsOk());
  acceptance.job.key.role = JobRole::kSource;
  ASSERT_THAT(journal->RecordAcceptance(acceptance), IsOk());
  EXPECT_THAT(*journal->FindJobs("p-1"), SizeIs(2));
}

TEST_F(JournalTest, AnotherOrderUnderAKnownIdIsRefusedAndLeavesNothingBehind) {
  auto journal = Open();
  ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  Journal::Acceptance other = Accepted("p-2");
  other.order_id = "id of p-1";
  other.counters = {{"prod:acme/payments/checkout", 9}};
  EXPECT_FALSE(journal->RecordAcceptance(other).ok());
  EXPECT_EQ(*journal->LastCounter("prod:acme/payments/checkout"), 5);
  EXPECT_FALSE((*journal->FindJob(other.job.key)).has_value());
}

TEST_F(JournalTest, CounterNeverGoesBack) {
  auto journal = Open();
  ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  Journal::Acceptance lower = Accepted("p-2");
  lower.counters = {{"prod:acme/payments/checkout", 3}};
  ASSERT_THAT(journal->RecordAcceptance(lower), IsOk());
  EXPECT_EQ(*journal->LastCounter("prod:acme/payments/checkout"), 5);
}

TEST_F(JournalTest, FactsOfARunningStepAreNotOverwrittenByItsJobsState) {
  auto journal = Open();
  JobRecord job = TargetJob("p-1");
  ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  TargetFacts facts;
  facts.droplet_guid = DropletGuid("made-here");
  ASSERT_THAT(journal->SaveFacts(job.key, FormatTargetFacts(facts)), IsOk());
  job.revision = 8;
  ASSERT_THAT(journal->SaveJob(job), IsOk());
  const auto found = *journal->FindJob(job.key);
  EXPECT_EQ(ParseTargetFacts(found->facts)->droplet_guid.value(), "made-here");
  EXPECT_EQ(found->revision, 8u);
}

TEST_F(JournalTest, UnfinishedAreThoseThatAreOpenOrNotRecordedByTheCoordinator) {
  auto journal = Open();
  JobRecord open = TargetJob("open");
  open.reported = true;
  JobRecord told = TargetJob("ended-and-told");
  told.open = false;
  JobRecord untold = TargetJob("ended-and-untold");
  untold.open = false;
  for (const JobRecord& job : {open, told, untold}) {
    ASSERT_THAT(journal->SaveJob(job), IsOk());
  }
  ASSERT_THAT(journal->MarkReported(told.key, 7), IsOk());
  // An older report's acknowledgement says nothing of the latest.
  ASSERT_THAT(journal->MarkReported(untold.key, 6), IsOk());
  EXPECT_THAT(*journal->LoadUnfinishedJobs(),
              ElementsAre(Field(&JobRecord::key, open.key), Field(&JobRecord::key, untold.key)));
}

TEST_F(JournalTest, NothingIsSaidToBeKeptWhileTheFileIsNotInItsPlace) {
  auto journal = Open();
  ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  std::filesystem::rename(folder_ + "/journal.db", folder_ + "/aside");
  const JobKey key = TargetJob("p-1").key;
  EXPECT_THAT(journal->RecordAcceptance(Accepted("p-2")), HasErrorName("database-gone"));
  EXPECT_THAT(journal->SaveJob(TargetJob("p-1")), HasErrorName("database-gone"));
  EXPECT_THAT(journal->SaveFacts(key, "new"), HasErrorName("database-gone"));
  EXPECT_THAT(journal->MarkReported(key, 7), HasErrorName("database-gone"));
  EXPECT_THAT(journal->KeepTrustFloor({1, "ab"}), HasErrorName("database-gone"));
  std::filesystem::rename(folder_ + "/aside", folder_ + "/journal.db");
  EXPECT_THAT(*journal->FindJobs("p-2"), SizeIs(0));
  EXPECT_EQ((*journal->FindJob(key))->facts, TargetJob("p-1").facts);
  EXPECT_THAT(journal->RecordAcceptance(Accepted("p-2")), IsOk());
}

TEST_F(JournalTest, BeginningAJournalIsWarnedOfAndGoingOnWithOneIsNot) {
  ::testing::internal::CaptureStderr();
  StartLogging("test", LogLevel::kInfo);
  Open();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("journal-begun"), HasSubstr("\"level\":\"warning\"")));
  ::testing::internal::CaptureStderr();
  Open();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(JournalTest, JournalBeginsWithTheFirstOrderThatItKnows) {
  auto journal = Open();
  EXPECT_EQ(*journal->BeginsAt(), absl::InfiniteFuture());
  Journal::Acceptance later = Accepted("p-2");
  later.accepted_at += absl::Hours(1);
  ASSERT_THAT(journal->RecordAcceptance(later), IsOk());
  ASSERT_THAT(journal->RecordAcceptance(Accepted("p-1")), IsOk());
  EXPECT_EQ(*journal->BeginsAt(), absl::FromUnixSeconds(1767225600));
}

TEST_F(JournalTest, TrustFloorIsThereAfterReopeningAndReadBesideTheAgentThatRuns) {
  const std::string path = folder_ + "/journal.db";
  EXPECT_EQ(*Journal::ReadTrustFloor(files_, path), trust::TrustFloor());
  {
    auto journal = Open();
    EXPECT_EQ(*journal->TrustFloor(), trust::TrustFloor());
    ASSERT_THAT(journal->KeepTrustFloor({7, "ab"}), IsOk());
    EXPECT_EQ(*Journal::ReadTrustFloor(files_, path), (trust::TrustFloor{7, "ab"}));
    EXPECT_THAT(Journal::Open(files_, path), HasErrorName("database-locked"));
  }
  EXPECT_EQ(*Journal::ReadTrustFloor(files_, path), (trust::TrustFloor{7, "ab"}));
  auto journal = Open();
  EXPECT_EQ(*journal->TrustFloor(), (trust::TrustFloor{7, "ab"}));
  ASSERT_THAT(journal->KeepTrustFloor({8, "cd"}), IsOk());
  EXPECT_EQ(*journal->TrustFloor(), (trust::TrustFloor{8, "cd"}));
}

TEST_F(JournalTest, DatabaseOfAnotherKindIsNoJournal) {
  const std::string path = folder_ + "/journal.db";
  {
    const auto other = store::Database::Open(files_, {.path = path, .kind = 1});
    ASSERT_THAT(other, IsOk());
    const std::string_view schema = "CREATE TABLE note(text TEXT) STRICT";
    ASSERT_THAT((*other)->Migrate({&schema, 1}), IsOk());
  }
  EXPECT_THAT(Journal::Open(files_, path), HasErrorName("another-database"));
  EXPECT_THAT(Journal::ReadTrustFloor(files_, path), HasErrorName("another-database"));
}

TEST_F(JournalTest, FloorOfAJournalFromBeforeDigestsIsItsVersion) {
  const std::string path = folder_ + "/journal.db";
  Open();
  {
    const auto database = store::Database::Open(files_, {.path = path});
    ASSERT_THAT((*database)->Execute("ALTER TABLE trust_floor DROP COLUMN sha256;"
                                     "INSERT INTO trust_floor VALUES(1, 7);"
                                     "PRAGMA user_version = 1"),
                IsOk());
  }
  EXPECT_EQ(*Journal::ReadTrustFloor(files_, path), (trust::TrustFloor{7, ""}));
  EXPECT_EQ(*Open()->TrustFloor(), (trust::TrustFloor{7, ""}));
}

}  // namespace
}  // namespace sluice::agent
