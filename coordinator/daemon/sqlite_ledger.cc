#include "coordinator/daemon/sqlite_ledger.h"

#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/logging.h"
#include "common/store/database.h"

namespace sluice::coordinator {
namespace {

// entry_promotion only finds entries: what it says is in the bodies too. The head is what the file
// itself knows of its end.
constexpr std::array<std::string_view, 2> kMigrations = {R"sql(
  CREATE TABLE ledger(
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
    prev BLOB NOT NULL, hash BLOB NOT NULL UNIQUE) STRICT;
  CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER ledger_holds BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TABLE entry_promotion(promotion TEXT NOT NULL, seq INTEGER NOT NULL REFERENCES ledger(seq),
    PRIMARY KEY(promotion, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE head(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL,
    hash BLOB NOT NULL) STRICT;
)sql",
                                                         R"sql(
  CREATE INDEX ledger_trust ON ledger(seq) WHERE kind = 'trust';
)sql"};

constexpr int32_t kLedgerKind = 0x736c7264;  // "slrd"

constexpr std::string_view kEntryColumns = "seq, at_ms, kind, body, prev, hash";

LedgerEntry EntryOf(const store::Statement& row) {
  return {.sequence = static_cast<uint64_t>(row.Integer(0)),
          .at_milliseconds = row.Integer(1),
          .kind = row.Text(2),
          .body = row.Blob(3),
          .previous = row.Blob(4),
          .hash = row.Blob(5)};
}

Status CheckRecordedHead(store::Database& database, const LedgerHead& head) {
  SLUICE_ASSIGN_OR_RETURN(store::Statement read, database.Prepare("SELECT seq, hash FROM head"));
  SLUICE_ASSIGN_OR_RETURN(const bool found, read.Step());
  const LedgerHead recorded =
      found ? LedgerHead{static_cast<uint64_t>(read.Integer(0)), read.Blob(1)} : LedgerHead{};
  if (recorded == head) return absl::OkStatus();
  return NamedError(
      StatusCode::kDataLoss, "ledger-altered",
      absl::StrCat("the ledger ends at entry ", head.sequence, ", but was written up to entry ",
                   recorded.sequence, "; keep the file as evidence and restore a backup"));
}

StatusOr<std::vector<LedgerEntry>> ReadEntries(store::Statement& read) {
  std::vector<LedgerEntry> entries;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) break;
    entries.push_back(EntryOf(read));
  }
  return entries;
}

// Ledger::ReadHistory(), of the entries before that sequence number.
StatusOr<std::vector<LedgerEntry>> HistoryOf(store::Database& database,
                                             const std::string& promotion, int64_t before) {
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement read,
      database.Prepare(absl::StrCat(
          "WITH own AS (SELECT seq FROM entry_promotion WHERE promotion = ?1 AND seq < ?2) SELECT ",
          ToAbsl(kEntryColumns),
          " FROM ledger WHERE seq IN (SELECT seq FROM own UNION "
          "SELECT seq FROM ledger WHERE kind = 'trust' AND seq < (SELECT max(seq) FROM own) AND "
          "seq >= (SELECT coalesce(max(seq), 0) FROM ledger WHERE kind = 'trust' AND "
          "seq < (SELECT min(seq) FROM own))) ORDER BY seq")));
  read.BindText(1, promotion);
  read.BindInteger(2, before);
  return ReadEntries(read);
}

StatusOr<LedgerHead> VerifyAndReplay(store::Database& database,
                                     const SqliteLedger::Replay& replay) {
  SLUICE_ASSIGN_OR_RETURN(store::Statement read,
                          database.Prepare(absl::StrCat("SELECT ", ToAbsl(kEntryColumns),
                                                        " FROM ledger ORDER BY seq")));
  LedgerHead head;
  const auto earlier = [&](const std::string& promotion) {
    return HistoryOf(database, promotion, static_cast<int64_t>(head.sequence));
  };
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) break;
    const LedgerEntry entry = EntryOf(read);
    SLUICE_ASSIGN_OR_RETURN(head, FollowChain(head, entry));
    SLUICE_RETURN_IF_ERROR(
        WithContext(replay(entry, earlier), absl::StrCat("ledger entry ", entry.sequence)));
  }
  SLUICE_RETURN_IF_ERROR(CheckRecordedHead(database, head));
  return head;
}

Status WriteEntry(store::Database& database, const LedgerEntry& entry,
                  const std::string& promotion) {
  SLUICE_ASSIGN_OR_RETURN(store::Statement insert, database.Prepare(absl::StrCat(
                                                       "INSERT INTO ledger(", ToAbsl(kEntryColumns),
                                                       ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)")));
  insert.BindInteger(1, static_cast<int64_t>(entry.sequence));
  insert.BindInteger(2, entry.at_milliseconds);
  insert.BindText(3, entry.kind);
  insert.BindBlob(4, entry.body);
  insert.BindBlob(5, entry.previous);
  insert.BindBlob(6, entry.hash);
  SLUICE_RETURN_IF_ERROR(insert.Run());
  if (promotion.empty()) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(store::Statement index,
                          database.Prepare("INSERT INTO entry_promotion VALUES(?1, ?2)"));
  index.BindText(1, promotion);
  index.BindInteger(2, static_cast<int64_t>(entry.sequence));
  return index.Run();
}

Status WriteHead(store::Database& database, const LedgerHead& head) {
  SLUICE_ASSIGN_OR_RETURN(store::Statement write,
                          database.Prepare("INSERT INTO head VALUES(1, ?1, ?2) ON CONFLICT(id) DO "
                                           "UPDATE SET seq = ?1, hash = ?2"));
  write.BindInteger(1, static_cast<int64_t>(head.sequence));
  write.BindBlob(2, head.hash);
  return write.Run();
}

// The head after all drafts, which are on the disk then.
StatusOr<LedgerHead> WriteDrafts(store::Database& database, LedgerHead head,
                                 const std::vector<const LedgerDraft*>& drafts) {
  SLUICE_ASSIGN_OR_RETURN(store::Transaction transaction, database.Begin());
  for (const LedgerDraft* draft : drafts) {
    const LedgerEntry entry =
        ChainEntry(head, absl::ToUnixMillis(draft->at), draft->kind, draft->body);
    SLUICE_RETURN_IF_ERROR(WriteEntry(database, entry, draft->promotion));
    head = {entry.sequence, entry.hash};
  }
  SLUICE_RETURN_IF_ERROR(WriteHead(database, head));
  SLUICE_RETURN_IF_ERROR(transaction.Commit());
  return head;
}

StatusOr<PromotionEntries> EntriesOf(store::Database& database, const std::string& promotion) {
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement count,
      database.Prepare("SELECT count(*) FROM entry_promotion WHERE promotion = ?1"));
  count.BindText(1, promotion);
  SLUICE_RETURN_IF_ERROR(count.Step().status());
  const auto total = static_cast<uint64_t>(count.Integer(0));
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement read,
      database.Prepare(
          absl::StrCat("SELECT ", ToAbsl(kEntryColumns),
                       " FROM ledger WHERE seq IN ("
                       "SELECT min(seq) FROM entry_promotion WHERE promotion = ?1 UNION "
                       "SELECT seq FROM (SELECT seq FROM entry_promotion WHERE promotion = ?1 "
                       "ORDER BY seq DESC LIMIT ?2)) ORDER BY seq")));
  read.BindText(1, promotion);
  read.BindInteger(2, static_cast<int64_t>(Ledger::kEntriesReadMax));
  SLUICE_ASSIGN_OR_RETURN(std::vector<LedgerEntry> entries, ReadEntries(read));
  return PromotionEntries{std::move(entries), total};
}

StatusOr<std::vector<std::string>> IdsWith(store::Database& database, const std::string& prefix,
                                           size_t count_max) {
  // Ids are compared as bytes; theirs are all below that one.
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement read,
      database.Prepare("SELECT DISTINCT promotion FROM entry_promotion WHERE promotion >= ?1 AND "
                       "promotion < ?2 ORDER BY promotion LIMIT ?3"));
  read.BindText(1, prefix);
  read.BindText(2, prefix + "\x7f");
  read.BindInteger(3, static_cast<int64_t>(count_max));
  std::vector<std::string> ids;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) break;
    ids.push_back(read.Text(0));
  }
  return ids;
}

}  // namespace

StatusOr<std::unique_ptr<SqliteLedger>> SqliteLedger::Open(Files& files, const std::string& path,
                                                           const Replay& replay, Post post) {
  SLUICE_ASSIGN_OR_RETURN(
      auto database, store::Database::Open(files, {.path = path,
                                                   .sharing = store::Sharing::kOwnerWithReaders,
                                                   .kind = kLedgerKind}));
  SLUICE_RETURN_IF_ERROR(database->Migrate(kMigrations));
  if (database->begun_now()) {
    Log(LogLevel::kWarning, "ledger-begun",
        {{"file", path},
         {"message",
          "there was no ledger, so that a new one was begun; if this coordinator had one, stop it "
          "and put that back: it knows all earlier promotions"}});
  }
  SLUICE_ASSIGN_OR_RETURN(LedgerHead head, VerifyAndReplay(*database, replay));
  return std::unique_ptr<SqliteLedger>(
      new SqliteLedger(std::move(database), std::move(head), std::move(post)));
}

SqliteLedger::SqliteLedger(std::unique_ptr<store::Database> database, LedgerHead head, Post post)
    : database_(std::move(database)),
      head_(std::move(head)),
      post_(std::move(post)),
      calls_(kCallsMax),
      writer_(std::make_unique<Thread>("ledger", [this] { Write(); })) {}

SqliteLedger::~SqliteLedger() {
  calls_.Close();
  writer_.reset();
}

void SqliteLedger::Append(std::vector<LedgerDraft> drafts, Appended done) {
  SLUICE_CHECK(!drafts.empty());
  SLUICE_CHECK(calls_.TryPut(AppendCall{std::move(drafts), std::move(done)}));
}

void SqliteLedger::Recover() { SLUICE_CHECK(calls_.TryPut(RecoverCall{})); }

void SqliteLedger::ReadPromotion(std::string promotion, Entries done) {
  SLUICE_CHECK(calls_.TryPut(ReadCall(
      [promotion = std::move(promotion), done = std::move(done)](store::Database& database) {
        return [done, entries = EntriesOf(database, promotion)] { done(entries); };
      })));
}

void SqliteLedger::ReadHistory(std::string promotion, History done) {
  SLUICE_CHECK(calls_.TryPut(ReadCall(
      [promotion = std::move(promotion), done = std::move(done)](store::Database& database) {
        constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
        return [done, history = HistoryOf(database, promotion, kAll)] { done(history); };
      })));
}

void SqliteLedger::FindPromotions(std::string prefix, size_t count_max, Ids done) {
  SLUICE_CHECK(calls_.TryPut(ReadCall(
      [prefix = std::move(prefix), count_max, done = std::move(done)](store::Database& database) {
        return [done, ids = IdsWith(database, prefix, count_max)] { done(ids); };
      })));
}

// The writer thread: takes what is there, commits appends that follow each other together.
void SqliteLedger::Write() {
  std::vector<AppendCall> group;
  std::optional<Call> call = calls_.WaitAndTake();
  while (call) {
    if (auto* append = std::get_if<AppendCall>(&*call)) {
      group.push_back(std::move(*append));
      if (group.size() < kGroupMax) {
        call = calls_.Take();
        if (call) continue;
      } else {
        call.reset();
      }
    }
    if (!group.empty()) CommitGroup(std::exchange(group, {}));
    if (call && std::holds_alternative<RecoverCall>(*call)) failed_ = absl::OkStatus();
    if (call) {
      if (auto* read = std::get_if<ReadCall>(&*call)) post_((*read)(*database_));
    }
    call = calls_.WaitAndTake();
  }
}

void SqliteLedger::CommitGroup(std::vector<AppendCall> group) {
  std::vector<const LedgerDraft*> drafts;
  for (const AppendCall& call : group) {
    for (const LedgerDraft& draft : call.drafts) drafts.push_back(&draft);
  }
  uint64_t next = head_.sequence + 1;
  if (failed_.ok()) {
    StatusOr<LedgerHead> head = WriteDrafts(*database_, head_, drafts);
    if (head.ok()) {
      head_ = *std::move(head);
    } else {
      failed_ = NamedError(
          StatusCode::kUnavailable, "ledger-unavailable",
          absl::StrCat("the ledger cannot be written: ", ToAbsl(Describe(head.status()))));
      LogStatus(LogLevel::kError, "ledger-not-written", head.status());
    }
  }
  std::vector<std::pair<Appended, StatusOr<uint64_t>>> results;
  for (AppendCall& call : group) {
    const uint64_t first = next;
    next += call.drafts.size();
    results.emplace_back(std::move(call.done),
                         failed_.ok() ? StatusOr<uint64_t>(first) : StatusOr<uint64_t>(failed_));
  }
  post_([results = std::move(results)] {
    for (const auto& [done, result] : results) done(result);
  });
}

Status BackUpLedger(Files& files, const std::string& path, const std::string& copy_path) {
  // Opening makes a file that is not there; a backup of nothing helps nobody.
  if (const auto there = files.FreeBytes(path); !there.ok()) {
    return NamedError(StatusCode::kNotFound, "no-ledger",
                      absl::StrCat("there is no ledger ", path));
  }
  if (files.FreeBytes(copy_path).ok()) {
    return NamedError(StatusCode::kAlreadyExists, "file-exists",
                      absl::StrCat(copy_path, " exists already; a backup overwrites nothing"));
  }
  SLUICE_ASSIGN_OR_RETURN(
      auto original,
      store::Database::Open(
          files, {.path = path, .sharing = store::Sharing::kReader, .kind = kLedgerKind}));
  SLUICE_ASSIGN_OR_RETURN(const store::Transaction instant, original->BeginReading());
  SLUICE_ASSIGN_OR_RETURN(auto copy,
                          store::Database::Open(files, {.path = copy_path, .kind = kLedgerKind}));
  SLUICE_RETURN_IF_ERROR(copy->Migrate(kMigrations));
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement promotion_of,
      original->Prepare("SELECT promotion FROM entry_promotion WHERE seq = ?1"));
  SLUICE_ASSIGN_OR_RETURN(store::Transaction transaction, copy->Begin());
  const auto copy_entry = [&](const LedgerEntry& entry,
                              const SqliteLedger::EarlierHistory&) -> Status {
    promotion_of.BindInteger(1, static_cast<int64_t>(entry.sequence));
    SLUICE_ASSIGN_OR_RETURN(const bool found, promotion_of.Step());
    const std::string promotion = found ? promotion_of.Text(0) : "";
    promotion_of.Reset();
    return WriteEntry(*copy, entry, promotion);
  };
  SLUICE_ASSIGN_OR_RETURN(const LedgerHead head, VerifyAndReplay(*original, copy_entry));
  if (head.sequence > 0) SLUICE_RETURN_IF_ERROR(WriteHead(*copy, head));
  SLUICE_RETURN_IF_ERROR(transaction.Commit());
  const auto only_verify = [](const LedgerEntry&, const SqliteLedger::EarlierHistory&) {
    return absl::OkStatus();
  };
  return VerifyAndReplay(*copy, only_verify).status();
}

StatusOr<trust::TrustFloor> ReadTrustFloor(Files& files, const std::string& path,
                                           std::span<const crypto::VerifyingKey> roots) {
  if (absl::IsNotFound(files.Facts(path).status())) return trust::TrustFloor{};
  SLUICE_ASSIGN_OR_RETURN(
      auto ledger,
      store::Database::Open(
          files, {.path = path, .sharing = store::Sharing::kReader, .kind = kLedgerKind}));
  SLUICE_ASSIGN_OR_RETURN(const size_t schema, ledger->SchemaVersion());
  if (schema == 0) return trust::TrustFloor{};
  SLUICE_ASSIGN_OR_RETURN(
      store::Statement read,
      ledger->Prepare("SELECT body FROM ledger WHERE kind = 'trust' ORDER BY seq DESC"));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) return trust::TrustFloor{};
    // One of other roots sets no floor (LedgerReplay).
    const auto document = trust::TrustDocument::Open(read.Blob(0), roots);
    if (document.ok()) return trust::FloorOf(*document);
  }
}

}  // namespace sluice::coordinator
