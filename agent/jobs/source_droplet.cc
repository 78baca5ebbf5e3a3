#include "agent/jobs/source_droplet.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/annotations.h"
#include "common/crypto/digest.h"

namespace sluice::agent {
namespace {

using foundation::App;
using foundation::CloudController;
using foundation::Droplet;

constexpr std::string_view kDigestPrefix = "sha256:";

Status NoDroplet(const trust::AppReference& reference, std::string_view which) {
  return NamedError(StatusCode::kNotFound, "no-droplet",
                    absl::StrCat(reference.text(), " has no ", ToAbsl(which),
                                 "; to see those it has: sluice droplets ", reference.text()));
}

StatusOr<Droplet> SelectDroplet(CloudController& cloud_controller,
                                const trust::AppReference& reference, const App& app,
                                std::string_view selector, std::stop_token stop) {
  if (selector.empty()) {
    StatusOr<Droplet> current = cloud_controller.GetCurrentDroplet(app.guid, stop);
    if (ErrorName(current.status()) != "no-droplet") return current;
    return NamedError(StatusCode::kNotFound, "no-droplet",
                      absl::StrCat(reference.text(),
                                   " has no current droplet; stage the app (cf push or cf "
                                   "restage), or choose one of 'sluice droplets ",
                                   reference.text(), "' with --droplet"));
  }
  if (selector.starts_with(kDigestPrefix)) {
    const auto digest = selector.substr(kDigestPrefix.size());
    if (const auto parsed = crypto::Sha256Digest::FromHex(digest); !parsed.ok()) {
      return NamedError(StatusCode::kInvalidArgument, "bad-droplet-selector",
                        "--droplet takes a droplet guid or sha256: and 64 hexadecimal digits");
    }
    SLUICE_ASSIGN_OR_RETURN(const auto found,
                            cloud_controller.FindStagedDroplets(app.guid, digest, stop));
    if (found.empty()) {
      return NoDroplet(reference, absl::StrCat("staged droplet ", ToAbsl(selector)));
    }
    return cloud_controller.GetDroplet(found.front().guid, stop);
  }
  StatusOr<Droplet> droplet = cloud_controller.GetDroplet(DropletGuid(std::string(selector)), stop);
  // One of a space that the agent may not see is not found either.
  if (absl::IsNotFound(droplet.status()) || (droplet.ok() && droplet->app_guid != app.guid)) {
    return NoDroplet(reference, absl::StrCat("droplet ", ToAbsl(selector)));
  }
  return droplet;
}

Status CheckPromotable(const trust::AppReference& reference, const Droplet& droplet) {
  const std::string name = absl::StrCat(reference.text(), ": droplet ", droplet.guid.value());
  if (droplet.lifecycle_type != "buildpack") {
    return NamedError(StatusCode::kFailedPrecondition, "lifecycle-not-supported",
                      absl::StrCat(name, " has the lifecycle '", droplet.lifecycle_type,
                                   "'; only buildpack droplets can be promoted by their bits"));
  }
  if (droplet.state == "EXPIRED") {
    return NamedError(StatusCode::kFailedPrecondition, "droplet-expired",
                      absl::StrCat(name,
                                   " has expired: Cloud Controller deleted its bits; choose "
                                   "another with --droplet, or restage"));
  }
  if (!droplet.Staged()) {
    return NamedError(StatusCode::kFailedPrecondition, "droplet-not-staged",
                      absl::StrCat(name, " is ", droplet.state, ", not STAGED"));
  }
  if (droplet.Sha256().empty()) {
    return NamedError(StatusCode::kFailedPrecondition, "no-sha256",
                      absl::StrCat(name,
                                   " has no SHA-256 in Cloud Controller, only an older "
                                   "checksum; restage the app (cf restage)"));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<SourceDroplet> FindSourceDroplet(CloudController& cloud_controller,
                                          const trust::AppReference& reference, const App& app,
                                          std::string_view selector,
                                          const trust::TrustDocument& trust, std::stop_token stop) {
  if (app.lifecycle_type != "buildpack") {
    return NamedError(StatusCode::kFailedPrecondition, "lifecycle-not-supported",
                      absl::StrCat(reference.text(), " is a ", app.lifecycle_type,
                                   " app; only buildpack apps can be promoted by their droplet"));
  }
  SLUICE_ASSIGN_OR_RETURN(Droplet droplet,
                          SelectDroplet(cloud_controller, reference, app, selector, stop));
  SLUICE_RETURN_IF_ERROR(CheckPromotable(reference, droplet));
  if (droplet.process_types_redacted) {
    // CC shows the current droplet in full to every reader (cloud_controller_ng,
    // app/controllers/v3/apps_controller.rb); any other only to a space developer.
    auto current = cloud_controller.GetCurrentDroplet(app.guid, stop);
    if (current.ok() && current->guid == droplet.guid) droplet = *std::move(current);
  }
  if (droplet.process_types_redacted) {
    return NamedError(StatusCode::kPermissionDenied, "process-types-hidden",
                      absl::StrCat(reference.text(),
                                   ": Cloud Controller hides the process types of "
                                   "droplet ",
                                   droplet.guid.value(),
                                   " from this agent; it needs "
                                   "space_developer there, unless the droplet is the current one"));
  }
  SourceDroplet found;
  found.sha256 = droplet.Sha256();
  found.stack = droplet.stack;
  for (const foundation::Buildpack& buildpack : droplet.buildpacks) {
    found.buildpacks.push_back({.name = buildpack.name,
                                .buildpack_name = buildpack.buildpack_name,
                                .version = buildpack.version,
                                .detect_output = buildpack.detect_output});
  }
  found.origin = {.reference = reference, .app_guid = app.guid, .droplet_guid = droplet.guid};
  if (const auto earlier =
          StatementFromAnnotations(droplet.metadata.annotations, found.sha256, trust)) {
    if (found.stack.empty()) found.stack = earlier->stack;
    if (found.buildpacks.empty()) found.buildpacks = earlier->buildpacks;
    found.origin = earlier->origin;
  }
  if (found.stack.empty()) found.stack = app.stack;
  found.droplet = std::move(droplet);
  return found;
}

}  // namespace sluice::agent
