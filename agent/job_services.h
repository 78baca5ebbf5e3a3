// What the jobs of an agent share, and how they speak to the coordinator. Everything here belongs
// to the control loop's thread unless it says otherwise.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "agent/authority.h"
#include "agent/jobs/transfer_terms.h"
#include "agent/journal.h"
#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/status.h"
#include "common/http/waiter.h"
#include "common/transfer/stream_layout.h"

namespace sluice::v1 {
class ControlMessage;
class JobCommand;
class JobReport;
}  // namespace sluice::v1

namespace sluice::agent {

// Promotions of one role that an agent works on at a time; the next is refused by "agent-busy".
// Each has at most one step running, on a thread of its own. What only waits is not counted.
inline constexpr size_t kOpenJobsMax = 16;

// All borrowed.
struct JobServices {
  Journal& journal;
  Authority& authority;
  const Clock& clock;
  Executor& executor;    // for steps
  http::Waiter& waiter;  // for their pauses, on their threads
  // Runs a call on the control loop's thread; from any thread. False when the loop has stopped.
  std::function<bool(std::function<void()>)> post;
  // To the coordinator. Lost without a session, and when the link is full: reports come again from
  // the journal, progress with the next change; who asked for anything else asks again.
  std::function<void(v1::ControlMessage)> send;
  std::string coordinator_endpoint = {};  // "tcp://HOST:PORT", as this agent dials it
  // Requested before the running steps are stopped because the process ends: what other agents see
  // of them must then look like a break, not an end.
  std::stop_token leaving;
  // What droplets are cut into; the same at all agents.
  uint32_t chunk_bytes = transfer::kChunkBytesDefault;
  // The journal cannot be written, and not for want of room: nothing may happen any more, and the
  // process has to end.
  std::function<void(const Status&)> give_up;

  CoordinatorAddress Coordinator() const {
    return {coordinator_endpoint, authority.coordinator_curve()};
  }
};

// Wishes of one job that wait for the journal's disk; further ones come again. The end of a step is
// kept whatever waits: it comes once, and no other step begins before it is journalled.
inline constexpr size_t kUnsavedWishesMax = 32;

// Whether a journal's write was kept. When its disk is full it is tried again; for any other
// failure the services are told to give up.
enum class Saved { kYes, kLater, kNever };
Saved JudgeSave(const JobServices& services, const Status& status);

// Makes `report` the job's latest, with the next revision. Revisions follow the wall clock, so that
// an agent that lost its journal is still heard.
void PutReport(JobRecord& job, v1::JobReport report, absl::Time now);
void SendReport(const JobServices& services, const JobRecord& job);
// A report about a job of which nothing is kept: refused before anything was believed.
void SendLooseReport(const JobServices& services, const JobKey& key, v1::JobReport report);

JobKey KeyOf(const v1::JobCommand& command);

}  // namespace sluice::agent
