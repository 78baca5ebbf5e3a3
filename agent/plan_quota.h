// Whether a target's quotas have room for what an activation starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/foundation/records.h"
#include "common/base/status.h"

namespace sluice::agent {

// What is started besides what runs already.
struct QuotaNeed {
  int64_t instances = 0;
  int64_t memory_in_mb = 0;            // of all of them
  int64_t largest_instance_in_mb = 0;  // the memory of one
};

// A rolling deployment starts one instance of the web process more than run; a start, all of every
// process; a restart, none more than it has stopped.
QuotaNeed NeedOf(const std::vector<foundation::Process>& processes, bool started, bool rolling);

// ResourceExhausted "quota-exceeded" with the quota's name, what is needed and what is free; OK
// where Cloud Controller tells no limit or no use. Quotas know no sum of disk: its limit is one per
// process, and whoever set the process's disk was held to it.
Status CheckQuota(const foundation::QuotaFacts& quota, const QuotaNeed& need);

}  // namespace sluice::agent
