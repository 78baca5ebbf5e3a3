#include "agent/journal.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/store/database.h"
#include "common/store/statement.h"

namespace sluice::agent {
namespace {

using store::Database;
using store::Statement;
using store::Transaction;

constexpr std::array<std::string_view, 2> kMigrations = {R"(
  CREATE TABLE accepted_order(
    order_id TEXT NOT NULL UNIQUE,
    order_sha256 TEXT PRIMARY KEY,
    envelope BLOB NOT NULL,
    accepted_at INTEGER NOT NULL) STRICT;
  CREATE TABLE counter(app TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT;
  CREATE TABLE job(
    number INTEGER PRIMARY KEY,
    promotion TEXT NOT NULL,
    role INTEGER NOT NULL,
    target_index INTEGER NOT NULL,
    order_envelope BLOB NOT NULL,
    state BLOB NOT NULL,
    facts BLOB NOT NULL,
    secret BLOB NOT NULL,
    revision INTEGER NOT NULL,
    report BLOB NOT NULL,
    reported INTEGER NOT NULL,
    open INTEGER NOT NULL,
    UNIQUE(promotion, role, target_index)) STRICT;
  CREATE TABLE trust_floor(
    only INTEGER PRIMARY KEY CHECK(only = 1),
    version INTEGER NOT NULL) STRICT;
)",
                                                         R"(
  ALTER TABLE trust_floor ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';
)"};

constexpr int32_t kJournalKind = 0x736c6a6e;  // "sljn"

// `condition` is our own text.
std::string SelectJobs(const char* condition) {
  return absl::StrCat(
      "SELECT promotion, role, target_index, order_envelope, state, facts, secret, revision, "
      "report, "
      "reported, open FROM job WHERE ",
      condition, " ORDER BY number");
}

// Also of a journal that its agent has not brought up to date yet.
StatusOr<trust::TrustFloor> TrustFloorOf(Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const size_t schema, database.SchemaVersion());
  if (schema == 0) return trust::TrustFloor{};
  SLUICE_ASSIGN_OR_RETURN(
      Statement find, database.Prepare(schema == 1 ? "SELECT version, '' FROM trust_floor"
                                                   : "SELECT version, sha256 FROM trust_floor"));
  SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
  return found ? trust::TrustFloor{find.Integer(0), find.Text(1)} : trust::TrustFloor{};
}

// Every write of the journal ends here.
Status Commit(Transaction& transaction) {
  const Status committed = transaction.Commit();
  if (ErrorName(committed) == "database-gone") {
    LogStatus(LogLevel::kError, "journal-gone", committed);
  }
  return committed;
}

}  // namespace

StatusOr<std::unique_ptr<Journal>> Journal::Open(Files& files, const std::string& path) {
  // A reader: `check-config` beside the agent.
  SLUICE_ASSIGN_OR_RETURN(auto database,
                          Database::Open(files, {.path = path,
                                                 .sharing = store::Sharing::kOwnerWithReaders,
                                                 .kind = kJournalKind}));
  SLUICE_RETURN_IF_ERROR(database->Migrate(kMigrations));
  if (database->begun_now()) {
    Log(LogLevel::kWarning, "journal-begun",
        {{"file", path},
         {"message",
          "there was no journal, so that a new one was begun; if this agent had one, stop it and "
          "put that back: it knows all earlier orders, and how to undo what they did"}});
  }
  return std::unique_ptr<Journal>(new Journal(std::move(database)));
}

Journal::Journal(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Journal::~Journal() = default;

StatusOr<bool> Journal::OrderIdSeen(std::string_view order_id) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT 1 FROM accepted_order WHERE order_id = ?1"));
  find.BindText(1, order_id);
  return find.Step();
}

StatusOr<bool> Journal::OrderAccepted(std::string_view order_sha256) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(
      Statement find, database_->Prepare("SELECT 1 FROM accepted_order WHERE order_sha256 = ?1"));
  find.BindText(1, order_sha256);
  return find.Step();
}

StatusOr<int64_t> Journal::LastCounter(std::string_view app) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT used FROM counter WHERE app = ?1"));
  find.BindText(1, app);
  SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
  return found ? find.Integer(0) : 0;
}

StatusOr<std::optional<absl::Time>> Journal::AcceptedAt(std::string_view aggregate) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare(absl::StrCat("SELECT ", ToAbsl(aggregate),
                                                          "(accepted_at) FROM accepted_order")));
  SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found || find.IsNull(0)) return std::optional<absl::Time>();
  return std::optional<absl::Time>(absl::FromUnixSeconds(find.Integer(0)));
}

StatusOr<absl::Time> Journal::TimeFloor() {
  SLUICE_ASSIGN_OR_RETURN(const auto latest, AcceptedAt("max"));
  return latest.value_or(absl::InfinitePast());
}

StatusOr<absl::Time> Journal::BeginsAt() {
  SLUICE_ASSIGN_OR_RETURN(const auto first, AcceptedAt("min"));
  return first.value_or(absl::InfiniteFuture());
}

Status Journal::Write(Statement& change) {
  SLUICE_ASSIGN_OR_RETURN(Transaction transaction, database_->Begin());
  SLUICE_RETURN_IF_ERROR(change.Run());
  return Commit(transaction);
}

Status Journal::RecordAcceptance(const Acceptance& acceptance) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Transaction transaction, database_->Begin());
  SLUICE_ASSIGN_OR_RETURN(Statement order,
                          database_->Prepare("INSERT INTO accepted_order SELECT ?1, ?2, ?3, ?4 "
                                             "WHERE NOT EXISTS(SELECT 1 FROM accepted_order "
                                             "WHERE order_sha256 = ?2)"));
  order.BindText(1, acceptance.order_id);
  order.BindText(2, acceptance.order_sha256);
  order.BindBlob(3, acceptance.envelope);
  order.BindInteger(4, absl::ToUnixSeconds(acceptance.accepted_at));
  SLUICE_RETURN_IF_ERROR(order.Run());
  SLUICE_ASSIGN_OR_RETURN(
      Statement counter,
      database_->Prepare("INSERT INTO counter VALUES(?1, ?2) "
                         "ON CONFLICT(app) DO UPDATE SET used = max(used, excluded.used)"));
  for (const CounterUse& use : acceptance.counters) {
    counter.BindText(1, use.app);
    counter.BindInteger(2, use.counter);
    SLUICE_RETURN_IF_ERROR(counter.Run());
  }
  SLUICE_RETURN_IF_ERROR(SaveJobLocked(acceptance.job));
  return Commit(transaction);
}

Status Journal::SaveJob(const JobRecord& job) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Transaction transaction, database_->Begin());
  SLUICE_RETURN_IF_ERROR(SaveJobLocked(job));
  return Commit(transaction);
}

Status Journal::SaveJobLocked(const JobRecord& job) {
  SLUICE_ASSIGN_OR_RETURN(
      Statement save,
      database_->Prepare(
          "INSERT INTO job(promotion, role, target_index, order_envelope, state, facts, secret, "
          "revision, report, reported, open) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
          "ON CONFLICT(promotion, role, target_index) DO UPDATE SET state = excluded.state, "
          "secret = excluded.secret, revision = excluded.revision, report = excluded.report, "
          "reported = excluded.reported, open = excluded.open"));
  save.BindText(1, job.key.promotion);
  save.BindInteger(2, static_cast<int64_t>(job.key.role));
  save.BindInteger(3, job.key.target_index);
  save.BindBlob(4, job.order);
  save.BindBlob(5, job.state);
  save.BindBlob(6, job.facts);
  save.BindBlob(7, job.secret.Reveal());
  save.BindInteger(8, static_cast<int64_t>(job.revision));
  save.BindBlob(9, job.report);
  save.BindInteger(10, job.reported ? 1 : 0);
  save.BindInteger(11, job.open ? 1 : 0);
  return save.Run();
}

Status Journal::SaveFacts(const JobKey& key, std::string_view facts) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement save,
                          database_->Prepare("UPDATE job SET facts = ?4 WHERE promotion = ?1 AND "
                                             "role = ?2 AND target_index = ?3"));
  save.BindText(1, key.promotion);
  save.BindInteger(2, static_cast<int64_t>(key.role));
  save.BindInteger(3, key.target_index);
  save.BindBlob(4, facts);
  return Write(save);
}

JobRecord Journal::ReadJob(const Statement& row) {
  JobRecord job;
  job.key = {row.Text(0), static_cast<JobRole>(row.Integer(1)),
             static_cast<uint32_t>(row.Integer(2))};
  job.order = row.Blob(3);
  job.state = row.Blob(4);
  job.facts = row.Blob(5);
  job.secret = Secret(row.Blob(6));
  job.revision = static_cast<uint64_t>(row.Integer(7));
  job.report = row.Blob(8);
  job.reported = row.Integer(9) != 0;
  job.open = row.Integer(10) != 0;
  return job;
}

StatusOr<std::vector<JobRecord>> Journal::LoadUnfinishedJobs() {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare(SelectJobs("open = 1 OR reported = 0")));
  std::vector<JobRecord> jobs;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
    if (!found) return jobs;
    jobs.push_back(ReadJob(find));
  }
}

StatusOr<std::optional<JobRecord>> Journal::FindJob(const JobKey& key) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<JobRecord> jobs, FindJobs(key.promotion));
  for (JobRecord& job : jobs) {
    if (job.key == key) return std::optional<JobRecord>(std::move(job));
  }
  return std::optional<JobRecord>();
}

StatusOr<std::vector<JobRecord>> Journal::FindJobs(std::string_view promotion) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(Statement find, database_->Prepare(SelectJobs("promotion = ?1")));
  find.BindText(1, promotion);
  std::vector<JobRecord> jobs;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
    if (!found) return jobs;
    jobs.push_back(ReadJob(find));
  }
}

StatusOr<std::vector<std::string>> Journal::LatestFacts(size_t jobs_max) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(
      Statement find,
      database_->Prepare("SELECT facts FROM job WHERE role = ?1 ORDER BY number DESC LIMIT ?2"));
  find.BindInteger(1, static_cast<int64_t>(JobRole::kTarget));
  find.BindInteger(2, static_cast<int64_t>(jobs_max));
  std::vector<std::string> facts;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
    if (!found) return facts;
    facts.push_back(find.Blob(0));
  }
}

Status Journal::MarkReported(const JobKey& key, uint64_t revision) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(
      Statement mark,
      database_->Prepare("UPDATE job SET reported = 1 WHERE promotion = ?1 AND role = ?2 AND "
                         "target_index = ?3 AND revision = ?4"));
  mark.BindText(1, key.promotion);
  mark.BindInteger(2, static_cast<int64_t>(key.role));
  mark.BindInteger(3, key.target_index);
  mark.BindInteger(4, static_cast<int64_t>(revision));
  return Write(mark);
}

StatusOr<trust::TrustFloor> Journal::TrustFloor() {
  MutexLock lock(mutex_);
  return TrustFloorOf(*database_);
}

Status Journal::KeepTrustFloor(const trust::TrustFloor& floor) {
  MutexLock lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustFloor kept, TrustFloorOf(*database_));
  if (kept == floor) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(
      Statement keep,
      database_->Prepare("INSERT INTO trust_floor VALUES(1, ?1, ?2) "
                         "ON CONFLICT(only) DO UPDATE SET version = ?1, sha256 = ?2"));
  keep.BindInteger(1, floor.version);
  keep.BindText(2, floor.sha256);
  return Write(keep);
}

StatusOr<trust::TrustFloor> Journal::ReadTrustFloor(Files& files, const std::string& path) {
  if (absl::IsNotFound(files.Facts(path).status())) return trust::TrustFloor{};
  SLUICE_ASSIGN_OR_RETURN(
      const auto database,
      Database::Open(files,
                     {.path = path, .sharing = store::Sharing::kReader, .kind = kJournalKind}));
  return TrustFloorOf(*database);
}

}  // namespace sluice::agent
