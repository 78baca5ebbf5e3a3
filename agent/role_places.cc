#include "agent/role_places.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/logging.h"

namespace sluice::agent {
namespace {

// Of spaces that may be told of, and of their organizations.
struct PlaceNames {
  std::map<SpaceGuid, std::pair<std::string, std::string>> spaces;  // organization and space
  std::map<OrganizationGuid, std::string> organizations;
};

StatusOr<PlaceNames> FindNames(foundation::CloudController& cloud_controller,
                               const std::vector<foundation::Role>& roles, const MayRead& may_read,
                               const std::stop_token& stop) {
  std::set<SpaceGuid> space_guids;
  for (const foundation::Role& role : roles) {
    if (role.space_guid) space_guids.insert(*role.space_guid);
  }
  SLUICE_ASSIGN_OR_RETURN(const auto spaces, cloud_controller.ListSpaces(space_guids, stop));
  std::set<OrganizationGuid> organization_guids;
  for (const foundation::Space& space : spaces) organization_guids.insert(space.organization_guid);
  SLUICE_ASSIGN_OR_RETURN(const auto organizations,
                          cloud_controller.ListOrganizations(organization_guids, stop));
  std::map<OrganizationGuid, std::string> organization_names;
  for (const foundation::Organization& each : organizations) {
    organization_names[each.guid] = each.name;
  }
  PlaceNames names;
  for (const foundation::Space& space : spaces) {
    const auto organization = organization_names.find(space.organization_guid);
    if (organization == organization_names.end()) continue;
    if (!may_read(organization->second, space.name)) continue;
    names.spaces[space.guid] = {organization->second, space.name};
    names.organizations.insert(*organization);
  }
  return names;
}

}  // namespace

std::vector<PlacedRole> PlaceRoles(foundation::CloudController& cloud_controller,
                                   const std::vector<foundation::Role>& roles,
                                   const MayRead& may_read, const std::stop_token& stop) {
  const auto found = FindNames(cloud_controller, roles, may_read, stop);
  if (!found.ok()) LogStatus(LogLevel::kWarning, "role-places-unknown", found.status());
  const PlaceNames names = found.value_or(PlaceNames());
  std::vector<PlacedRole> placed;
  for (const foundation::Role& role : roles) {
    PlacedRole place;
    place.role = role.type;
    place.organization_guid = role.organization_guid.value_or(OrganizationGuid());
    place.space_guid = role.space_guid.value_or(SpaceGuid());
    if (const auto space = names.spaces.find(place.space_guid); space != names.spaces.end()) {
      std::tie(place.organization, place.space) = space->second;
    } else if (const auto organization = names.organizations.find(place.organization_guid);
               organization != names.organizations.end()) {
      place.organization = organization->second;
    }
    placed.push_back(std::move(place));
  }
  return placed;
}

}  // namespace sluice::agent
