// The jobs of one role that an agent holds in memory, and what is done alike with those of every
// role: finding them, reporting until the coordinator's ledger has it, showing progress, letting
// them go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "agent/job_services.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/journal.h"
#include "common/trust/order.h"

namespace sluice::agent {

struct HeldJob {
  JobRecord stored;
  trust::Order order;
  std::string order_sha256;
  bool accepting = false;  // being judged by the foundation; nothing is journalled yet
  std::stop_source stop;   // of what runs
  std::shared_ptr<TransferMeter> meter = std::make_shared<TransferMeter>();
  uint64_t shown = 0;  // by the latest progress message; rises with whatever is new
  std::string phase_shown;
};

// AlreadyExists "promotion-exists" if `command` names another order than the job's: the first order
// of a promotion is the one that counts here, also when a coordinator that has lost its ledger
// begins another by that id.
Status CheckSameOrder(const HeldJob& job, const v1::JobCommand& command);

// Sends how far the job's transfer is, if that has changed since the last time. `phase` says what
// is being done with the bytes ("transfer"), or waited for.
void SendProgress(const JobServices& services, HeldJob& job, std::string_view phase,
                  const transfer::TransferFigures& figures);

// Of a Job, which is a HeldJob, it needs two questions besides:
//   bool Busy() const                       does something run of which the journal knows nothing?
//   std::string_view Phase(figures) const   what is done with the bytes; "" when nothing is
// Lives on the control loop's thread; borrows the services.
template <typename Job>
class HeldJobs {
 public:
  explicit HeldJobs(const JobServices& services) : services_(services) {}

  Job* Find(const JobKey& key) const {
    const auto found = jobs_.find(key);
    return found == jobs_.end() ? nullptr : found->second.get();
  }
  Job& Hold(std::unique_ptr<Job> job) {
    auto& place = jobs_[job->stored.key];
    place = std::move(job);
    return *place;
  }
  void Drop(const JobKey& key) { jobs_.erase(key); }

  template <typename Predicate>
  size_t CountIf(Predicate predicate) const {
    return static_cast<size_t>(std::count_if(
        jobs_.begin(), jobs_.end(), [&](const auto& entry) { return predicate(*entry.second); }));
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [key, job] : jobs_) visit(*job);
  }

  // What has ended and is recorded is kept by the journal alone.
  void Forget(const Job& job) {
    if (job.stored.open || !job.stored.reported || job.Busy()) return;
    const JobKey key = job.stored.key;  // the job goes with its entry
    jobs_.erase(key);
  }

  void OnRecorded(const JobKey& key, uint64_t revision) {
    const Status marked = services_.journal.MarkReported(key, revision);
    // Without room the report stays unreported, and is sent again after the next connection.
    if (JudgeSave(services_, marked) != Saved::kYes) return;
    Job* job = Find(key);
    if (job == nullptr || job->accepting || job->stored.revision != revision) return;
    job->stored.reported = true;
    Forget(*job);
  }

  // To a coordinator that may know nothing of what was sent to the one before.
  void ResendReports() const {
    for (const auto& [key, job] : jobs_) {
      job->phase_shown.clear();
      if (!job->accepting && !job->stored.reported) SendReport(services_, job->stored);
    }
  }

  void SendProgress() {
    for (const auto& [key, job] : jobs_) {
      const auto figures = job->meter->Read();
      if (!figures) continue;
      const std::string_view phase = job->Phase(*figures);
      if (!phase.empty()) agent::SendProgress(services_, *job, phase, *figures);
    }
  }

  void StopAll() {
    for (const auto& [key, job] : jobs_) job->stop.request_stop();
  }

 private:
  const JobServices& services_;
  std::map<JobKey, std::unique_ptr<Job>> jobs_;  // not ended, or not yet recorded as ended
};

}  // namespace sluice::agent
