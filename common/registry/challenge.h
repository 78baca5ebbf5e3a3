// What a 401 asks for: the WWW-Authenticate field (RFC 9110 section 11.6.1).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace sluice::registry {

inline constexpr size_t kChallengeBytesMax = 16 * 1024;
inline constexpr size_t kChallengesMax = 8;
inline constexpr size_t kChallengeParametersMax = 32;  // of one challenge

struct Challenge {
  std::string scheme;                             // lower case: "basic", "bearer"
  std::map<std::string, std::string> parameters;  // names in lower case

  // "" when it is not there.
  std::string Parameter(const std::string& name) const;
};

// All challenges of one field; several fields are parsed one by one. FailedPrecondition
// "bad-challenge": not of the grammar, a parameter twice, or beyond the limits.
StatusOr<std::vector<Challenge>> ParseChallenges(std::string_view field);

}  // namespace sluice::registry
