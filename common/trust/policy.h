// An agent's own policy: a file of the foundation's platform team, never fetched, that has the last
// word. It can only narrow what the trust document grants.
//
//   operators: [alice, ci]                 # names in the trust document
//   actions: [read, promote, rollback]     # without export: no droplet leaves by an operator
//   sources: ["dev:acme/*"]                # droplets from where
//   targets: ["prod:acme/payments"]        # into which spaces of this foundation
//   stacks: [cflinuxfs4]
//   droplet_bytes_max: 2147483648
//
// What the file does not mention is not narrowed; an empty list allows nothing. Without a file
// nothing is narrowed: the trust document's grants alone decide.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/trust/order.h"
#include "common/trust/reference.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

struct Policy {
  std::optional<std::set<std::string>> operators;
  std::optional<std::set<Action>> actions;
  std::optional<std::vector<SpacePattern>> sources;
  std::optional<std::vector<SpacePattern>> targets;
  std::optional<std::set<std::string>> stacks;  // an order of unknown stack is refused if given
  std::optional<int64_t> droplet_bytes_max;

  // InvalidArgument "bad-configuration": every mistake on a line of its own, FILE:LINE: what.
  static StatusOr<Policy> Parse(std::string_view yaml, const std::string& file_name);
  // NotFound "no-file" when there is none: the caller says whether that is a mistake.
  // InvalidArgument "policy-empty" when it narrows nothing.
  static StatusOr<Policy> Load(const Files& files, const std::string& path);

  // PermissionDenied by name: policy-operator, policy-action, policy-source, policy-target,
  // policy-stack, policy-droplet-too-large. `own` is this agent's foundation; only its targets are
  // looked at.
  Status CheckOrder(const Order& order, std::string_view operator_name,
                    const FoundationName& own) const;
  // policy-operator or policy-action.
  Status CheckRead(std::string_view operator_name) const;
};

}  // namespace sluice::trust
