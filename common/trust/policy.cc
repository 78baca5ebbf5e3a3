#include "common/trust/policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/config.h"

namespace sluice::trust {
namespace {

constexpr size_t kPolicyBytesMax = 256 * 1024;

Status DeniedByPolicy(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kPermissionDenied, name,
                    absl::StrCat("this agent's own policy does not allow ", ToAbsl(message)));
}

std::optional<std::set<std::string>> ReadNames(const ConfigReader& config, std::string_view key) {
  if (!config.Has(key)) return std::nullopt;
  const std::vector<std::string> names = config.Strings(key);
  return std::set<std::string>(names.begin(), names.end());
}

std::optional<std::vector<SpacePattern>> ReadPatterns(const ConfigReader& config,
                                                      std::string_view key) {
  if (!config.Has(key)) return std::nullopt;
  std::vector<SpacePattern> patterns;
  for (const std::string& text : config.Strings(key)) {
    StatusOr<SpacePattern> pattern = SpacePattern::Parse(text);
    if (pattern.ok()) {
      patterns.push_back(*std::move(pattern));
    } else {
      config.Mistake(key, FromAbsl(pattern.status().message()));
    }
  }
  return patterns;
}

std::optional<std::set<Action>> ReadActions(const ConfigReader& config) {
  if (!config.Has("actions")) return std::nullopt;
  std::set<Action> actions;
  for (const std::string& name : config.Strings("actions")) {
    const StatusOr<Action> action = ParseAction(name);
    if (action.ok()) {
      actions.insert(*action);
    } else {
      config.Mistake("actions", FromAbsl(action.status().message()));
    }
  }
  return actions;
}

bool AnyMatches(const std::vector<SpacePattern>& patterns, const AppReference& reference) {
  return std::any_of(patterns.begin(), patterns.end(), [&reference](const SpacePattern& pattern) {
    return pattern.Matches(reference.foundation, reference.organization, reference.space);
  });
}

}  // namespace

StatusOr<Policy> Policy::Parse(std::string_view yaml, const std::string& file_name) {
  const ConfigReader config(file_name, yaml);
  Policy policy;
  policy.operators = ReadNames(config, "operators");
  policy.actions = ReadActions(config);
  policy.sources = ReadPatterns(config, "sources");
  policy.targets = ReadPatterns(config, "targets");
  policy.stacks = ReadNames(config, "stacks");
  if (config.Has("droplet_bytes_max")) {
    const uint64_t bytes = config.Size("droplet_bytes_max", 0);
    policy.droplet_bytes_max =
        static_cast<int64_t>(std::min<uint64_t>(bytes, static_cast<uint64_t>(kJsonIntegerMax)));
  }
  SLUICE_RETURN_IF_ERROR(config.Finish());
  return policy;
}

StatusOr<Policy> Policy::Load(const Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string yaml, files.Read(path, kPolicyBytesMax));
  SLUICE_ASSIGN_OR_RETURN(Policy policy, Parse(yaml, path));
  const bool narrows = policy.operators || policy.actions || policy.sources || policy.targets ||
                       policy.stacks || policy.droplet_bytes_max;
  if (narrows) return policy;
  // More likely cut short than meant, and it would allow everything.
  return NamedError(StatusCode::kInvalidArgument, "policy-empty",
                    absl::StrCat(path,
                                 " narrows nothing: write a key of a policy, or leave "
                                 "policy_file out"));
}

Status Policy::CheckOrder(const Order& order, std::string_view operator_name,
                          const FoundationName& own) const {
  if (operators.has_value() && !operators->contains(std::string(operator_name))) {
    return DeniedByPolicy("policy-operator", absl::StrCat("operator ", ToAbsl(operator_name)));
  }
  if (actions.has_value() && !actions->contains(order.action)) {
    return DeniedByPolicy("policy-action", absl::StrCat("to ", ToAbsl(ActionName(order.action))));
  }
  if (sources.has_value() && !AnyMatches(*sources, order.source.reference)) {
    return DeniedByPolicy("policy-source",
                          absl::StrCat("droplets from ", order.source.reference.text()));
  }
  for (const OrderTarget& target : order.targets) {
    if (target.reference.foundation != own || !targets.has_value()) continue;
    if (!AnyMatches(*targets, target.reference)) {
      return DeniedByPolicy("policy-target", absl::StrCat("the target ", target.reference.text()));
    }
  }
  if (stacks.has_value() && !stacks->contains(order.artifact.stack)) {
    return DeniedByPolicy("policy-stack", order.artifact.stack.empty()
                                              ? std::string("a droplet of unknown stack")
                                              : absl::StrCat("the stack ", order.artifact.stack));
  }
  if (droplet_bytes_max.has_value() && order.artifact.size_bytes > *droplet_bytes_max) {
    return DeniedByPolicy("policy-droplet-too-large",
                          absl::StrCat("a droplet of ", order.artifact.size_bytes,
                                       " bytes; its limit is ", *droplet_bytes_max));
  }
  return absl::OkStatus();
}

Status Policy::CheckRead(std::string_view operator_name) const {
  if (operators.has_value() && !operators->contains(std::string(operator_name))) {
    return DeniedByPolicy("policy-operator", absl::StrCat("operator ", ToAbsl(operator_name)));
  }
  if (actions.has_value() && !actions->contains(Action::kRead)) {
    return DeniedByPolicy("policy-action", "to read");
  }
  return absl::OkStatus();
}

}  // namespace sluice::trust
