#include "agent/foundation/probe.h"

#include <algorithm>

namespace sluice::foundation {

bool ProbeFacts::HasScope(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

// Which scopes let which methods through: cloud_controller_ng, lib/cloud_controller/roles.rb and
// app/controllers/v3/application_controller.rb.
bool ProbeFacts::MayRead() const { return HasScope("cloud_controller.read") || ReadsEverything(); }

bool ProbeFacts::MayWrite() const {
  return HasScope("cloud_controller.write") || WritesEverything();
}

bool ProbeFacts::ReadsEverything() const {
  return HasScope("cloud_controller.admin") || HasScope("cloud_controller.admin_read_only") ||
         HasScope("cloud_controller.global_auditor");
}

bool ProbeFacts::WritesEverything() const { return HasScope("cloud_controller.admin"); }

bool ProbeFacts::HasSpaceRole(std::string_view type, const SpaceGuid& space) const {
  return std::any_of(roles.begin(), roles.end(), [&](const Role& role) {
    return role.type == type && role.space_guid == space;
  });
}

}  // namespace sluice::foundation
