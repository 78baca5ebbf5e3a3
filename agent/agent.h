// The agent at work: one session with the coordinator, jobs and answers behind it.
#pragma once

#include <stop_token>
#include <string>

#include "agent/authority.h"
#include "agent/job_services.h"
#include "agent/loss_lines.h"
#include "agent/reads.h"
#include "agent/source_jobs.h"
#include "agent/target_jobs.h"
#include "common/base/executor.h"
#include "common/base/timers.h"

namespace sluice::v1 {
class ControlMessage;
class Welcome;
}  // namespace sluice::v1

namespace sluice::agent {

// The coordinator waits 25 s for an answer, and then knows only that the agent gave none: by this
// time the agent says that it is the foundation that is slow.
inline constexpr absl::Duration kReadAnsweredWithin = absl::Seconds(20);

// Lives on the control loop's thread.
class Agent {
 public:
  struct Options {
    std::string bulk_endpoint;  // where other agents dial this one; "" when it only dials
    crypto::SealSuite seal_suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
    // People see progress move; the coordinator has other things to do.
    absl::Duration progress_every = absl::Milliseconds(250);
  };
  struct Parts {
    JobServices services;
    SourceWork& source_work;
    TargetWork& target_work;
    transfer::BulkExchange& exchange;
    transfer::Spool& spool;
    Entropy& entropy;
    Reads& reads;
    Executor& readers;  // answers reads, apart from the jobs' steps
    Timers& timers;
  };
  Agent(Options options, Parts parts);
  ~Agent();

  // Takes up the jobs of the journal.
  Status Start();
  void OnWelcome(const v1::Welcome& welcome);
  void OnMessage(const v1::ControlMessage& message);
  void OnLost(const Status& why);
  // What the coordinator's ledger does not have yet.
  void ResendReports();
  // Tells every running step and read to stop; afterwards nothing more is sent.
  void Stop();

 private:
  void OnReadCall(const v1::ControlMessage& message);
  void ScheduleProgress();

  const Options options_;
  const JobServices services_;
  Reads& reads_;
  Executor& readers_;
  Timers& timers_;
  SourceJobs source_jobs_;
  TargetJobs target_jobs_;
  std::stop_source reading_;
  Timers::Id progress_ = 0;
  bool was_admitted_ = false;
  LossLines losses_;
};

}  // namespace sluice::agent
