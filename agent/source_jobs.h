// All source jobs of this agent: commands and ends of steps in, journal, reports and steps out.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/held_jobs.h"
#include "agent/job_services.h"
#include "agent/jobs/source_record.h"
#include "agent/jobs/source_steps.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/journal.h"
#include "common/base/status.h"
#include "common/trust/order.h"

namespace sluice::agent {

struct JudgedOrder;

// Lives on the control loop's thread. `work` is called on the executor's threads.
class SourceJobs {
 public:
  SourceJobs(JobServices services, SourceWork& work);
  ~SourceJobs();

  // At the start: a job from the journal goes on with the coordinator's next wish.
  Status Restore(const JobRecord& stored);
  // After that: what belongs to no job any more is removed from the disk.
  void ForgetStrays();
  void OnCommand(const v1::JobCommand& command);
  void OnRecorded(const JobKey& key, uint64_t revision);
  // What the coordinator's ledger does not have yet.
  void ResendReports();
  void SendProgress();
  // What could not be journalled for want of room is tried again, and what no thread was free for.
  void Retry();
  // Tells every running step to stop; none reports any more.
  void StopAll();

 private:
  struct Job;
  void BeginAccept(const JobKey& key, const v1::JobCommand& command);
  void EndAccept(const JobKey& key, const StatusOr<std::string>& statement);
  void Refuse(const JobKey& key, const Status& why);
  void Apply(Job& job, const SourceEvent& event);
  Saved ApplyNow(Job& job, const SourceEvent& event);
  void Announce(const Job& job);
  void StartSending(Job& job);
  void RunUnstarted(Job& job);
  void SaveSeed(Job& job);
  void KeepSeed(const JobKey& key, const StatusOr<transfer::TransferSeed>& seed);
  void EndSending(const JobKey& key, const Status& status);
  Saved Save(Job& job);

  const JobServices services_;
  SourceWork& work_;
  HeldJobs<Job> jobs_;
};

}  // namespace sluice::agent
