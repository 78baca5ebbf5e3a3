// One history of a whole federation: drawn from a seed, lived through event by event, judged.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/trust/testing/test_trust.h"
#include "coordinator/daemon/coordinator.h"
#include "coordinator/daemon/ledger_replay.h"
#include "tests/simulation/agent_process.h"
#include "tests/simulation/bulk_network.h"
#include "tests/simulation/control_links.h"
#include "tests/simulation/foundation.h"
#include "tests/simulation/operator_desk.h"
#include "tests/simulation/world.h"
#include "tests/simulation/written_ledger.h"

namespace sluice::simulation {

struct HistoryOptions {
  uint64_t seed = 0;
  Bug bug = Bug::kNone;
  bool print = false;          // the trace, as it happens
  std::string journal_folder;  // for this history alone
};

struct HistoryResult {
  std::optional<Violation> violation;
  std::array<int, kFaultCount> faults{};
  std::string trace_digest;
  std::string trace_tail;
  std::string end;  // of the promotion, as a word
  uint64_t events = 0;
  absl::Duration took;  // simulated
};

class Federation {
 public:
  explicit Federation(const HistoryOptions& options);
  ~Federation();

  HistoryResult Run();

 private:
  // What the order finds at a target.
  enum class Before { kOtherRuns, kNoApp, kStored, kRuns, kElsewhere };
  struct Target {
    std::unique_ptr<Foundation> foundation;
    Before before = Before::kOtherRuns;
    std::string app;             // guid; "" when there is none yet
    std::string droplet_before;  // current
  };

  void DrawDroplet();
  void DrawTargets();
  trust::Order DrawOrder();
  void MakeProcesses(const HistoryOptions& options);
  void PlanFaults();
  void PlanCrashes(Fault fault, std::vector<size_t> agents);
  void CrashAgent(size_t agent, absl::Duration down);
  void CrashCoordinator(absl::Duration down);
  void StartCoordinator();
  void Heal();

  // One step; false when nothing is left to happen.
  bool Step();
  bool DoWhatIsDue();
  bool Settled() const;
  // Whoever ended of its own accord is started again, as a service manager does it.
  void ReviveAgents();

  bool PassUp(const net::Peer& from, const v1::ControlMessage& message);
  bool PassDown(const net::Peer& to, v1::ControlMessage& message);
  void OnActivation(size_t target, const std::string& app, const std::string& droplet);
  bool HoldsDroplet(const Target& target) const;
  void CheckLedger();
  // All that the ledger has, into `replay`.
  Status ReplayLedger(coordinator::LedgerReplay& replay) const;
  void Judge();
  void JudgeTarget(size_t index, const coordinator::Promotion& promotion);
  const coordinator::Promotion* FindPromotion() const;

  World world_;
  const trust::TestTrust& trust_;
  BulkNetwork bulk_{world_};
  ControlLinks control_{world_};
  Blob blob_;
  std::string sha256_;
  std::string wrong_sha256_;
  Foundation source_;
  std::string source_app_;
  std::string source_droplet_;
  std::vector<Target> targets_;
  trust::Order order_;
  std::string envelope_;
  std::vector<std::unique_ptr<AgentProcess>> agents_;  // the source's, then the targets'
  std::vector<bool> down_;

  const std::vector<crypto::VerifyingKey> trust_roots_{trust_.root().signing.Public()};
  WrittenLedger ledger_{world_};
  FakeEntropy coordinator_entropy_;
  std::unique_ptr<coordinator::TrustInForce> trust_in_force_;
  std::unique_ptr<Timers> coordinator_timers_;
  std::unique_ptr<coordinator::Coordinator> coordinator_;
  int coordinator_lives_ = 0;
  OperatorDesk desk_;

  // Revisions of reports that the coordinator has acknowledged, by role and target.
  std::map<std::pair<int, uint32_t>, uint64_t> acknowledged_;
  std::map<uint32_t, uint64_t> shown_stored_;  // bytes that a target has shown as durable
  uint64_t events_ = 0;
};

// As Cloud Foundry operators would call it ("done", "failed", ...).
std::string WordOf(v1::PromotionState state);

}  // namespace sluice::simulation
