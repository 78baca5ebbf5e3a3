// What a promotion or a rollback would do, as the agents answer it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/trust/order.h"
#include "common/trust/reference.h"
#include "coordinator/cli/arguments.h"

namespace sluice::cli {

class Session;

struct PlannedBuildpack {
  std::string name;
  std::string version;
};

struct SourcePlan {
  trust::AppReference reference;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;
  DropletGuid droplet_guid;
  std::string sha256;
  int64_t size_bytes = 0;
  std::string stack;
  std::string lifecycle;
  std::vector<PlannedBuildpack> buildpacks;
  std::map<std::string, std::string> process_types;
  std::string created_at;
  std::string origin;  // "FOUNDATION:ORG/SPACE/APP" where it was staged; "" when unknown
  std::vector<std::string> warnings;
};

struct TargetPlan {
  trust::AppReference reference;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;  // empty: to be created
  int64_t counter = 0;
  bool exists = false;
  std::string state;  // STARTED or STOPPED, as Cloud Foundry says it
  int64_t instances = 0;
  DropletGuid current_droplet_guid;
  std::string current_sha256;
  std::string already;  // none, stored, current, running
  std::string upload;   // cut-through, spool-first, copy, none
  std::string upload_why;
  std::vector<std::string> changes;
  std::vector<std::string> warnings;
  std::string undo;
  std::optional<int64_t> estimated_seconds;
};

struct PromotionPlan {
  SourcePlan source;
  std::vector<TargetPlan> targets;
};

struct RollbackTargetPlan {
  trust::AppReference reference;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;
  int64_t counter = 0;
  DropletGuid droplet_guid;  // to go back to; empty when the app is deleted
  std::string sha256;
  DropletGuid current_droplet_guid;
  std::string current_sha256;
  bool pushed_since = false;
  bool deletes_app = false;
  std::vector<std::string> warnings;
};

struct RollbackPlan {
  std::vector<RollbackTargetPlan> targets;
};

// Asks the source's agent, then those of all targets side by side. Names as Session::Read();
// DataLoss "digest-mismatch" and FailedPrecondition "other-droplet" when the source's agent offers
// another droplet than --droplet asks for; NotFound "no-app"; Internal "bad-answer" when an agent's
// answer is not what was agreed. Of several targets that refuse the first is the error, and its
// message names the others.
StatusOr<PromotionPlan> PlanPromotion(Session& session, const PromoteArguments& arguments,
                                      const trust::AppReference& source,
                                      const std::vector<trust::AppReference>& targets);

// Asks the source's agent alone, for "" or a droplet as --droplet names it. Names as
// PlanPromotion().
StatusOr<SourcePlan> PlanSource(Session& session, const trust::AppReference& source,
                                const std::string& droplet);

// Asks the agents of these targets of a promotion, side by side; in the same order.
StatusOr<RollbackPlan> PlanRollback(Session& session, const std::string& promotion,
                                    const std::vector<trust::OrderTarget>& targets);

}  // namespace sluice::cli
