// Abilities are agreed by name, never by comparing versions (proto/README.md "Features").
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace sluice::net {

// What both sides know, in `own` order.
template <typename Names>
std::vector<std::string> SharedFeatures(const std::vector<std::string>& own, const Names& theirs) {
  std::vector<std::string> shared;
  for (const std::string& feature : own) {
    if (std::find(theirs.begin(), theirs.end(), feature) != theirs.end()) shared.push_back(feature);
  }
  return shared;
}

}  // namespace sluice::net
