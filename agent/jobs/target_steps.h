// The steps of a target's job: straight-line work against one Cloud Controller. What an undo has to
// take back is journalled beforehand, and what came of it afterwards (TargetFacts). They block, and
// run on a thread of their own.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/droplet_maker.h"
#include "agent/jobs/incoming_droplet.h"
#include "agent/jobs/parallel_limit.h"
#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/jobs/upload_start.h"
#include "common/base/clock.h"
#include "common/http/waiter.h"
#include "common/trust/order.h"
#include "common/trust/statement.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// One target of an accepted order.
struct TargetAssignment {
  trust::Order order;
  size_t index = 0;
  std::optional<RollbackTerms> rollback;  // once a rollback order was accepted
  const trust::OrderTarget& target() const { return order.targets[index]; }
};

class TargetWork {
 public:
  virtual ~TargetWork() = default;

  // Whether the target still is as the order's plan saw it. FailedPrecondition
  // "changed-since-plan".
  virtual Status CheckPlan(const TargetAssignment& assignment, std::stop_token stop) = 0;

  // Whether a rollback order can be obeyed: CheckPlan(), what ran before is still STAGED
  // ("droplet-expired"), and nobody denies it (PermissionDenied "droplet-denied"). The assignment's
  // order is the rollback order.
  virtual Status CheckRollback(const TargetAssignment& rollback, const trust::TrustDocument& trust,
                               std::stop_token stop) = 0;

  // Brings the droplet into the target's Cloud Controller, by the cheapest way: there already,
  // copied from another app, or uploaded from what arrives. Goes on where `facts` say that an
  // earlier process was. Ends with the digest confirmed there.
  // DataLoss "digest-mismatch", "checksum-differs"; FailedPrecondition by CC's reasons. True when
  // the app runs exactly this droplet already, so that there is nothing to activate.
  virtual StatusOr<bool> Upload(const TargetAssignment& assignment,
                                const trust::Statement& statement,
                                const std::string& statement_envelope,
                                const OpenIncoming& open_incoming, TargetFacts& facts,
                                const Checkpoint& checkpoint, std::stop_token stop) = 0;

  // Makes the app run the droplet and sees that it does. FailedPrecondition "app-crashes",
  // "startup-timeout", "droplet-gone", "changed-since-plan", "activate-too-late",
  // "deployment-superseded"; DataLoss "wrong-droplet-runs".
  virtual Status Activate(const TargetAssignment& assignment, TargetFacts& facts,
                          const Checkpoint& checkpoint, std::stop_token stop) = 0;

  // Puts back what ran, deletes what this promotion made and nobody can use. While the foundation
  // is unavailable it is tried again, as long as the order lives that is carried out, and for some
  // minutes at least. What cannot be put back is the error: somebody's hands are needed.
  virtual Status Undo(const TargetAssignment& assignment, TargetFacts& facts,
                      const Checkpoint& checkpoint, std::stop_token stop) = 0;
};

class TargetSteps final : public TargetWork {
 public:
  struct Options {
    absl::Duration deployment_poll = absl::Seconds(1);
    // After this many crashes of new instances nobody waits for the startup timeout.
    int crashes_max = 3;
    // How long an undo waits for what it has started to run again.
    absl::Duration undo_timeout = absl::Minutes(10);
    // An undo that meets an outage is tried again at least for so long, although its order has
    // expired; the pause between two attempts is doubled each time.
    absl::Duration undo_patience_min = absl::Minutes(10);
    absl::Duration undo_pause_first = absl::Seconds(2);
    absl::Duration undo_pause_max = absl::Minutes(1);
    // Of its own STAGED droplets per app besides the current one and the one before.
    int keep_droplets = 3;
    UploadLimits upload_limits;  // of the foundation
    // Droplets that arrive here at a time.
    size_t arriving_max = ParallelLimit::kPlacesDefault;
  };
  // All borrowed.
  TargetSteps(Options options, foundation::CloudController& cloud_controller, const Clock& clock,
              http::Waiter& waiter);

  Status CheckPlan(const TargetAssignment& assignment, std::stop_token stop) override;
  Status CheckRollback(const TargetAssignment& rollback, const trust::TrustDocument& trust,
                       std::stop_token stop) override;
  StatusOr<bool> Upload(const TargetAssignment& assignment, const trust::Statement& statement,
                        const std::string& statement_envelope, const OpenIncoming& open_incoming,
                        TargetFacts& facts, const Checkpoint& checkpoint,
                        std::stop_token stop) override;
  Status Activate(const TargetAssignment& assignment, TargetFacts& facts,
                  const Checkpoint& checkpoint, std::stop_token stop) override;
  Status Undo(const TargetAssignment& assignment, TargetFacts& facts, const Checkpoint& checkpoint,
              std::stop_token stop) override;

 private:
  // target_upload.cc
  Status FindOrCreateApp(const TargetAssignment& assignment, const trust::Statement& statement,
                         TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop);
  StatusOr<bool> UseStoredDroplet(const TargetAssignment& assignment,
                                  const trust::Statement& statement,
                                  const DropletMaker::Annotations& marks, TargetFacts& facts,
                                  const Checkpoint& checkpoint, std::stop_token stop);
  StatusOr<bool> CopyFromElsewhere(const TargetAssignment& assignment,
                                   const trust::Statement& statement,
                                   const DropletMaker::Annotations& marks, TargetFacts& facts,
                                   const Checkpoint& checkpoint, std::stop_token stop);
  Status CreateApp(const TargetAssignment& assignment, const trust::Statement& statement,
                   TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop);
  StatusOr<bool> AwaitCopy(TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop);
  Status ConfirmDroplet(const TargetAssignment& assignment, const DropletMaker::Annotations& marks,
                        TargetFacts& facts, std::stop_token stop);

  // target_activate.cc
  Status Deploy(const TargetAssignment& assignment, const DropletGuid& droplet, TargetFacts& facts,
                const Checkpoint& checkpoint, std::stop_token stop);
  Status AwaitDeployment(const DeploymentGuid& deployment, const AppGuid& app,
                         absl::Duration startup_timeout, std::stop_token stop);
  Status StartWith(const AppGuid& app, const DropletGuid& droplet, bool running,
                   absl::Duration startup_timeout, std::stop_token stop);
  // `since`: when it was started, by the foundation's clock; without it crashes are not counted and
  // the startup timeout decides.
  Status AwaitInstances(const AppGuid& app, std::optional<absl::Time> since,
                        absl::Duration startup_timeout, std::stop_token stop);
  Status VerifyRunning(const AppGuid& app, const DropletGuid& droplet, const std::string& sha256,
                       std::stop_token stop);
  Status CrashStatus(const AppGuid& app, const ProcessGuid& web, absl::Time since,
                     std::stop_token stop);
  void PruneDroplets(const TargetFacts& facts, std::stop_token stop);

  // target_undo.cc
  Status TryUndo(const TargetAssignment& assignment, TargetFacts& facts,
                 const Checkpoint& checkpoint, std::stop_token stop);
  Status UndoActivation(const TargetAssignment& assignment, TargetFacts& facts,
                        const Checkpoint& checkpoint, std::stop_token stop);
  Status EndDeployment(const TargetFacts& facts, std::stop_token stop);
  Status FindCreatedApp(const TargetAssignment& assignment, TargetFacts& facts,
                        std::stop_token stop);
  StatusOr<bool> OthersUseApp(const TargetFacts& facts, std::stop_token stop);
  Status RemoveMade(const TargetAssignment& assignment, TargetFacts& facts,
                    const Checkpoint& checkpoint, std::stop_token stop);

  const Options options_;
  foundation::CloudController& cloud_controller_;
  const Clock& clock_;
  http::Waiter& waiter_;
  ParallelLimit arriving_;
  DropletMaker maker_;
};

}  // namespace sluice::agent
