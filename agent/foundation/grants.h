// What has to be granted to an agent's UAA client, and the commands that do it (`doctor --grants`).
#pragma once

#include <string>
#include <vector>

#include "agent/foundation/probe.h"

namespace sluice::foundation {

// A space an agent works in, by the names people know.
struct SpacePlace {
  std::string organization;
  std::string space;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
};

struct GrantsRequest {
  std::string api_url;
  std::string uaa_url;
  std::string client_id;
  bool reads_droplets = true;    // a source
  bool writes_droplets = false;  // a target
  std::vector<SpacePlace> spaces;
};

// Shell commands (uaac and cf), one a line, with `#` comments between; only for what `facts` lack.
// No line when nothing is missing. The secret is asked for by the commands, never part of them.
std::vector<std::string> MissingGrants(const GrantsRequest& request, const ProbeFacts& facts);

}  // namespace sluice::foundation
