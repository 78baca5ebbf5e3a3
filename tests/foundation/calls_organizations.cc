// Organizations, spaces, stacks and roles.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

Organization& VisibleOrganization(Call& call, const std::string& guid) {
  Organization* organization = Find(call.store.organizations, guid);
  if (organization == nullptr || !call.SeesOrganization(guid)) throw NotFound("Organization");
  return *organization;
}

Space& VisibleSpace(Call& call, const std::string& guid) {
  Space* space = Find(call.store.spaces, guid);
  if (space == nullptr || !call.SeesSpace(guid)) throw NotFound("Space");
  return *space;
}

Response ListOrganizations(Call& call) {
  Listing listing(call, {.filters = {"names"}, .order_by_name = true});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Organization* organization : Ordered(call.store.organizations)) {
    if (!call.SeesOrganization(organization->guid) || !listing.MatchesRecord(*organization) ||
        !listing.Matches("names", organization->name, true)) {
      continue;
    }
    rows.push_back({organization, organization->name,
                    [&present, organization] { return present.Of(*organization); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response CreateOrganization(Call& call) {
  const Json& body = call.Body({"name", "suspended", "metadata"});
  if (!call.Admin()) throw NotAuthorized();
  std::string name = body.value("name", "");
  if (name.empty()) throw Unprocessable("Name can't be blank");
  if (call.store.OrganizationNamed(name) != nullptr) {
    throw Unprocessable("Organization '" + name + "' already exists.");
  }
  Organization organization;
  organization.name = name;
  organization.suspended = body.value("suspended", false);
  UpdateMetadata(organization.metadata, body);
  return JsonResponse(
      201, Presenter(call.foundation).Of(call.store.Add(call.store.organizations, organization)));
}

Response UpdateOrganization(Call& call) {
  const Json& body = call.Body({"name", "suspended", "metadata"});
  Organization& organization = VisibleOrganization(call, call.captured[0]);
  if (!call.Admin() && !call.HasOrganizationRole(organization.guid, {"organization_manager"})) {
    throw NotAuthorized();
  }
  organization.name = body.value("name", organization.name);
  organization.suspended = body.value("suspended", organization.suspended);
  UpdateMetadata(organization.metadata, body);
  call.store.Touch(organization);
  return JsonResponse(200, Presenter(call.foundation).Of(organization));
}

Response ListSpaces(Call& call) {
  Listing listing(call, {.filters = {"names", "organization_guids"},
                         .order_by_name = true,
                         .includes = {"organization", "org"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  std::map<std::string, Json> organizations;
  for (const Space* space : Ordered(call.store.spaces)) {
    if (!call.SeesSpace(space->guid) || !listing.MatchesRecord(*space) ||
        !listing.Matches("names", space->name, true) ||
        !listing.Matches("organization_guids", space->organization_guid)) {
      continue;
    }
    rows.push_back({space, space->name, [&present, space] { return present.Of(*space); }});
    organizations[space->organization_guid] =
        present.Of(call.store.organizations.at(space->organization_guid));
  }
  Json page = listing.Page(std::move(rows));
  if (listing.Includes("organization") || listing.Includes("org")) {
    page["included"]["organizations"] = Json::array();
    for (const auto& [guid, shown] : organizations)
      page["included"]["organizations"].push_back(shown);
  }
  return JsonResponse(200, page);
}

Response CreateSpace(Call& call) {
  const Json& body = call.Body({"name", "relationships", "metadata"});
  std::string organization_guid = RelationshipGuid(body, "organization");
  if (!call.store.organizations.contains(organization_guid) ||
      !call.SeesOrganization(organization_guid)) {
    throw Unprocessable(
        "Invalid organization. Ensure the organization exists and you have access to it.");
  }
  if (!call.Admin() && !call.HasOrganizationRole(organization_guid, {"organization_manager"})) {
    throw NotAuthorized();
  }
  Space space;
  space.name = body.value("name", "");
  space.organization_guid = organization_guid;
  if (space.name.empty()) throw Unprocessable("Name can't be blank");
  if (call.store.SpaceNamed(organization_guid, space.name) != nullptr) {
    throw Unprocessable("Name must be unique per organization");
  }
  UpdateMetadata(space.metadata, body);
  return JsonResponse(201, Presenter(call.foundation).Of(call.store.Add(call.store.spaces, space)));
}

Response ListStacks(Call& call) {
  Listing listing(call, {.filters = {"names", "default"}, .order_by_name = true});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Stack* stack : Ordered(call.store.stacks)) {
    bool is_default = stack->name == call.foundation.options.stacks.front();
    if (!listing.MatchesRecord(*stack) || !listing.Matches("names", stack->name) ||
        !listing.Matches("default", is_default ? "true" : "false")) {
      continue;
    }
    rows.push_back({stack, stack->name, [&present, stack] { return present.Of(*stack); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response ShowStack(Call& call) {
  const Stack* stack = Find(call.store.stacks, call.captured[0]);
  if (stack == nullptr) throw NotFound("Stack");
  return JsonResponse(200, Presenter(call.foundation).Of(*stack));
}

bool SeesRole(const Call& call, const Role& role) {
  if (call.ReadsEverything() || role.user_guid == call.actor.guid) return true;
  return role.space_guid.empty() ? call.SeesOrganization(role.organization_guid)
                                 : call.SeesSpace(role.space_guid);
}

Response ListRoles(Call& call) {
  Listing listing(call, {.filters = {"types", "space_guids", "organization_guids", "user_guids"},
                         .includes = {"user", "space", "organization"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Role* role : Ordered(call.store.roles)) {
    if (!SeesRole(call, *role) || !listing.MatchesRecord(*role) ||
        !listing.Matches("types", role->type) ||
        !listing.Matches("space_guids", role->space_guid) ||
        !listing.Matches("organization_guids", role->organization_guid) ||
        !listing.Matches("user_guids", role->user_guid)) {
      continue;
    }
    rows.push_back({role, "", [&present, role] { return present.Of(*role); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response CreateRole(Call& call) {
  const Json& body = call.Body({"type", "relationships"});
  Role role;
  role.type = body.value("type", "");
  role.user_guid = RelationshipGuid(body, "user");
  role.organization_guid = RelationshipGuid(body, "organization");
  role.space_guid = RelationshipGuid(body, "space");
  bool of_space = role.type.starts_with("space_");
  std::string organization_guid =
      of_space ? call.store.OrganizationOf(role.space_guid) : role.organization_guid;
  if (!call.store.organizations.contains(organization_guid)) {
    throw Unprocessable(
        of_space
            ? "Invalid space. Ensure that the space exists and you have access to it."
            : "Invalid organization. Ensure the organization exists and you have access to it.");
  }
  if (!call.Admin() && !call.HasOrganizationRole(organization_guid, {"organization_manager"})) {
    throw NotAuthorized();
  }
  auto has = [&](const std::string& type, bool in_space) {
    return std::any_of(call.store.roles.begin(), call.store.roles.end(), [&](const auto& entry) {
      const Role& other = entry.second;
      return other.type == type && other.user_guid == role.user_guid &&
             (in_space ? other.space_guid == role.space_guid
                       : other.organization_guid == organization_guid);
    });
  };
  if (of_space && !has("organization_user", false)) {
    throw Unprocessable(
        "Users cannot be assigned roles in a space if they do not have a role in that space's "
        "organization.");
  }
  if (has(role.type, of_space)) {
    throw Unprocessable("User '" + role.user_guid + "' already has '" + role.type + "' role.");
  }
  return JsonResponse(201, Presenter(call.foundation).Of(call.store.Add(call.store.roles, role)));
}

Response DeleteRole(Call& call) {
  Role* role = Find(call.store.roles, call.captured[0]);
  if (role == nullptr || !SeesRole(call, *role)) throw NotFound("Role");
  if (!call.Admin()) throw NotAuthorized();
  Job job;
  job.operation = "role.delete";
  job.state = "COMPLETE";
  call.store.roles.erase(role->guid);
  return AcceptedWithJob(call.foundation, call.store.Add(call.store.jobs, job));
}

}  // namespace

void AddOrganizationCalls(CallTable& table) {
  table.Add("GET", "/v3/organizations", ListOrganizations);
  table.Add("POST", "/v3/organizations", CreateOrganization);
  table.Add("GET", "/v3/organizations/:guid", [](Call& call) {
    return JsonResponse(200,
                        Presenter(call.foundation).Of(VisibleOrganization(call, call.captured[0])));
  });
  table.Add("PATCH", "/v3/organizations/:guid", UpdateOrganization);
  table.Add("GET", "/v3/spaces", ListSpaces);
  table.Add("POST", "/v3/spaces", CreateSpace);
  table.Add("GET", "/v3/spaces/:guid", [](Call& call) {
    return JsonResponse(200, Presenter(call.foundation).Of(VisibleSpace(call, call.captured[0])));
  });
  table.Add("GET", "/v3/stacks", ListStacks);
  table.Add("GET", "/v3/stacks/:guid", ShowStack);
  table.Add("GET", "/v3/roles", ListRoles);
  table.Add("POST", "/v3/roles", CreateRole);
  table.Add("DELETE", "/v3/roles/:guid", DeleteRole);
}

}  // namespace sluice::box
