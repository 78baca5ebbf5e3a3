// What agents tell of their foundations, apps and droplets, taken out of their answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace sluice::cli {

struct FoundationRole {
  std::string role;
  std::string organization;  // by name; "" when the role is the space's, or nobody may know
  std::string space;
  std::string organization_guid;  // of the role itself
  std::string space_guid;
};

struct FoundationProblem {
  std::string name;
  std::string message;
  std::string remedy;
};

// A foundation as its agent sees it, beside what the coordinator knows of the agent.
struct FoundationRow {
  std::string name;
  bool connected = false;
  int64_t since_milliseconds = 0;
  std::string agent;  // key id
  std::string agent_version;
  std::string cc_version;
  std::string api;
  std::string login;  // "ok", or what went wrong
  std::string client_id;
  std::vector<FoundationRole> roles;
  std::vector<std::string> scopes;
  std::optional<int64_t> clock_skew_milliseconds;
  std::optional<int64_t> latency_milliseconds;
  std::vector<FoundationProblem> problems;
};

struct ListedDroplet {
  std::string guid;
  std::string state;
  std::string sha256;  // "" when Cloud Controller has none
  std::string checksum_type;
  std::string created_at;
  std::string stack;
  std::vector<std::string> buildpacks;
  std::string origin;
  bool current = false;
};

struct ListedApp {
  std::string organization;
  std::string space;
  std::string name;
  std::string guid;
  std::string state;
  std::string lifecycle;
  std::string stack;
  std::optional<ListedDroplet> droplet;  // the current one
};

// Each from an agent's answer. Internal "bad-answer".
// `row` with what its agent answered added.
StatusOr<FoundationRow> TakeFoundation(std::string_view answer, FoundationRow row);
StatusOr<std::vector<ListedApp>> TakeApps(std::string_view foundation, std::string_view answer);
StatusOr<std::vector<ListedDroplet>> TakeDroplets(std::string_view foundation,
                                                  std::string_view answer);

}  // namespace sluice::cli
