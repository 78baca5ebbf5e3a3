// All target jobs of this agent: commands, step orders and ends of steps in, journal, reports and
// steps out.
#pragma once

#include <memory>
#include <string>

#include "agent/held_jobs.h"
#include "agent/job_services.h"
#include "agent/jobs/target_job.h"
#include "agent/jobs/target_steps.h"
#include "agent/journal.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "common/transfer/bulk_exchange.h"
#include "common/trust/order.h"

namespace sluice::transfer {
class Spool;
}  // namespace sluice::transfer

namespace sluice::agent {

struct JudgedOrder;
struct JudgedStep;
struct StepSubject;

// Lives on the control loop's thread. `work` and `exchange` are called on the executor's threads.
class TargetJobs {
 public:
  TargetJobs(JobServices services, TargetWork& work, transfer::BulkExchange& exchange,
             transfer::Spool& spool, Entropy& entropy, crypto::SealSuite seal_suite);
  ~TargetJobs();

  // At the start: a job from the journal goes on with the coordinator's next wish, or is undone
  // because its step died with the process.
  Status Restore(const JobRecord& stored);
  // After that: what belongs to no job any more is removed from the spool.
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
  struct StepEnd;
  struct ObeyedOrder;
  struct Happening;
  // target_jobs_orders.cc: whether to obey
  void BeginAccept(const JobKey& key, const v1::JobCommand& command);
  void EndAccept(const JobKey& key, const Status& checked);
  Status MakeSealOffer(Job& job, const JudgedOrder& judged);
  void Refuse(const JobKey& key, std::string_view order, const Status& why);
  static StepSubject SubjectOf(const Job& job, trust::Action action);
  void ObeyStepOrder(Job& job, const std::string& envelope, trust::Action action);
  void BeginRollback(Job& job, const std::string& envelope, const JudgedStep& judged);
  void EndRollbackCheck(const JobKey& key, const std::string& envelope, const Status& checked);
  Status SaveAcceptance(const Job& job, const ObeyedOrder& order);
  void RefuseStep(Job& job, const std::string& envelope, const Status& why);
  // target_jobs.cc: going on
  void OnWish(Job& job, const v1::JobCommand& command);
  void OnUndoWish(Job& job);
  void Apply(Job& job, const Happening& happening);
  Saved ApplyNow(Job& job, const Happening& happening);
  bool StillObeyed(Job& job, const Happening& happening);
  void Carry(Job& job, const TargetDecision& decision);
  void DropSpooled(const Job& job);
  void Prepare(Job& job);
  Saved Save(Job& job, const ObeyedOrder* order = nullptr);
  void StartStep(Job& job, TargetStep step);
  void RunUnstarted(Job& job);
  Checkpoint CheckpointOf(const Job& job, TargetStep step);
  void ReportNews(Job& job);
  void OnFacts(const JobKey& key, const TargetFacts& facts);
  void EndStep(const JobKey& key, const StepEnd& end);

  const JobServices services_;
  TargetWork& work_;
  transfer::BulkExchange& exchange_;
  transfer::Spool& spool_;
  Entropy& entropy_;
  const crypto::SealSuite seal_suite_;  // of the offers that are made from now on
  HeldJobs<Job> jobs_;
};

}  // namespace sluice::agent
