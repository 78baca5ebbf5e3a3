#include "coordinator/cli/rendering/listing_text.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/listings.h"
#include "coordinator/cli/rendering/table.h"
#include "coordinator/cli/rendering/text.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json OrNull(const std::optional<int64_t>& number) { return number ? json(*number) : json(nullptr); }

std::string Milliseconds(const std::optional<int64_t>& number) {
  return number ? absl::StrCat(*number, "ms") : "";
}

// Where a role holds, as people write it; "" when no name is known.
std::string PlaceOf(const FoundationRole& role) {
  return role.space.empty() ? role.organization : absl::StrCat(role.organization, "/", role.space);
}

// Which, and where, or how many of each when they are many: the JSON has all.
std::string Roles(const FoundationRow& row) {
  constexpr size_t kNamedMax = 3;  // of one kind
  std::map<std::string, std::vector<std::string>> places;
  for (const FoundationRole& role : row.roles) places[role.role].push_back(PlaceOf(role));
  std::vector<std::string> roles;
  for (auto& [role, where] : places) {
    const size_t count = where.size();
    std::erase(where, "");
    if (count <= kNamedMax && where.size() == count) {
      roles.push_back(absl::StrCat(role, " in ", absl::StrJoin(where, " and ")));
    } else {
      roles.push_back(count == 1 ? role : absl::StrCat(count, " ", role));
    }
  }
  return absl::StrJoin(roles, ", ");
}

std::string Problems(const FoundationRow& row) {
  std::vector<std::string> problems;
  for (const FoundationProblem& problem : row.problems) {
    problems.push_back(problem.remedy.empty()
                           ? problem.message
                           : absl::StrCat(problem.message, " (", problem.remedy, ")"));
  }
  return absl::StrJoin(problems, "; ");
}

// Why a login failed stands once in the row, as a problem.
std::string Login(const FoundationRow& row) {
  return row.login.empty() || row.login == "ok" || row.problems.empty() ? row.login : "fails";
}

json FoundationJson(const FoundationRow& row) {
  json roles = json::array();
  for (const FoundationRole& role : row.roles) {
    roles.push_back({{"role", role.role},
                     {"organization", OrNull(role.organization_guid)},
                     {"space", OrNull(role.space_guid)},
                     {"organization_name", OrNull(role.organization)},
                     {"space_name", OrNull(role.space)}});
  }
  json problems = json::array();
  for (const FoundationProblem& problem : row.problems) {
    problems.push_back(
        {{"name", problem.name}, {"message", problem.message}, {"remedy", problem.remedy}});
  }
  return {{"name", row.name},
          {"connected", row.connected},
          {"since", row.since_milliseconds == 0 ? json(nullptr)
                                                : json(FormatMilliseconds(row.since_milliseconds))},
          {"agent", OrNull(row.agent)},
          {"agent_version", OrNull(row.agent_version)},
          {"cc_version", OrNull(row.cc_version)},
          {"api", OrNull(row.api)},
          {"login", OrNull(row.login)},
          {"client_id", OrNull(row.client_id)},
          {"scopes", row.scopes},
          {"roles", roles},
          {"clock_skew_milliseconds", OrNull(row.clock_skew_milliseconds)},
          {"latency_milliseconds", OrNull(row.latency_milliseconds)},
          {"problems", problems}};
}

json DropletJson(const ListedDroplet& droplet) {
  return {{"guid", droplet.guid},
          {"state", OrNull(droplet.state)},
          {"sha256", OrNull(droplet.sha256)},
          {"checksum_type", OrNull(droplet.checksum_type)},
          {"created_at", OrNull(droplet.created_at)},
          {"stack", OrNull(droplet.stack)},
          {"buildpacks", droplet.buildpacks},
          {"origin", OrNull(droplet.origin)},
          {"current", droplet.current}};
}

std::string Digest(const ListedDroplet& droplet) {
  if (!droplet.sha256.empty()) return droplet.sha256;
  return droplet.checksum_type.empty() ? "" : absl::StrCat("only ", droplet.checksum_type);
}

}  // namespace

std::string RenderFoundations(const std::vector<FoundationRow>& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const FoundationRow& row : rows) {
    cells.push_back({row.name, row.connected ? "yes" : "no", row.cc_version, Login(row), Roles(row),
                     Milliseconds(row.clock_skew_milliseconds),
                     Milliseconds(row.latency_milliseconds), Problems(row)});
  }
  return RenderTable({"NAME", "CONNECTED", "CC", "LOGIN", "ROLES", "SKEW", "LATENCY", "PROBLEM"},
                     cells);
}

json FoundationsJson(const std::vector<FoundationRow>& rows) {
  json list = json::array();
  for (const FoundationRow& row : rows) list.push_back(FoundationJson(row));
  return {{"foundations", list}};
}

std::string RenderApps(const std::vector<ListedApp>& apps) {
  std::vector<std::vector<std::string>> cells;
  for (const ListedApp& app : apps) {
    cells.push_back({app.organization, app.space, app.name, app.state, app.lifecycle, app.stack,
                     app.droplet ? Digest(*app.droplet) : "none"});
  }
  return RenderTable({"ORG", "SPACE", "APP", "STATE", "LIFECYCLE", "STACK", "DROPLET SHA256"},
                     cells);
}

json AppsJson(std::string_view foundation, const std::vector<ListedApp>& apps) {
  json list = json::array();
  for (const ListedApp& app : apps) {
    list.push_back({{"organization", app.organization},
                    {"space", app.space},
                    {"name", app.name},
                    {"guid", app.guid},
                    {"state", OrNull(app.state)},
                    {"lifecycle", OrNull(app.lifecycle)},
                    {"stack", OrNull(app.stack)},
                    {"droplet", app.droplet ? json{{"guid", app.droplet->guid},
                                                   {"sha256", OrNull(app.droplet->sha256)},
                                                   {"created_at", OrNull(app.droplet->created_at)}}
                                            : json(nullptr)}});
  }
  return {{"foundation", std::string(foundation)}, {"apps", list}};
}

std::string RenderDroplets(const std::vector<ListedDroplet>& droplets) {
  std::vector<std::vector<std::string>> cells;
  for (const ListedDroplet& droplet : droplets) {
    cells.push_back({droplet.current ? "*" : "", droplet.guid, droplet.state, Digest(droplet),
                     droplet.created_at, droplet.stack, absl::StrJoin(droplet.buildpacks, ","),
                     droplet.origin});
  }
  return RenderTable(
      {"CURRENT", "GUID", "STATE", "SHA256", "CREATED", "STACK", "BUILDPACKS", "ORIGIN"}, cells);
}

json DropletsJson(std::string_view app, const std::vector<ListedDroplet>& droplets) {
  json list = json::array();
  for (const ListedDroplet& droplet : droplets) list.push_back(DropletJson(droplet));
  return {{"app", std::string(app)}, {"droplets", list}};
}

}  // namespace sluice::cli
