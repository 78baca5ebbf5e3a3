// Where the agent's client has its roles, in words that an operator knows.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/foundation/cloud_controller.h"

namespace sluice::agent {

struct PlacedRole {
  std::string role;
  std::string organization;  // by name; "" where it may not be told or is not known
  std::string space;         // likewise; "" for a role of an organization
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
};

// Whether whoever asks may be told of that space.
using MayRead = std::function<bool(const std::string& organization, const std::string& space)>;

// One place for each role, in their order; two requests for all together, more when they are many.
// An organization is named when one of the spaces here that may be told of is in it. What cannot be
// looked up has no name: whoever asks how a foundation is gets an answer when it is not well, too.
std::vector<PlacedRole> PlaceRoles(foundation::CloudController& cloud_controller,
                                   const std::vector<foundation::Role>& roles,
                                   const MayRead& may_read, const std::stop_token& stop);

}  // namespace sluice::agent
