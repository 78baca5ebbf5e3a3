// What works and what is missing between an agent and its foundation, for people and for the log.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/probe.h"
#include "agent/settings.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/trust/reference.h"

namespace sluice::agent {

// A thing that was tried, in the order in which one depends on another.
struct Finding {
  std::string what;  // "foundation", "login", "read", ...
  Status status;
  std::string detail;  // when it works
};

// FailedPrecondition "clock-skew" when this agent's clock and the foundation's differ by more than
// orders may (trust::kClockSkewMax).
Status CheckClockSkew(absl::Duration skew);

// What to do about a foundation that could not be reached, or a login that failed.
std::string_view DiscoveryRemedy(const Status& failure);
std::string_view LoginRemedy(const Status& failure);

std::vector<Finding> FindingsOf(const foundation::ProbeFacts& facts);
// The first that does not work, or OK.
Status WorstOf(const std::vector<Finding>& findings);
// A line for each.
std::string FormatFindings(const std::vector<Finding>& findings);
// Event "foundation-probe", a line for each.
void LogFindings(const std::vector<Finding>& findings, const std::string& foundation);

// Every mistake in what the configuration names of this machine: key, trust document, policy,
// secret, CA file, folders, the address to listen at. One that is not allowed, or bad input, is
// what `run` says too; anything else is InvalidArgument "bad-configuration" with a line for each. A
// file is made for a moment where the folders are, or would be.
Status CheckFiles(const Settings& settings, Files& files);

// The shell commands that grant what the agent's client lacks for these spaces: those given, or if
// none is, the spaces of this foundation that the trust document's grants name in full.
StatusOr<std::vector<std::string>> GrantCommands(const Settings& settings, const Files& files,
                                                 foundation::CloudController& cloud_controller,
                                                 const std::vector<trust::ListingReference>& spaces,
                                                 std::stop_token stop);

}  // namespace sluice::agent
