// The ledger on a real disk: what it acknowledged is there after any end, and what was changed
// behind its back is found.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "common/base/clock.h"
#include "common/base/encoding.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/event_loop.h"
#include "common/store/database.h"
#include "coordinator/daemon/ledger_chain.h"
#include "coordinator/daemon/sqlite_ledger.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const absl::Time kAt = absl::FromUnixMillis(1767225600123);

LedgerDraft Draft(const std::string& body, const std::string& promotion = "p-1") {
  return {.at = kAt, .kind = "order", .promotion = promotion, .body = body};
}

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    std::string pattern = ::testing::TempDir() + "ledger.XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/ledger.db";
  }
  ~LedgerTest() override {
    Close();
    std::filesystem::remove_all(folder_);
  }

  Status Open() { return OpenAt(path_); }
  Status OpenAt(const std::string& path) {
    replayed_.clear();
    auto opened = SqliteLedger::Open(
        files_, path,
        [this](const LedgerEntry& entry, const SqliteLedger::EarlierHistory&) {
          replayed_.push_back(entry);
          return absl::OkStatus();
        },
        [this](std::function<void()> call) { return loop_.Post(std::move(call)); });
    if (opened.ok()) ledger_ = *std::move(opened);
    return opened.status();
  }
  void Close() { ledger_.reset(); }

  StatusOr<uint64_t> Append(std::vector<LedgerDraft> drafts) {
    std::optional<StatusOr<uint64_t>> result;
    ledger_->Append(std::move(drafts), [&](StatusOr<uint64_t> first) { result = first; });
    loop_.RunUntil([&] { return result.has_value(); });
    return *result;
  }

  // Another program at work on the file.
  void Tamper(const std::string& sql) {
    auto database = store::Database::Open(files_, {.path = path_});
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT((*database)->Execute(sql), IsOk());
  }

  SystemFiles files_;
  SystemClock clock_;
  net::EventLoop loop_{clock_};
  std::string folder_;
  std::string path_;
  std::vector<LedgerEntry> replayed_;
  std::unique_ptr<SqliteLedger> ledger_;
};

TEST(LedgerChainTest, HashIsTheDocumentedOne) {
  const LedgerEntry entry = ChainEntry(LedgerHead{}, 1767225600123, "order", "{}");
  // Computed by Python's hashlib from the formula in ledger_chain.h.
  EXPECT_EQ(ToHex(entry.hash), "fa874dae4c5001f2dc658dae1ef90cfa1b69bdf6c2f4d5c454ca5d8db9c64926");
}

TEST_F(LedgerTest, EntriesAreThereInOrderAfterReopening) {
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(*Append({Draft("one")}), 1u);
  EXPECT_EQ(*Append({Draft("two"), Draft("three")}), 2u);
  Close();
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(replayed_, SizeIs(3));
  EXPECT_EQ(replayed_[2].body, "three");
  EXPECT_EQ(replayed_[2].at_milliseconds, absl::ToUnixMillis(kAt));
  EXPECT_EQ(replayed_[2].previous, replayed_[1].hash);
  EXPECT_EQ(*Append({Draft("four")}), 4u);
}

TEST_F(LedgerTest, AppendsAreAnsweredInTheirOrder) {
  ASSERT_THAT(Open(), IsOk());
  std::vector<uint64_t> answers;
  constexpr uint64_t kAppends = 1000;  // many groups
  for (uint64_t i = 0; i < kAppends; ++i) {
    ledger_->Append({Draft("x")}, [&](StatusOr<uint64_t> first) { answers.push_back(*first); });
  }
  loop_.RunUntil([&] { return answers.size() == kAppends; });
  for (uint64_t i = 0; i < kAppends; ++i) ASSERT_EQ(answers[i], i + 1);
}

TEST_F(LedgerTest, PromotionsEntriesAreReadApart) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("a"), Draft("b", "p-2"), Draft("c"), Draft("nobody's", "")}), IsOk());
  std::optional<StatusOr<PromotionEntries>> read;
  ledger_->ReadPromotion("p-1", [&](StatusOr<PromotionEntries> found) { read = found; });
  loop_.RunUntil([&] { return read.has_value(); });
  ASSERT_THAT(*read, IsOk());
  std::vector<std::string> bodies;
  for (const LedgerEntry& entry : (*read)->entries) bodies.push_back(entry.body);
  EXPECT_THAT(bodies, ElementsAre("a", "c"));
}

TEST_F(LedgerTest, OfALongHistoryTheOrderAndTheLatestAreRead) {
  ASSERT_THAT(Open(), IsOk());
  std::vector<LedgerDraft> drafts = {Draft("order")};
  for (size_t i = 0; i < Ledger::kEntriesReadMax + 5; ++i) drafts.push_back(Draft("report"));
  ASSERT_THAT(Append(drafts), IsOk());
  std::optional<StatusOr<PromotionEntries>> read;
  ledger_->ReadPromotion("p-1", [&](StatusOr<PromotionEntries> found) { read = found; });
  loop_.RunUntil([&] { return read.has_value(); });
  ASSERT_THAT(*read, IsOk());
  const PromotionEntries& entries = **read;
  ASSERT_THAT(entries.entries, SizeIs(Ledger::kEntriesReadMax + 1));
  EXPECT_EQ(entries.entries.front().body, "order");
  EXPECT_EQ(entries.entries.back().sequence, drafts.size());
  EXPECT_EQ(entries.total, drafts.size());
}

TEST_F(LedgerTest, HistoryIsAllOfAPromotionAndTheTrustThatHeldMeanwhile) {
  const auto trust = [](const std::string& body) {
    LedgerDraft draft = Draft(body, "");
    draft.kind = "trust";
    return draft;
  };
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({trust("t1"), trust("t2"), Draft("a"), Draft("b", "p-2"), trust("t3"),
                      Draft("c"), trust("t4"), Draft("d", "p-12")}),
              IsOk());
  const auto bodies_of = [&](const std::string& promotion) {
    std::optional<StatusOr<std::vector<LedgerEntry>>> read;
    ledger_->ReadHistory(promotion, [&](const auto& history) { read = history; });
    loop_.RunUntil([&] { return read.has_value(); });
    std::vector<std::string> bodies;
    for (const LedgerEntry& entry : **read) bodies.push_back(entry.body);
    return bodies;
  };
  EXPECT_THAT(bodies_of("p-1"), ElementsAre("t2", "a", "t3", "c"));
  EXPECT_THAT(bodies_of("p-12"), ElementsAre("t4", "d"));
  EXPECT_THAT(bodies_of("p-3"), ElementsAre());

  const auto ids_with = [&](const std::string& prefix, size_t count_max) {
    std::optional<StatusOr<std::vector<std::string>>> read;
    ledger_->FindPromotions(prefix, count_max, [&](const auto& ids) { read = ids; });
    loop_.RunUntil([&] { return read.has_value(); });
    return **read;
  };
  EXPECT_THAT(ids_with("p-", 9), ElementsAre("p-1", "p-12", "p-2"));
  EXPECT_THAT(ids_with("p-1", 1), ElementsAre("p-1"));
  EXPECT_THAT(ids_with("q", 9), ElementsAre());
}

TEST_F(LedgerTest, AlteredBodyIsFoundAtItsEntry) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one"), Draft("two"), Draft("three")}), IsOk());
  Close();
  Tamper("DROP TRIGGER ledger_keeps; UPDATE ledger SET body = x'747771' WHERE seq = 2");
  const Status opened = Open();
  EXPECT_THAT(opened, HasErrorName("ledger-altered"));
  EXPECT_THAT(std::string(opened.message()), ::testing::HasSubstr("entry 2"));
}

TEST_F(LedgerTest, RemovedEntryIsFoundInTheMiddleAndAtTheEnd) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one"), Draft("two"), Draft("three")}), IsOk());
  Close();
  Tamper(
      "DROP TRIGGER ledger_holds; DELETE FROM entry_promotion WHERE seq = 3;"
      "DELETE FROM ledger WHERE seq = 3");
  EXPECT_THAT(Open(), HasErrorName("ledger-altered"));
  Tamper("DELETE FROM entry_promotion WHERE seq = 1; DELETE FROM ledger WHERE seq = 1");
  EXPECT_THAT(Open(), HasErrorName("ledger-altered"));
}

TEST_F(LedgerTest, SchemaRefusesToChangeOrDeleteEntries) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one")}), IsOk());
  Close();
  auto database = store::Database::Open(files_, {.path = path_});
  ASSERT_THAT(database, IsOk());
  EXPECT_FALSE((*database)->Execute("UPDATE ledger SET kind = 'x'").ok());
  EXPECT_FALSE((*database)->Execute("DELETE FROM ledger").ok());
}

TEST_F(LedgerTest, SecondCoordinatorIsKeptOut) {
  ASSERT_THAT(Open(), IsOk());
  const auto second = SqliteLedger::Open(
      files_, path_, [](const LedgerEntry&, const auto&) { return absl::OkStatus(); },
      [](const std::function<void()>&) { return false; });
  EXPECT_THAT(second, HasErrorName("database-locked"));
}

TEST_F(LedgerTest, ReplaysErrorEndsTheOpening) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one")}), IsOk());
  Close();
  const auto opened = SqliteLedger::Open(
      files_, path_,
      [](const LedgerEntry&, const auto&) {
        return NamedError(StatusCode::kDataLoss, "ledger-unreadable", "from the future");
      },
      [](const std::function<void()>&) { return false; });
  EXPECT_THAT(opened, HasErrorName("ledger-unreadable"));
}

// The child writes as fast as it can and says on a pipe what was acknowledged; it is killed in
// the middle of that.
TEST_F(LedgerTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  constexpr uint64_t kAcknowledgedBeforeTheKill = 200;
  int acknowledged[2];
  ASSERT_EQ(pipe(acknowledged), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(acknowledged[0]);
    if (!Open().ok()) _exit(1);
    uint64_t answered = 0;
    for (uint64_t given = 0;; ++given) {
      ledger_->Append({Draft(std::to_string(given))}, [&](StatusOr<uint64_t> first) {
        if (!first.ok() || write(acknowledged[1], &*first, sizeof *first) < 0) _exit(1);
        ++answered;
      });
      // Some are in flight at any time, so that the kill meets a transaction.
      constexpr uint64_t kInFlight = 8;
      loop_.RunUntil([&] { return given + 1 - answered < kInFlight; });
    }
  }
  close(acknowledged[1]);
  uint64_t last = 0;
  uint64_t sequence = 0;
  while (read(acknowledged[0], &sequence, sizeof sequence) == sizeof sequence) {
    last = sequence;
    if (last == kAcknowledgedBeforeTheKill) {
      ASSERT_EQ(kill(child, SIGKILL), 0);
    }
  }
  close(acknowledged[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_GE(last, kAcknowledgedBeforeTheKill);

  ASSERT_THAT(Open(), IsOk());
  ASSERT_GE(replayed_.size(), last);
  for (uint64_t i = 0; i < last; ++i) ASSERT_EQ(replayed_[i].body, std::to_string(i));
}

// No file of this process may grow for a while: what a full disk looks like to SQLite.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    previous_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, previous_);
  }

 private:
  rlimit before_{};
  sighandler_t previous_;
};

TEST_F(LedgerTest, FullDiskFailsWhatBuildsOnItUntilRecoverAndKeepsTheChain) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("before")}), IsOk());
  {
    const FileSizeLimit limit(256 << 10);
    EXPECT_THAT(Append({Draft(std::string(1 << 20, 'x'))}), HasErrorName("ledger-unavailable"));
    // Would fit, but may build on what was not kept.
    EXPECT_THAT(Append({Draft("small")}), HasErrorName("ledger-unavailable"));
  }
  EXPECT_THAT(Append({Draft("still")}), HasErrorName("ledger-unavailable"));
  ledger_->Recover();
  EXPECT_EQ(*Append({Draft("after")}), 2u);
  Close();
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(replayed_, SizeIs(2));
  EXPECT_EQ(replayed_[1].body, "after");
}

TEST_F(LedgerTest, NothingIsAcknowledgedWhileTheFileIsNotInItsPlace) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("before")}), IsOk());
  std::filesystem::rename(path_, folder_ + "/aside");
  const auto appended = Append({Draft("lost")});
  EXPECT_THAT(appended, HasErrorName("ledger-unavailable"));
  EXPECT_THAT(std::string(appended.status().message()), ::testing::HasSubstr("database-gone"));
  ledger_->Recover();
  EXPECT_THAT(Append({Draft("lost")}), HasErrorName("ledger-unavailable"));
  std::filesystem::rename(folder_ + "/aside", path_);
  ledger_->Recover();
  EXPECT_EQ(*Append({Draft("after")}), 2u);
  Close();
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(replayed_, SizeIs(2));
  EXPECT_EQ(replayed_[1].body, "after");
}

TEST_F(LedgerTest, BackupIsALedgerToStartFromAndOverwritesNothing) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one"), Draft("nobody's", "")}), IsOk());
  const std::string copy = folder_ + "/copy.db";
  Close();
  ASSERT_THAT(BackUpLedger(files_, path_, copy), IsOk());
  EXPECT_THAT(BackUpLedger(files_, path_, copy), HasErrorName("file-exists"));
  EXPECT_THAT(BackUpLedger(files_, folder_ + "/none.db", folder_ + "/x.db"),
              HasErrorName("no-ledger"));
  ASSERT_THAT(OpenAt(copy), IsOk());
  EXPECT_THAT(replayed_, SizeIs(2));
  EXPECT_EQ(*Append({Draft("three")}), 3u);
}

TEST_F(LedgerTest, BackupWhileEntriesAreWrittenIsTheLedgerOfOneInstant) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one"), Draft("nobody's", "")}), IsOk());
  // The writer is at work on these while the copy is made.
  constexpr size_t kWrittenMeanwhile = 2000;
  size_t answered = 0;
  for (size_t i = 0; i < kWrittenMeanwhile; ++i) {
    ledger_->Append({Draft("x")}, [&](const StatusOr<uint64_t>& first) {
      EXPECT_THAT(first, IsOk());
      ++answered;
    });
  }
  const std::string copy = folder_ + "/copy.db";
  ASSERT_THAT(BackUpLedger(files_, path_, copy), IsOk());
  loop_.RunUntil([&] { return answered == kWrittenMeanwhile; });
  EXPECT_EQ(*Append({Draft("the ledger goes on")}), kWrittenMeanwhile + 3);
  Close();
  ASSERT_THAT(OpenAt(copy), IsOk());
  ASSERT_GE(replayed_.size(), 2u);
  EXPECT_EQ(replayed_[1].body, "nobody's");
  EXPECT_EQ(*Append({Draft("next")}), replayed_.size() + 1);
}

TEST_F(LedgerTest, BackupOfAnAlteredLedgerFails) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_THAT(Append({Draft("one")}), IsOk());
  Close();
  Tamper("DROP TRIGGER ledger_keeps; UPDATE ledger SET kind = 'trust' WHERE seq = 1");
  EXPECT_THAT(BackUpLedger(files_, path_, folder_ + "/copy.db"), HasErrorName("ledger-altered"));
}

}  // namespace
}  // namespace sluice::coordinator
