#include "agent/foundation/grants.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace sluice::foundation {
namespace {

// One word for a POSIX shell, whatever it holds.
std::string Quoted(std::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(ToAbsl(text), {{"'", "'\\''"}}), "'");
}

// What the client needs of Cloud Controller as a whole; roles say where.
std::vector<std::string> MissingScopes(const GrantsRequest& request, const ProbeFacts& facts) {
  std::vector<std::string> missing;
  const bool reads = request.reads_droplets || request.writes_droplets;
  if (reads && !facts.MayRead()) missing.emplace_back("cloud_controller.read");
  if (request.writes_droplets && !facts.MayWrite()) missing.emplace_back("cloud_controller.write");
  return missing;
}

std::vector<std::string> ClientCommands(const GrantsRequest& request, const ProbeFacts& facts) {
  const std::vector<std::string> missing = MissingScopes(request, facts);
  if (missing.empty()) return {};
  const bool known = facts.login.ok();
  // An update replaces all authorities: those that are there are named again.
  std::set<std::string> authorities(missing.begin(), missing.end());
  authorities.insert(facts.scopes.begin(), facts.scopes.end());
  std::vector<std::string> commands = {
      known ? "# Authorities that the UAA client lacks (uaac asks for the admin client's secret):"
            : "# The UAA client of the agent (uaac asks for the admin client's secret and for the "
              "new one's):",
      absl::StrCat("uaac target ", Quoted(request.uaa_url)), "uaac token client get admin"};
  commands.push_back(absl::StrCat(known ? "uaac client update " : "uaac client add ",
                                  Quoted(request.client_id),
                                  known ? "" : " --authorized_grant_types client_credentials",
                                  " --authorities ", Quoted(absl::StrJoin(authorities, ","))));
  return commands;
}

// The role that is missing in `space`, as `cf set-space-role` names it; "" for none. A developer
// may do all; an auditor may read droplets and download them (Cloud Foundry's documentation of
// roles and permissions).
std::string_view MissingRole(const GrantsRequest& request, const ProbeFacts& facts,
                             const SpaceGuid& space) {
  if (facts.HasSpaceRole("space_developer", space)) return "";
  if (request.writes_droplets) return facts.WritesEverything() ? "" : "SpaceDeveloper";
  const bool reads = facts.ReadsEverything() || facts.HasSpaceRole("space_auditor", space) ||
                     facts.HasSpaceRole("space_manager", space);
  return !request.reads_droplets || reads ? "" : "SpaceAuditor";
}

std::vector<std::string> RoleCommands(const GrantsRequest& request, const ProbeFacts& facts) {
  std::vector<std::string> commands;
  for (const SpacePlace& place : request.spaces) {
    const std::string_view role = MissingRole(request, facts, place.space_guid);
    if (role.empty()) continue;
    commands.push_back(absl::StrCat("cf set-space-role ", Quoted(request.client_id), " ",
                                    Quoted(place.organization), " ", Quoted(place.space), " ",
                                    ToAbsl(role), " --client"));
  }
  if (commands.empty()) return {};
  commands.insert(commands.begin(),
                  {"# Roles that the client lacks (log in as somebody who may grant them):",
                   absl::StrCat("cf api ", Quoted(request.api_url)), "cf login"});
  return commands;
}

}  // namespace

std::vector<std::string> MissingGrants(const GrantsRequest& request, const ProbeFacts& facts) {
  std::vector<std::string> commands = ClientCommands(request, facts);
  for (std::string& command : RoleCommands(request, facts)) commands.push_back(std::move(command));
  return commands;
}

}  // namespace sluice::foundation
