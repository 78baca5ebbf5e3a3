// Which droplet in a foundation is the promoted one, and what an app runs: judged alike by the plan
// and by the steps that follow it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "common/base/status.h"

namespace sluice::agent {

// What makes a droplet the promoted one: other process types make it another, with the same bits.
struct DropletIdentity {
  std::string sha256;
  foundation::ProcessTypes process_types;

  // STAGED, with these bits and process types, as far as this client may see them.
  bool Is(const foundation::Droplet& droplet) const;
};

// The first of `listed` that is the droplet, but none of the app `but_not_of` if that is given;
// nothing when none is. Lists hide process types, so each is read by itself.
StatusOr<std::optional<foundation::Droplet>> FirstThatIs(
    foundation::CloudController& cloud_controller, const DropletIdentity& identity,
    const std::vector<foundation::Droplet>& listed, const AppGuid& but_not_of,
    std::stop_token stop);

// Whether all that runs of the started app runs this droplet, its current one.
StatusOr<bool> RunsDroplet(foundation::CloudController& cloud_controller, const AppGuid& app,
                           const DropletGuid& droplet, std::stop_token stop);

// FailedPrecondition "changed-since-plan". Whoever reads an error of a step is told of which app it
// is: `what` does not repeat it.
Status ChangedSincePlan(std::string_view what);

}  // namespace sluice::agent
