#include "agent/jobs/stored_droplet.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::agent {

using foundation::CloudController;
using foundation::Droplet;

bool DropletIdentity::Is(const Droplet& droplet) const {
  return droplet.Staged() && droplet.Sha256() == sha256 && !droplet.process_types_redacted &&
         droplet.process_types == process_types;
}

StatusOr<std::optional<Droplet>> FirstThatIs(CloudController& cloud_controller,
                                             const DropletIdentity& identity,
                                             const std::vector<Droplet>& listed,
                                             const AppGuid& but_not_of, std::stop_token stop) {
  for (const Droplet& candidate : listed) {
    if (!but_not_of.empty() && candidate.app_guid == but_not_of) continue;
    SLUICE_ASSIGN_OR_RETURN(Droplet droplet, cloud_controller.GetDroplet(candidate.guid, stop));
    if (identity.Is(droplet)) return std::optional<Droplet>(std::move(droplet));
  }
  return std::optional<Droplet>();
}

StatusOr<bool> RunsDroplet(CloudController& cloud_controller, const AppGuid& app,
                           const DropletGuid& droplet, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto revisions, cloud_controller.ListDeployedRevisions(app, stop));
  // Without any, revisions are off: what is current is what runs.
  return std::all_of(revisions.begin(), revisions.end(),
                     [&droplet](const auto& revision) { return revision.droplet_guid == droplet; });
}

Status ChangedSincePlan(std::string_view what) {
  return NamedError(StatusCode::kFailedPrecondition, "changed-since-plan",
                    absl::StrCat(ToAbsl(what), "; plan again"));
}

}  // namespace sluice::agent
