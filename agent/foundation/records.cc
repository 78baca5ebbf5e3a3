#include "agent/foundation/records.h"

#include <algorithm>

namespace sluice::foundation {

bool Metadata::HasAnnotations(const std::map<std::string, std::string>& wanted) const {
  return std::includes(annotations.begin(), annotations.end(), wanted.begin(), wanted.end());
}

std::string Droplet::Sha256() const {
  return checksum && checksum->type == "sha256" ? checksum->value : "";
}

int64_t ProcessStats::CountInState(std::string_view state) const {
  return std::count_if(instances.begin(), instances.end(),
                       [&](const ProcessInstance& instance) { return instance.state == state; });
}

}  // namespace sluice::foundation
