// The ledger on disk: SQLite, one connection, owned by one writer thread that commits whatever has
// come meanwhile as one transaction.
//
// Shortening the file or rewriting its end consistently is beyond what a file can prove by itself:
// the recorded head finds accidents, and whoever kept an earlier head finds the rest.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/base/files.h"
#include "common/base/mailbox.h"
#include "common/base/status.h"
#include "common/base/thread.h"
#include "common/crypto/signing_key.h"
#include "common/trust/trust_floor.h"
#include "coordinator/daemon/ledger.h"

namespace sluice::store {
class Database;
}  // namespace sluice::store

namespace sluice::coordinator {

class SqliteLedger final : public Ledger {
 public:
  // Runs a call on the owner's loop; thread-safe; false when the loop has stopped.
  using Post = std::function<bool(std::function<void()>)>;
  // Is also given what reads the history of a promotion (Ledger::ReadHistory) up to that entry.
  using EarlierHistory =
      std::function<StatusOr<std::vector<LedgerEntry>>(const std::string& promotion)>;
  using Replay = std::function<Status(const LedgerEntry&, const EarlierHistory& earlier)>;

  // Opens the file or makes it, which is logged as "ledger-begun"; verifies the whole chain and
  // hands every entry to `replay`, whose error ends it. DataLoss "ledger-altered"; and the names of
  // common/store.
  static StatusOr<std::unique_ptr<SqliteLedger>> Open(Files& files, const std::string& path,
                                                      const Replay& replay, Post post);
  // Writes what was given so far, and tells nobody any more.
  ~SqliteLedger() override;

  void Append(std::vector<LedgerDraft> drafts, Appended done) override;
  void Recover() override;
  void ReadPromotion(std::string promotion, Entries done) override;
  void ReadHistory(std::string promotion, History done) override;
  void FindPromotions(std::string prefix, size_t count_max, Ids done) override;

  // More calls than this in flight are our bug: the coordinator stops taking requests long before.
  static constexpr size_t kCallsMax = 4096;
  static constexpr size_t kGroupMax = 256;  // calls written as one transaction

 private:
  struct AppendCall {
    std::vector<LedgerDraft> drafts;
    Appended done;
  };
  struct RecoverCall {};
  // Reads, and makes what the loop is to run then.
  using ReadCall = std::function<std::function<void()>(store::Database&)>;
  using Call = std::variant<AppendCall, RecoverCall, ReadCall>;

  SqliteLedger(std::unique_ptr<store::Database> database, LedgerHead head, Post post);
  void Write();
  void CommitGroup(std::vector<AppendCall> group);

  std::unique_ptr<store::Database> database_;  // the writer thread's, once it runs
  LedgerHead head_;                            // likewise
  Status failed_;                              // likewise
  const Post post_;
  Mailbox<Call> calls_;
  std::unique_ptr<Thread> writer_;
};

// Copies the ledger at `path`, as it is at one instant, to `copy_path`, which must not exist, and
// verifies both. Its coordinator may be running, and is not disturbed. The copy is a ledger that a
// coordinator can start from.
Status BackUpLedger(Files& files, const std::string& path, const std::string& copy_path);

// The latest trust document of these roots in the ledger at `path`, whose coordinator may be
// running. Version 0 when there is none, or no ledger.
StatusOr<trust::TrustFloor> ReadTrustFloor(Files& files, const std::string& path,
                                           std::span<const crypto::VerifyingKey> roots);

}  // namespace sluice::coordinator
