// What an agent must not forget: orders it has obeyed, counters, its jobs, and what it still has to
// report. Everything is on the disk when a call returns OK; only then does the agent act on it.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/trust/trust_floor.h"

namespace sluice::store {
class Database;
class Statement;
}  // namespace sluice::store

namespace sluice::agent {

enum class JobRole { kSource, kTarget };

// One agent's part in one promotion.
struct JobKey {
  std::string promotion;
  JobRole role = JobRole::kSource;
  uint32_t target_index = 0;  // 0 for the source
  auto operator<=>(const JobKey&) const = default;
};

struct JobRecord {
  JobKey key;
  std::string order;  // the promote order's envelope
  std::string state;  // of the job's machine, as text (jobs/source_record.h, jobs/target_facts.h)
  std::string facts;  // target: what its steps have done; see SaveFacts()
  // Until the transfer is over. Target: the seal offer's secret half; source: the content key.
  Secret secret;
  uint64_t revision = 0;  // of the latest report
  std::string report;     // serialized v1::JobReport
  bool reported = false;  // the coordinator's ledger has it
  bool open = true;       // its machine may go on by itself, or by a wish that is no new order
};

// A target app's counter (common/trust/acceptance.h).
struct CounterUse {
  std::string app;  // canonical app reference
  int64_t counter = 0;
};

// Thread-safe: a job's record is written by the control loop, its facts by the step that runs.
// Failures have the names of common/store ("disk-full", "database-corrupt", ...); that its files
// are no longer in their place ("database-gone") is also logged, as "journal-gone".
class Journal {
 public:
  // Opens the file or makes it, which is logged as "journal-begun".
  static StatusOr<std::unique_ptr<Journal>> Open(Files& files, const std::string& path);
  ~Journal();

  StatusOr<bool> OrderIdSeen(std::string_view order_id);
  StatusOr<bool> OrderAccepted(std::string_view order_sha256);
  // 0 when none was used.
  StatusOr<int64_t> LastCounter(std::string_view app);
  // The latest wall time ever journalled; InfinitePast in a fresh journal.
  StatusOr<absl::Time> TimeFloor();
  // When the first order that it knows was accepted; InfiniteFuture when there is none.
  StatusOr<absl::Time> BeginsAt();

  // An accepted order with everything that follows from it, in one transaction. An agent that is
  // both source and target of an order records it for each.
  struct Acceptance {
    std::string order_id;
    std::string order_sha256;
    std::string envelope;
    absl::Time accepted_at;
    std::vector<CounterUse> counters;
    JobRecord job;  // a promote order makes one; the others change one
  };
  Status RecordAcceptance(const Acceptance& acceptance);

  // All but the facts of a job that is there already: those belong to its steps.
  Status SaveJob(const JobRecord& job);
  Status SaveFacts(const JobKey& key, std::string_view facts);
  // Those that are open, and those whose last report is not recorded; oldest first.
  StatusOr<std::vector<JobRecord>> LoadUnfinishedJobs();
  // Any: a rollback may come for one that ended long ago. Nothing when there is none.
  StatusOr<std::optional<JobRecord>> FindJob(const JobKey& key);
  // What the steps of target jobs have done, the latest job's first.
  StatusOr<std::vector<std::string>> LatestFacts(size_t jobs_max);
  // All of one promotion, source first.
  StatusOr<std::vector<JobRecord>> FindJobs(std::string_view promotion);
  Status MarkReported(const JobKey& key, uint64_t revision);

  // The latest trust document that this agent has used.
  StatusOr<trust::TrustFloor> TrustFloor();
  Status KeepTrustFloor(const trust::TrustFloor& floor);
  // TrustFloor() of the journal at `path`, whose agent may be running. Version 0 when there is
  // none.
  static StatusOr<trust::TrustFloor> ReadTrustFloor(Files& files, const std::string& path);

 private:
  explicit Journal(std::unique_ptr<store::Database> database);
  // Of accepted_order; nothing in an empty journal. `aggregate` is our own text.
  StatusOr<std::optional<absl::Time>> AcceptedAt(std::string_view aggregate);
  // One change of one record.
  Status Write(store::Statement& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status SaveJobLocked(const JobRecord& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The job at the statement's row.
  static JobRecord ReadJob(const store::Statement& row);

  Mutex mutex_;
  const std::unique_ptr<store::Database> database_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent
