#include "common/store/database.h"

#include <sqlite3.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/store/sqlite_status.h"

namespace sluice::store {
namespace {

constexpr const char* kOwnerSuffix = "-owner";  // the file that an owner with readers has locked

// Whoever may write in the folder can put another database in this one's place.
Status CheckFolder(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(path, error).parent_path();
  const auto mode = std::filesystem::status(folder, error).permissions();
  const auto has = [mode](std::filesystem::perms bit) {
    return (mode & bit) != std::filesystem::perms::none;
  };
  // Not there: what opens the file says so.
  if (error || !has(std::filesystem::perms::others_write) ||
      has(std::filesystem::perms::sticky_bit)) {
    return absl::OkStatus();
  }
  return NamedError(StatusCode::kPermissionDenied, "folder-too-open",
                    absl::StrFormat("everybody may write in %s; run: chmod o-w %s", folder.string(),
                                    folder.string()));
}

Status CheckPrivate(const std::string& path) {
  std::error_code error;
  const auto mode = std::filesystem::status(path, error).permissions();
  if (error) {
    return NamedError(StatusCode::kInternal, "disk-error",
                      absl::StrFormat("cannot look at %s: %s", path, error.message()));
  }
  constexpr auto kOthers = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  if ((mode & kOthers) != std::filesystem::perms::none) {
    return NamedError(
        StatusCode::kPermissionDenied, "file-too-open",
        absl::StrFormat("%s may be used by group or others; run: chmod 600 %s", path, path));
  }
  return absl::OkStatus();
}

// Makes the file before SQLite does, which would let everybody read it; SQLite gives the files
// beside it (-wal, -shm) the same mode.
Status MakePrivate(Files& files, const std::string& path) {
  const Status created = files.Create(path, "", FileAccess::kOwnerOnly);
  return created.code() == StatusCode::kAlreadyExists ? CheckPrivate(path) : created;
}

// The last connection removes the WAL when it closes: one with content was left by a crash.
bool StoppedUncleanly(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path + "-wal", error);
  return !error && bytes > 0;
}

Status ExecuteOn(sqlite3* connection, const std::string& sql, std::string_view doing) {
  const int result = sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr);
  if (result == SQLITE_OK) return absl::OkStatus();
  return SqliteError(connection, result, doing);
}

}  // namespace

StatusOr<std::unique_ptr<Database>> Database::Open(Files& files, const Options& options) {
  const bool reader = options.sharing == Sharing::kReader;
  SLUICE_RETURN_IF_ERROR(CheckFolder(options.path));
  SLUICE_RETURN_IF_ERROR(reader ? CheckPrivate(options.path) : MakePrivate(files, options.path));
  std::unique_ptr<OwnerLock> owner_lock;
  if (options.sharing == Sharing::kOwnerWithReaders) {
    SLUICE_ASSIGN_OR_RETURN(owner_lock, OwnerLock::Take(files, options.path + kOwnerSuffix));
  }
  const bool unclean = StoppedUncleanly(options.path);
  sqlite3* connection = nullptr;
  // NOMUTEX: one thread at a time is the contract of this class.
  const int result = sqlite3_open_v2(options.path.c_str(), &connection,
                                     (reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                                         SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                                     nullptr);
  SLUICE_CHECK(connection != nullptr);
  std::unique_ptr<Database> database(new Database(connection, options.kind));
  database->owner_lock_ = std::move(owner_lock);
  if (result != SQLITE_OK) return SqliteError(connection, result, "open");
  SLUICE_RETURN_IF_ERROR(database->Configure(options.sharing));
  if (!reader) SLUICE_RETURN_IF_ERROR(database->Prove(unclean));
  SLUICE_RETURN_IF_ERROR(database->CheckKind());
  if (reader) return database;
  // All of them are there from the first access on, until the owner closes them.
  const std::string& path = options.path;
  database->files_ = FilesInPlace({path, path + "-wal", path + "-shm", path + kOwnerSuffix});
  return database;
}

Status Database::Configure(Sharing sharing) {
  sqlite3_extended_result_codes(connection_, 1);
  // Not even our own SQL may write to the schema's or the pages' internals.
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 0);
  if (sharing != Sharing::kOwnerAlone) {
    // Readers and owner meet in short locks when one of them opens, closes or begins the log anew.
    constexpr int kMeetingMilliseconds = 5000;
    sqlite3_busy_timeout(connection_, kMeetingMilliseconds);
  }
  return Execute(absl::StrCat(
      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
      "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
      "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
      "PRAGMA locking_mode = ",
      sharing == Sharing::kOwnerAlone ? "EXCLUSIVE" : "NORMAL", "; PRAGMA synchronous = FULL;"));
}

// The first access: takes the lock, plays back the WAL and, after a crash, reads everything once.
Status Database::Prove(bool stopped_uncleanly) {
  SLUICE_ASSIGN_OR_RETURN(const std::string mode, Pragma("journal_mode = WAL"));
  if (mode != "wal") {
    return NamedError(StatusCode::kFailedPrecondition, "database-not-opened",
                      "the file system of the database cannot keep a write-ahead log");
  }
  SLUICE_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE; COMMIT"));
  if (!stopped_uncleanly) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const std::string verdict, Pragma("integrity_check(1)"));
  if (verdict == "ok") return absl::OkStatus();
  return NamedError(StatusCode::kDataLoss, "database-corrupt",
                    absl::StrFormat("%s is damaged (%s); restore a backup",
                                    sqlite3_db_filename(connection_, "main"), verdict));
}

// One without a kind is empty, or from before there were kinds.
Status Database::CheckKind() {
  SLUICE_ASSIGN_OR_RETURN(Statement read, Prepare("PRAGMA application_id"));
  SLUICE_ASSIGN_OR_RETURN(const bool row, read.Step());
  SLUICE_CHECK(row);
  if (kind_ == 0 || read.Integer(0) == 0 || read.Integer(0) == kind_) return absl::OkStatus();
  return NamedError(StatusCode::kFailedPrecondition, "another-database",
                    absl::StrCat(sqlite3_db_filename(connection_, "main"),
                                 " is the database of another program: see data_dir, and whether a "
                                 "backup was put back in the wrong place"));
}

Database::~Database() {
  const int result = sqlite3_close(connection_);
  // BUSY: a statement outlived its database, which is our bug.
  SLUICE_CHECK(result == SQLITE_OK);
}

StatusOr<std::string> Database::Pragma(const std::string& pragma) {
  SLUICE_ASSIGN_OR_RETURN(Statement statement, Prepare("PRAGMA " + pragma));
  SLUICE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  SLUICE_CHECK(row);
  return statement.Text(0);
}

StatusOr<size_t> Database::SchemaVersion() {
  SLUICE_ASSIGN_OR_RETURN(Statement read, Prepare("PRAGMA user_version"));
  SLUICE_ASSIGN_OR_RETURN(const bool row, read.Step());
  SLUICE_CHECK(row);
  return static_cast<size_t>(read.Integer(0));
}

Status Database::Migrate(std::span<const std::string_view> migrations) {
  SLUICE_ASSIGN_OR_RETURN(const size_t version, SchemaVersion());
  begun_now_ = version == 0;
  if (version > migrations.size()) {
    return NamedError(
        StatusCode::kFailedPrecondition, "database-newer",
        absl::StrFormat("%s was written by a newer program (schema %d, this one knows %d)",
                        sqlite3_db_filename(connection_, "main"), version, migrations.size()));
  }
  for (size_t i = version; i < migrations.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(Transaction transaction, Begin());
    SLUICE_RETURN_IF_ERROR(Execute(std::string(migrations[i])));
    SLUICE_RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA user_version = ", i + 1)));
    if (i == 0) SLUICE_RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA application_id = ", kind_)));
    SLUICE_RETURN_IF_ERROR(transaction.Commit());
  }
  return absl::OkStatus();
}

Status Database::Execute(const std::string& sql) { return ExecuteOn(connection_, sql, "write to"); }

StatusOr<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return SqliteError(connection_, result, "prepare a statement for");
  SLUICE_CHECK(statement != nullptr);
  return Statement(statement);
}

StatusOr<Transaction> Database::Begin() {
  SLUICE_RETURN_IF_ERROR(ExecuteOn(connection_, "BEGIN IMMEDIATE", "begin to write to"));
  return Transaction(connection_, files_);
}

StatusOr<Transaction> Database::BeginReading() {
  SLUICE_RETURN_IF_ERROR(ExecuteOn(connection_, "BEGIN", "begin to read"));
  return Transaction(connection_, files_);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), files_(other.files_) {}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some failures; then autocommit is on again.
  if (connection_ == nullptr || sqlite3_get_autocommit(connection_) != 0) return;
  const int result = sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
  SLUICE_CHECK(result == SQLITE_OK);
}

Status Transaction::Commit() {
  SLUICE_CHECK(connection_ != nullptr);
  // A statement's failure may have rolled everything back; COMMIT would then be a lie.
  if (sqlite3_get_autocommit(connection_) != 0) {
    connection_ = nullptr;
    return NamedError(StatusCode::kAborted, "transaction-lost",
                      "the transaction was rolled back by an earlier failure in it");
  }
  // After this or a failed COMMIT the transaction is still open: the destructor rolls it back.
  SLUICE_RETURN_IF_ERROR(files_.Check());
  SLUICE_RETURN_IF_ERROR(ExecuteOn(connection_, "COMMIT", "commit to"));
  connection_ = nullptr;
  return absl::OkStatus();
}

}  // namespace sluice::store
