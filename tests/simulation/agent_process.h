// One simulated agent: the product's own Agent with its journal, spool, steps, Cloud Controller
// client and bulk exchange, on simulated threads, disk and networks. Dies and starts again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/agent.h"
#include "agent/jobs/target_steps.h"
#include "common/base/executor.h"
#include "common/base/testing/fake_entropy.h"
#include "common/net/event_loop.h"
#include "common/transfer/spool.h"
#include "common/trust/testing/test_trust.h"
#include "tests/simulation/bulk_network.h"
#include "tests/simulation/control_links.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/foundation.h"
#include "tests/simulation/transport.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

// Small chunks, so that a small droplet has many.
inline constexpr uint32_t kChunkBytes = 8 * 1024;

class Exchange;

class AgentProcess {
 public:
  struct Parts {
    World& world;
    const trust::TestTrust& trust;
    Foundation& foundation;
    BulkNetwork& bulk;
    ControlLinks& control;
    const Blob* blob = nullptr;    // the source has one
    std::string bulk_endpoint;     // "": it only dials
    std::string journal_folder;    // a real one, on a disk in memory
    std::string published_sha256;  // of the droplet, and of the wrong bits: for planted bugs
    std::string wrong_sha256;
    std::string others_sha256;  // of what ran before
    uint64_t number = 0;        // of the process, from 1
  };
  explicit AgentProcess(Parts parts);
  ~AgentProcess();

  void Start();
  // As by kill -9 and a power failure at once.
  void Crash();
  bool alive() const { return agent_ != nullptr; }
  // Its own doing: the journal could not be written, so it ended.
  bool gave_up() const { return gave_up_; }

  // As if the coordinator had said it.
  void Hear(const v1::ControlMessage& message) {
    if (alive()) agent_->OnMessage(message);
  }

  // What is due in its loops. True if there was something that is done at once.
  bool DoPosted();
  void RunTimers();
  std::optional<absl::Duration> UntilNextTimer() const;

  Disk& disk() { return disk_; }
  const std::string& name() const { return parts_.foundation.name(); }
  // Jobs that have not ended, or whose last report is not recorded.
  size_t UnfinishedJobs() const;
  // Spool and logs hold nothing of the droplet's plain bytes.
  void InspectDisk() const;

 private:
  void MakeWork();
  void MakeAgent();
  net::Peer Self() const;
  void SendUp(v1::ControlMessage message);
  // What it has told the coordinator must be in the journal that the next process finds.
  void CheckJournal();
  std::string JournalPath() const;

  const Parts parts_;
  Disk disk_;
  int lives_ = 0;
  bool dead_ = false;  // it unwinds, and nobody hears of it
  bool gave_up_ = false;
  std::map<agent::JobKey, uint64_t> revisions_told_;
  absl::Duration journal_synced_at_;

  // One life's, in the order in which they are made.
  std::unique_ptr<FakeEntropy> entropy_;
  std::unique_ptr<net::EventLoop> loop_;
  std::deque<std::function<void()>> posted_;
  std::unique_ptr<agent::Journal> journal_;
  std::unique_ptr<agent::Authority> authority_;
  std::unique_ptr<transfer::Spool> spool_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<SleepingWaiter> waiter_;
  std::unique_ptr<foundation::CloudController> cloud_controller_;
  std::unique_ptr<agent::SourceSteps> source_steps_;
  std::unique_ptr<agent::TargetWork> target_steps_;
  std::unique_ptr<agent::Reads> reads_;
  std::stop_source leaving_;
  std::unique_ptr<agent::Agent> agent_;
  ControlLinks::CallerNumber caller_ = 0;
  std::unique_ptr<ThreadPool> steps_;
};

}  // namespace sluice::simulation
