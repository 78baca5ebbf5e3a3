// Finding the droplet that is to be promoted, and saying what it is.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "agent/foundation/cloud_controller.h"
#include "common/base/status.h"
#include "common/trust/reference.h"
#include "common/trust/statement.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// A STAGED buildpack droplet with a published SHA-256 and all that a statement tells of it.
struct SourceDroplet {
  foundation::Droplet droplet;  // process types complete
  std::string sha256;
  std::string stack;                         // as staged, carried along a chain; "" if unknown
  std::vector<trust::Buildpack> buildpacks;  // likewise
  trust::Origin origin;
};

// The app's current droplet, for selector ""; else the one with that guid, or "sha256:HEX".
// NotFound "no-droplet"; FailedPrecondition, each with what to do: "lifecycle-not-supported",
// "droplet-not-staged", "droplet-expired", "no-sha256"; InvalidArgument "bad-droplet-selector";
// PermissionDenied "process-types-hidden".
StatusOr<SourceDroplet> FindSourceDroplet(foundation::CloudController& cloud_controller,
                                          const trust::AppReference& reference,
                                          const foundation::App& app, std::string_view selector,
                                          const trust::TrustDocument& trust, std::stop_token stop);

}  // namespace sluice::agent
