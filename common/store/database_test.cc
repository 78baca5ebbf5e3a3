// What is committed survives, what is not leaves no trace, and every failure has its name.
// A crash is a copy of the files taken while the database is open.
#include "common/store/database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::array<std::string_view, 1> kFirst = {
    "CREATE TABLE item (id TEXT PRIMARY KEY, size INTEGER, content BLOB) STRICT"};
constexpr std::array<std::string_view, 2> kSecond = {
    kFirst[0], "CREATE TABLE note (item TEXT NOT NULL REFERENCES item (id)) STRICT"};

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/items.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                           Sharing sharing = Sharing::kOwnerAlone) {
    return Database::Open(files_, {.path = path, .sharing = sharing});
  }
  std::unique_ptr<Database> OpenMigrated() {
    auto database = Open(path_);
    EXPECT_THAT(database, IsOk());
    EXPECT_THAT((*database)->Migrate(kFirst), IsOk());
    return *std::move(database);
  }

  static Status Insert(Database& database, std::string_view id, std::string_view content) {
    SLUICE_ASSIGN_OR_RETURN(Statement insert,
                            database.Prepare("INSERT INTO item VALUES (?1, ?2, ?3)"));
    insert.BindText(1, id);
    insert.BindInteger(2, static_cast<int64_t>(content.size()));
    insert.BindBlob(3, content);
    return insert.Run();
  }

  static int64_t Count(Database& database) {
    auto count = database.Prepare("SELECT count(*) FROM item");
    EXPECT_THAT(count, IsOk());
    EXPECT_TRUE(*count->Step());
    return count->Integer(0);
  }

  // The files as a crash of the machine or the process would leave them.
  std::string CrashImage() {
    std::string image = folder_ + "/crashed.db";
    std::filesystem::copy_file(path_, image);
    std::filesystem::copy_file(path_ + "-wal", image + "-wal");
    return image;
  }

  SystemFiles files_;
  std::string folder_;
  std::string path_;
};

TEST_F(DatabaseTest, ValuesOfEachTypeComeBackAsTheyWere) {
  auto database = OpenMigrated();
  const std::string bytes("\0\xff\n\0", 4);
  ASSERT_THAT(Insert(*database, "ü", bytes), IsOk());
  ASSERT_THAT(Insert(*database, "", ""), IsOk());

  auto select = database->Prepare("SELECT id, size, content, NULL FROM item ORDER BY size DESC");
  ASSERT_THAT(select, IsOk());
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Text(0), "ü");
  EXPECT_EQ(select->Integer(1), 4);
  EXPECT_EQ(select->Blob(2), bytes);
  EXPECT_TRUE(select->IsNull(3));
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Text(0), "");
  EXPECT_FALSE(select->IsNull(2)) << "an empty blob is not NULL";
  EXPECT_EQ(select->Blob(2), "");
  EXPECT_FALSE(*select->Step());
}

TEST_F(DatabaseTest, StatementIsUsedAgainWithoutItsEarlierValues) {
  auto database = OpenMigrated();
  auto select = database->Prepare("SELECT ?1");
  ASSERT_THAT(select, IsOk());
  select->BindText(1, "first");
  ASSERT_TRUE(*select->Step());
  select->Reset();
  ASSERT_TRUE(*select->Step());
  EXPECT_TRUE(select->IsNull(0));
}

TEST_F(DatabaseTest, ParameterThatIsNotInTheStatementIsReportedByStep) {
  auto database = OpenMigrated();
  auto select = database->Prepare("SELECT ?1");
  ASSERT_THAT(select, IsOk());
  select->BindInteger(2, 1);
  EXPECT_THAT(select->Step(), HasErrorName("database-misuse"));
}

TEST_F(DatabaseTest, BrokenSqlIsOurBugAndSaysWhere) {
  auto database = OpenMigrated();
  const auto statement = database->Prepare("SELEC 1");
  EXPECT_THAT(statement, AllOf(StatusIs(StatusCode::kInternal), HasErrorName("database-misuse")));
  EXPECT_THAT(std::string(statement.status().message()), HasSubstr("SELEC"));
}

TEST_F(DatabaseTest, CommittedTransactionIsThereAfterReopening) {
  {
    auto database = OpenMigrated();
    auto transaction = database->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(Insert(*database, "a", "x"), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  EXPECT_EQ(Count(*OpenMigrated()), 1);
}

TEST_F(DatabaseTest, TransactionThatGoesWithoutCommitLeavesNothing) {
  auto database = OpenMigrated();
  {
    auto transaction = database->Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT(Insert(*database, "a", "x"), IsOk());
  }
  EXPECT_EQ(Count(*database), 0);
}

TEST_F(DatabaseTest, CommittedIsThereAfterACrashAndUncommittedIsNot) {
  auto database = OpenMigrated();
  {
    auto transaction = database->Begin();
    ASSERT_THAT(Insert(*database, "kept", "x"), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  auto transaction = database->Begin();
  ASSERT_THAT(Insert(*database, "lost", "x"), IsOk());
  auto reopened = Open(CrashImage());
  ASSERT_THAT(reopened, IsOk());
  EXPECT_EQ(Count(**reopened), 1);
}

TEST_F(DatabaseTest, EveryCommitIsSyncedToTheDisk) {
  auto database = OpenMigrated();
  auto synchronous = database->Prepare("PRAGMA synchronous");
  ASSERT_TRUE(*synchronous->Step());
  EXPECT_EQ(synchronous->Integer(0), 2) << "2 is FULL";
  auto journal = database->Prepare("PRAGMA journal_mode");
  ASSERT_TRUE(*journal->Step());
  EXPECT_EQ(journal->Text(0), "wal");
}

// Damages the middle of every page but the first, so that the header still looks well.
void Damage(const std::string& path) {
  SystemFiles files;
  std::string content = *files.Read(path, 1 << 30);
  ASSERT_GE(content.size(), 3u * 4096);
  for (size_t i = 4096; i + 512 < content.size(); i += 4096) content.replace(i, 512, 512, '\xee');
  ASSERT_THAT(files.Replace(path, content, FileAccess::kOwnerOnly), IsOk());
}

TEST_F(DatabaseTest, DamageIsFoundOnOpeningAfterAnUncleanStop) {
  auto database = OpenMigrated();
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(Insert(*database, std::to_string(i), std::string(2000, 'x')), IsOk());
  }
  ASSERT_THAT(database->Execute("PRAGMA wal_checkpoint(TRUNCATE)"), IsOk());
  ASSERT_THAT(Insert(*database, "leaves a log behind", ""), IsOk());
  const std::string image = CrashImage();
  Damage(image);
  EXPECT_THAT(Open(image),
              AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("database-corrupt")));
}

TEST_F(DatabaseTest, FileThatIsNoDatabaseIsCorrupt) {
  ASSERT_THAT(files_.Create(path_, std::string(8192, 'x'), FileAccess::kOwnerOnly), IsOk());
  EXPECT_THAT(Open(path_), HasErrorName("database-corrupt"));
}

TEST_F(DatabaseTest, SecondOwnerIsRefusedUntilTheFirstHasGone) {
  auto first = OpenMigrated();
  EXPECT_THAT(Open(path_),
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("database-locked")));
  EXPECT_THAT(Open(path_, Sharing::kOwnerWithReaders), HasErrorName("database-locked"));
  first.reset();
  EXPECT_THAT(Open(path_), IsOk());
}

TEST_F(DatabaseTest, ReaderBesideTheOwnerSeesWhatIsCommittedAndWritesNothing) {
  OpenMigrated().reset();
  auto owner = Open(path_, Sharing::kOwnerWithReaders);
  ASSERT_THAT(owner, IsOk());
  auto reader = Open(path_, Sharing::kReader);
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(Insert(**owner, "a", ""), IsOk());
  EXPECT_EQ(Count(**reader), 1);
  {
    auto instant = (*reader)->BeginReading();
    ASSERT_THAT(instant, IsOk());
    EXPECT_EQ(Count(**reader), 1);
    ASSERT_THAT(Insert(**owner, "b", ""), IsOk());
    EXPECT_EQ(Count(**reader), 1);
  }
  EXPECT_EQ(Count(**reader), 2);
  EXPECT_THAT(Insert(**reader, "c", ""), HasErrorName("file-not-permitted"));
}

TEST_F(DatabaseTest, ThereIsOneOwnerThoughReadersMayCome) {
  auto owner = Open(path_, Sharing::kOwnerWithReaders);
  ASSERT_THAT(owner, IsOk());
  EXPECT_THAT(Open(path_, Sharing::kOwnerWithReaders), HasErrorName("database-locked"));
  owner->reset();
  EXPECT_THAT(Open(path_, Sharing::kOwnerWithReaders), IsOk());
}

TEST_F(DatabaseTest, FullDiskIsReportedByNameAndKeepsWhatWasCommitted) {
  auto database = OpenMigrated();
  ASSERT_THAT(Insert(*database, "before", "x"), IsOk());
  // The same answer as that of a full disk, at a size of our choosing.
  ASSERT_THAT(database->Execute("PRAGMA max_page_count = 8"), IsOk());
  {
    auto transaction = database->Begin();
    ASSERT_THAT(transaction, IsOk());
    EXPECT_THAT(Insert(*database, "large", std::string(100000, 'x')),
                AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("disk-full")));
  }
  EXPECT_EQ(Count(*database), 1);
}

TEST_F(DatabaseTest, CommitIsRefusedWhileAFileOfTheDatabaseIsNotInItsPlace) {
  for (const Sharing sharing : {Sharing::kOwnerAlone, Sharing::kOwnerWithReaders}) {
    OpenMigrated().reset();
    auto database = Open(path_, sharing);
    ASSERT_THAT(database, IsOk());
    const int64_t before = Count(**database);
    const auto write = [&](const std::string& id) {
      SLUICE_ASSIGN_OR_RETURN(Transaction transaction, (*database)->Begin());
      SLUICE_RETURN_IF_ERROR(Insert(**database, id, ""));
      return transaction.Commit();
    };
    for (const char* suffix : {"", "-wal", "-shm", "-owner"}) {
      const std::string path = path_ + suffix;
      if (!std::filesystem::exists(path)) continue;
      const std::string aside = folder_ + "/aside";
      std::filesystem::rename(path, aside);
      EXPECT_THAT(write("removed"),
                  AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("database-gone")))
          << suffix;
      std::filesystem::copy_file(aside, path);
      EXPECT_THAT(write("replaced"), HasErrorName("database-gone")) << suffix;
      std::filesystem::rename(aside, path);
    }
    EXPECT_THAT(write("back " + std::to_string(static_cast<int>(sharing))), IsOk());
    EXPECT_EQ(Count(**database), before + 1);
  }
}

TEST_F(DatabaseTest, DatabaseIsBegunOnceAndAgainWhenItsFileHasNoContent) {
  EXPECT_TRUE(OpenMigrated()->begun_now());
  EXPECT_FALSE(OpenMigrated()->begun_now());
  ASSERT_THAT(files_.Replace(path_, "", FileAccess::kOwnerOnly), IsOk());
  EXPECT_TRUE(OpenMigrated()->begun_now());
}

// SQLite rolls back by itself after some failures: a COMMIT after that would acknowledge nothing.
TEST_F(DatabaseTest, TransactionThatWasRolledBackUnderneathIsNotAcknowledged) {
  auto database = OpenMigrated();
  auto transaction = database->Begin();
  ASSERT_THAT(transaction, IsOk());
  ASSERT_THAT(Insert(*database, "a", ""), IsOk());
  ASSERT_THAT(database->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(transaction->Commit(), HasErrorName("transaction-lost"));
  EXPECT_EQ(Count(*database), 0);
}

TEST_F(DatabaseTest, TakenKeyAndBrokenRuleHaveNamesOfTheirOwn) {
  auto database = OpenMigrated();
  ASSERT_THAT(database->Migrate(kSecond), IsOk());
  ASSERT_THAT(Insert(*database, "a", ""), IsOk());
  EXPECT_THAT(Insert(*database, "a", ""),
              AllOf(StatusIs(StatusCode::kAlreadyExists), HasErrorName("record-exists")));
  EXPECT_THAT(database->Execute("INSERT INTO note VALUES ('no such item')"),
              HasErrorName("database-constraint"));
}

TEST_F(DatabaseTest, MigrationsRunOnceAndInOrder) {
  {
    auto database = OpenMigrated();
    ASSERT_THAT(Insert(*database, "a", ""), IsOk());
    ASSERT_THAT(database->Migrate(kFirst), IsOk()) << "nothing to do the second time";
  }
  auto database = OpenMigrated();
  ASSERT_THAT(database->Migrate(kSecond), IsOk());
  EXPECT_EQ(Count(*database), 1);
  EXPECT_THAT(database->Execute("INSERT INTO note VALUES ('a')"), IsOk());
}

TEST_F(DatabaseTest, FailedMigrationLeavesTheSchemaBeforeIt) {
  auto database = OpenMigrated();
  constexpr std::array<std::string_view, 2> kFailing = {
      kFirst[0], "CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1)"};
  EXPECT_THAT(database->Migrate(kFailing), HasErrorName("database-misuse"));
  EXPECT_THAT(database->Execute("INSERT INTO half VALUES ('x')"), HasErrorName("database-misuse"));
  EXPECT_THAT(database->Migrate(kSecond), IsOk());
}

TEST_F(DatabaseTest, FileOfANewerProgramIsRefused) {
  auto database = OpenMigrated();
  ASSERT_THAT(database->Migrate(kSecond), IsOk());
  EXPECT_THAT(database->Migrate(kFirst),
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("database-newer")));
}

TEST_F(DatabaseTest, FilesAreForTheirOwnerOnly) {
  auto database = OpenMigrated();
  ASSERT_THAT(Insert(*database, "a", ""), IsOk());
  for (const char* suffix : {"", "-wal"}) {
    struct stat facts {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(DatabaseTest, FileThatOthersMayReadIsRefused) {
  OpenMigrated().reset();
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  EXPECT_THAT(Open(path_),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("file-too-open")));
}

TEST_F(DatabaseTest, FolderInWhichEverybodyMayWriteIsRefusedUnlessItIsSticky) {
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  EXPECT_THAT(Open(path_),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("folder-too-open")));
  ASSERT_EQ(chmod(folder_.c_str(), 01777), 0);
  EXPECT_THAT(Open(path_), IsOk());
}

TEST_F(DatabaseTest, DatabaseOfAnotherKindIsRefusedByOwnerAndReader) {
  constexpr int32_t kItems = 0x6974656d;
  constexpr int32_t kNotes = 0x6e6f7465;
  const auto open = [this](int32_t kind, Sharing sharing) {
    return Database::Open(files_, {.path = path_, .sharing = sharing, .kind = kind});
  };
  {
    const auto database = open(kItems, Sharing::kOwnerAlone);
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT((*database)->Migrate(kFirst), IsOk());
  }
  EXPECT_THAT(open(kItems, Sharing::kOwnerAlone), IsOk());
  for (const Sharing sharing : {Sharing::kOwnerAlone, Sharing::kReader}) {
    EXPECT_THAT(open(kNotes, sharing),
                AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("another-database")));
  }
}

TEST_F(DatabaseTest, FolderThatIsNotThereIsReported) {
  EXPECT_THAT(Open(folder_ + "/nowhere/items.db"), HasErrorName("no-file"));
}

TEST_F(DatabaseTest, SymbolicLinkIsNotFollowed) {
  OpenMigrated().reset();
  const std::string alias = folder_ + "/alias.db";
  ASSERT_EQ(symlink(path_.c_str(), alias.c_str()), 0);
  EXPECT_THAT(Open(alias), HasErrorName("database-not-opened"));
}

using DatabaseDeathTest = DatabaseTest;

TEST_F(DatabaseDeathTest, ColumnOfAnotherTypeEndsTheProcess) {
  auto database = OpenMigrated();
  auto select = database->Prepare("SELECT 'text'");
  ASSERT_TRUE(*select->Step());
  EXPECT_DEATH(select->Integer(0), "invariant");
}

}  // namespace
}  // namespace sluice::store
