#include "agent/plan_quota.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace sluice::agent {
namespace {

using foundation::QuotaFacts;
using foundation::QuotaLimits;

Status Exceeded(std::string_view whose, const QuotaLimits& limits, std::string_view what,
                int64_t needed, int64_t free) {
  return NamedError(
      StatusCode::kResourceExhausted, "quota-exceeded",
      absl::StrCat("the activation needs ", needed, " ", ToAbsl(what), " more, and the ",
                   ToAbsl(whose), "'s quota ", limits.name, " has ", std::max(free, int64_t{0}),
                   " left: raise the quota, or scale something down"));
}

Status CheckLimits(std::string_view whose, const std::optional<QuotaLimits>& limits,
                   std::optional<int64_t> memory_used, std::optional<int64_t> instances_started,
                   const QuotaNeed& need) {
  if (!limits) return absl::OkStatus();
  if (limits->total_memory_in_mb && memory_used) {
    const int64_t free = *limits->total_memory_in_mb - *memory_used;
    if (need.memory_in_mb > free) {
      return Exceeded(whose, *limits, "MB of memory", need.memory_in_mb, free);
    }
  }
  if (limits->total_instances && instances_started) {
    const int64_t free = *limits->total_instances - *instances_started;
    if (need.instances > free) return Exceeded(whose, *limits, "instances", need.instances, free);
  }
  if (limits->per_process_memory_in_mb &&
      need.largest_instance_in_mb > *limits->per_process_memory_in_mb) {
    return NamedError(
        StatusCode::kResourceExhausted, "quota-exceeded",
        absl::StrCat("a process has ", need.largest_instance_in_mb, " MB of memory, and the ",
                     ToAbsl(whose), "'s quota ", limits->name, " allows one ",
                     *limits->per_process_memory_in_mb, ": raise the quota, or scale it down"));
  }
  return absl::OkStatus();
}

}  // namespace

QuotaNeed NeedOf(const std::vector<foundation::Process>& processes, bool started, bool rolling) {
  QuotaNeed need;
  if (started && !rolling) return need;
  for (const foundation::Process& process : processes) {
    if (process.instances == 0 || (started && process.type != "web")) continue;
    need.largest_instance_in_mb = std::max(need.largest_instance_in_mb, process.memory_in_mb);
    need.instances += process.instances;
    need.memory_in_mb += process.instances * process.memory_in_mb;
  }
  if (started && need.instances > 0) {
    need.instances = 1;
    need.memory_in_mb = need.largest_instance_in_mb;
  }
  return need;
}

Status CheckQuota(const QuotaFacts& quota, const QuotaNeed& need) {
  if (need.instances == 0) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(CheckLimits("org", quota.organization,
                                     quota.organization_memory_used_in_mb,
                                     quota.organization_instances_started, need));
  return CheckLimits("space", quota.space, quota.space_memory_used_in_mb,
                     quota.space_instances_started, need);
}

}  // namespace sluice::agent
