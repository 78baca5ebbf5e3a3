// One SQLite database under one owner.
//
//   SLUICE_ASSIGN_OR_RETURN(auto database, Database::Open(files, {.path = "ledger.db"}));
//   SLUICE_RETURN_IF_ERROR(database->Migrate(kMigrations));
//   SLUICE_ASSIGN_OR_RETURN(Transaction transaction, database->Begin());
//   ... statements ...
//   SLUICE_RETURN_IF_ERROR(transaction.Commit());  // durable when it returns OK
//
// Owned by one thread at a time: it may be handed over, never shared. Failures have the names in
// README.md. Statements and transactions must not outlive their database.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/store/files_in_place.h"
#include "common/store/owner_lock.h"
#include "common/store/statement.h"

struct sqlite3;

namespace sluice::store {

// Rolls back when it goes without Commit(), so that an early return leaves nothing half done.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // OK: on the disk, in the files at the database's path. An error: nothing of the transaction was
  // kept; "database-gone" when those are other files by now, or none.
  Status Commit();

 private:
  friend class Database;
  Transaction(sqlite3* connection, const FilesInPlace& files)
      : connection_(connection), files_(files) {}
  sqlite3* connection_;  // null when it is over
  const FilesInPlace& files_;
};

// Who else may have the database open meanwhile.
enum class Sharing {
  kOwnerAlone,        // nobody
  kOwnerWithReaders,  // readers; of owners only this one (PATH-owner is locked for it)
  kReader,            // the owner; nothing can be written, and the file must be there
};

class Database {
 public:
  struct Options {
    std::string path;
    Sharing sharing = Sharing::kOwnerAlone;
    // What is stored, so that no database is taken for another one: four letters as a number
    // (SQLite's application id). 0: anything.
    int32_t kind = 0;
  };

  // Opens the file, or makes it (0600). After an unclean stop its owner checks it as a whole first.
  // FailedPrecondition "another-database" for one of another kind.
  static StatusOr<std::unique_ptr<Database>> Open(Files& files, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Brings the schema up to date: migrations[i] leads from version i to i + 1, each in a
  // transaction of its own. Those that have run are never changed, only added to.
  Status Migrate(std::span<const std::string_view> migrations);
  // How many migrations have run on it; 0 when there is nothing in it.
  StatusOr<size_t> SchemaVersion();
  // Whether Migrate() found nothing in it: a file that was made just now, or one without content.
  bool begun_now() const { return begun_now_; }

  // Runs statements that give no rows. `sql` is our own text, never built from input. Without a
  // transaction nothing looks whether the files are still in place.
  Status Execute(const std::string& sql);

  // `sql` is one statement with ?1, ?2, ... where values go.
  StatusOr<Statement> Prepare(std::string_view sql);

  // Takes the write lock at once. One transaction at a time: a second Begin() is our bug.
  StatusOr<Transaction> Begin();

  // What is read until it goes is of one instant, whatever the owner commits meanwhile.
  StatusOr<Transaction> BeginReading();

 private:
  Database(sqlite3* connection, int32_t kind) : connection_(connection), kind_(kind) {}
  Status CheckKind();
  Status Configure(Sharing sharing);
  Status Prove(bool stopped_uncleanly);
  StatusOr<std::string> Pragma(const std::string& pragma);

  std::unique_ptr<OwnerLock> owner_lock_;  // null: SQLite's own locks are enough
  sqlite3* connection_;
  const int32_t kind_;
  FilesInPlace files_;  // an owner's; a reader looks after none
  bool begun_now_ = false;
};

}  // namespace sluice::store
