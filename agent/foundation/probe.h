// What works between an agent and its foundation: the facts behind `doctor` and `foundations`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/foundation/records.h"
#include "common/base/status.h"

namespace sluice::foundation {

struct ProbeFacts {
  Status discovery;   // could the foundation be reached and does it speak CC v3
  Status login;       // did UAA accept the client
  Status roles_read;  // could the client's roles be read
  std::string api_version;
  std::string client_id;
  std::vector<std::string> scopes;  // sorted
  std::vector<Role> roles;
  // The foundation's clock minus ours, to the second as its Date header says it.
  std::optional<absl::Duration> clock_skew;
  absl::Duration latency;  // of one unauthenticated call

  bool HasScope(std::string_view scope) const;
  bool MayRead() const;          // a scope that lets GET through
  bool MayWrite() const;         // a scope that lets other methods through
  bool ReadsEverything() const;  // admin, admin_read_only or global_auditor: no role needed to read
  bool WritesEverything() const;  // admin
  bool HasSpaceRole(std::string_view type, const SpaceGuid& space) const;
};

}  // namespace sluice::foundation
