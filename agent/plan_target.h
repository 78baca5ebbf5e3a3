// What a promotion or a rollback would do at a target, found by looking; nothing is changed.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/upload_start.h"
#include "agent/journal.h"
#include "common/base/status.h"
#include "common/trust/reference.h"

namespace sluice::agent {

struct TargetQuestion {
  trust::AppReference reference;
  bool create = false;
  bool activate = true;
  std::string strategy;
  std::string sha256;
  uint64_t size_bytes = 0;
  std::string stack;
  foundation::ProcessTypes process_types;
  uint64_t droplet_bytes_max = 0;  // of this foundation
  UploadLimits upload_limits;      // likewise
  // Of the spool's for this droplet, Spool::CheckRoom(): a promotion that moves no byte needs none.
  Status spool_room = absl::OkStatus();
  // At which droplets are expected to arrive here; nothing when nobody knows.
  std::optional<double> bytes_per_second;
  std::optional<double> bytes_per_second_max;  // what the operator allows
};

struct TargetPlan {
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;  // empty: to be created
  std::string state;
  int64_t instances = 0;
  DropletGuid current_droplet_guid;
  std::string current_sha256;
  std::string already = "none";        // or "stored", "current", "running"
  std::string upload = "cut-through";  // "spool-first", "copy" (another app here has it), "none"
  std::string upload_why;
  std::optional<int64_t> estimated_seconds;  // until all has arrived
  std::vector<std::string> changes;
  std::vector<std::string> warnings;
  std::string undo;
};

// NotFound "no-org", "no-space", "no-app" (and no --create), "no-stack"; FailedPrecondition
// "org-suspended", "space-suspended", "stack-differs", "lifecycle-not-supported",
// "droplet-too-large", "spool-too-small", "deployment-in-progress"; ResourceExhausted
// "quota-exceeded"; PermissionDenied "role-missing". A spool that is full now is a warning.
StatusOr<TargetPlan> PlanForTarget(foundation::CloudController& cloud_controller,
                                   const TargetQuestion& question, std::stop_token stop);

// The rate of the latest transfer into this agent that says something about its links; nothing when
// there was none.
StatusOr<std::optional<double>> LastArrivalRate(Journal& journal);

struct RollbackPlan {
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;
  DropletGuid droplet_guid;  // to go back to; empty when the app goes, or had none
  std::string sha256;
  DropletGuid current_droplet_guid;
  std::string current_sha256;
  bool pushed_since = false;
  bool deletes_app = false;
  std::vector<std::string> warnings;
};

// NotFound "not-in-journal" when this agent knows nothing of it; FailedPrecondition
// "droplet-expired" when what ran before is gone.
StatusOr<RollbackPlan> PlanForRollback(foundation::CloudController& cloud_controller,
                                       Journal& journal, const trust::AppReference& reference,
                                       const std::string& promotion, std::stop_token stop);

}  // namespace sluice::agent
