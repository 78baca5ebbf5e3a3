// The environment in which a container's app finds what Cloud Foundry would have given it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/image/launcher/launch.h"
#include "common/image/launcher/records.h"

namespace sluice::image::launcher {

// The container's environment with what is fixed set, what is missing filled in and
// VCAP_APPLICATION corrected. `process_type` may be "" (the command was given by hand).
Environment AppEnvironment(const Surroundings& surroundings, const LaunchRecord& record,
                           std::string_view process_type);

// MEMORY_LIMIT as Cloud Foundry writes it ("512m"), from what the cgroup files hold; nullopt when
// there is no limit, or none that can be read.
std::optional<std::string> MemoryLimit(const std::optional<std::string>& cgroup2_limit,
                                       const std::optional<std::string>& cgroup1_limit);

// DATABASE_URL from the first credentials in VCAP_SERVICES that name a relational database.
std::optional<std::string> DatabaseUrl(const std::string& vcap_services);

// True when VCAP_SERVICES holds references that only the platform's CredHub could resolve.
bool NeedsCredHub(const Environment& environment);

}  // namespace sluice::image::launcher
