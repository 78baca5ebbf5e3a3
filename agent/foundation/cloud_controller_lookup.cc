// What is where: organizations, spaces, apps, stacks, quotas and roles.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/json_fields.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;

constexpr size_t kNameBytesMax = 100;

// Cloud Controller finds names without regard to case; the one that is written exactly so counts.
// `kind` is org, space, app or stack, as in the errors' names; `place` begins with " in " or is
// empty; `remedy` says what to do when there is none.
template <typename T>
StatusOr<T> OnlyOne(std::vector<T> found, std::string_view name, std::string_view kind,
                    const std::string& foundation, const std::string& place,
                    const std::string& remedy) {
  const std::string shown = Excerpt(name, kNameBytesMax);
  std::vector<T> exact;
  for (T& candidate : found) {
    if (candidate.name == name) exact.push_back(std::move(candidate));
  }
  if (exact.size() == 1) return std::move(exact.front());
  if (exact.size() > 1) {
    return NamedError(
        StatusCode::kInvalidArgument, absl::StrCat("ambiguous-", ToAbsl(kind)),
        absl::StrFormat("%s: %d %ss%s are named \"%s\"; a name must mean one: rename the others",
                        foundation, exact.size(), kind, place, shown));
  }
  return NamedError(
      StatusCode::kNotFound, absl::StrCat("no-", ToAbsl(kind)),
      absl::StrFormat("%s: there is no %s \"%s\"%s that the agent's client can see; %s", foundation,
                      kind, shown, place,
                      found.empty() ? remedy : std::string("one differs only in case")));
}

constexpr char kRoleRemedy[] =
    "check the name, or give the client a role there (sluice-agent doctor --grants)";

std::string In(std::string_view organization) {
  return absl::StrCat(" in ", Excerpt(organization, kNameBytesMax));
}

// The value at `path` of a resource; "" when it is null or missing.
StatusOr<std::string> TextOf(ApiSession& session, const std::string& resource,
                             std::string_view path, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const json shown, session.Get(resource, std::move(stop)));
  JsonFields fields(shown, "resource");
  std::string text = fields.OptionalText(path);
  if (!fields.status().ok()) return WithContext(fields.status(), session.Where("GET", resource));
  return text;
}

// The quota that `resource` is bound to; nothing when it has none, or this client may not see it.
StatusOr<std::optional<QuotaLimits>> QuotaOf(ApiSession& session, const std::string& resource,
                                             std::string_view quotas, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const std::string guid,
                          TextOf(session, resource, "relationships.quota.data.guid", stop));
  if (guid.empty()) return std::nullopt;
  const std::string path = absl::StrCat(ToAbsl(quotas), "/", PathSegment(guid));
  auto limits = GetOne(session, path, &ReadQuotaLimits, std::move(stop));
  if (ErrorName(limits.status()) == "cc-10010") return std::nullopt;
  if (!limits.ok()) return limits.status();
  return *std::move(limits);
}

struct Usage {
  std::optional<int64_t> memory_in_mb;
  std::optional<int64_t> started_instances;
};

// Nothing where Cloud Controller is older than the call.
StatusOr<Usage> UsageOf(ApiSession& session, const std::string& resource, std::stop_token stop) {
  const std::string path = absl::StrCat(resource, "/usage_summary");
  const StatusOr<json> shown = session.Get(path, std::move(stop));
  if (shown.status().code() == StatusCode::kNotFound) return Usage{};
  if (!shown.ok()) return shown.status();
  JsonFields fields(*shown, "usage summary");
  const Usage usage{.memory_in_mb = fields.Number("usage_summary.memory_in_mb"),
                    .started_instances = fields.Number("usage_summary.started_instances")};
  if (!fields.status().ok()) return WithContext(fields.status(), session.Where("GET", path));
  return usage;
}

// The resources of a list with these guids, asked for by as many at a time as fit into a URL.
template <typename T, typename Guid>
StatusOr<std::vector<T>> GetThese(ApiSession& session, std::string_view path,
                                  const std::set<Guid>& guids, Reader<T> read,
                                  std::stop_token stop) {
  constexpr size_t kGuidsPerRequest = 50;
  std::vector<T> found;
  for (auto next = guids.begin(); next != guids.end();) {
    std::vector<std::string> asked;
    for (; next != guids.end() && asked.size() < kGuidsPerRequest; ++next) {
      asked.push_back(next->value());
    }
    SLUICE_ASSIGN_OR_RETURN(auto some,
                            GetAll(session, path, Query().WithList("guids", asked), read, stop));
    for (T& each : some) found.push_back(std::move(each));
  }
  return found;
}

StatusOr<std::vector<App>> AppsNamed(ApiSession& session, const SpaceGuid& space,
                                     std::string_view name, std::stop_token stop) {
  const Query query =
      Query().WithList("names", {std::string(name)}).WithList("space_guids", {space.value()});
  return GetAll(session, "/v3/apps", query, &ReadApp, std::move(stop));
}

}  // namespace

StatusOr<Organization> CloudController::FindOrganization(std::string_view name,
                                                         std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(auto found, GetAll(*session_, "/v3/organizations",
                                             Query().WithList("names", {std::string(name)}),
                                             &ReadOrganization, std::move(stop)));
  return OnlyOne(std::move(found), name, "org", options_.foundation, "", kRoleRemedy);
}

StatusOr<Space> CloudController::FindSpace(const Organization& organization, std::string_view name,
                                           std::stop_token stop) {
  const Query query = Query()
                          .WithList("names", {std::string(name)})
                          .WithList("organization_guids", {organization.guid.value()});
  SLUICE_ASSIGN_OR_RETURN(auto found,
                          GetAll(*session_, "/v3/spaces", query, &ReadSpace, std::move(stop)));
  return OnlyOne(std::move(found), name, "space", options_.foundation, In(organization.name),
                 kRoleRemedy);
}

StatusOr<App> CloudController::FindApp(const SpaceGuid& space, std::string_view name,
                                       std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(auto found, AppsNamed(*session_, space, name, std::move(stop)));
  return OnlyOne(std::move(found), name, "app", options_.foundation, "", kRoleRemedy);
}

StatusOr<AppPlace> CloudController::FindAppPlace(std::string_view organization,
                                                 std::string_view space, std::string_view app,
                                                 std::stop_token stop) {
  AppPlace place;
  SLUICE_ASSIGN_OR_RETURN(place.organization, FindOrganization(organization, stop));
  SLUICE_ASSIGN_OR_RETURN(place.space, FindSpace(place.organization, space, stop));
  SLUICE_ASSIGN_OR_RETURN(auto found, AppsNamed(*session_, place.space.guid, app, std::move(stop)));
  const std::string where = absl::StrCat(place.organization.name, "/", place.space.name);
  SLUICE_ASSIGN_OR_RETURN(
      place.app,
      OnlyOne(std::move(found), app, "app", options_.foundation, In(where),
              absl::StrCat("those that it sees: sluice apps ", options_.foundation, ":", where)));
  return place;
}

StatusOr<App> CloudController::GetApp(const AppGuid& app, std::stop_token stop) {
  auto found = GetOne(*session_, absl::StrCat("/v3/apps/", PathSegment(app.value())), &ReadApp,
                      std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-app");
  return found;
}

StatusOr<std::vector<AppPlace>> CloudController::ListApps(std::string_view organization,
                                                          std::optional<std::string_view> space,
                                                          std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const Organization found, FindOrganization(organization, stop));
  const Query in_organization = Query().WithList("organization_guids", {found.guid.value()});
  std::map<SpaceGuid, Space> spaces;
  Query query = in_organization;
  if (space) {
    SLUICE_ASSIGN_OR_RETURN(Space only, FindSpace(found, *space, stop));
    query.WithList("space_guids", {only.guid.value()});
    spaces.emplace(only.guid, only);
  } else {
    SLUICE_ASSIGN_OR_RETURN(auto all,
                            GetAll(*session_, "/v3/spaces", in_organization, &ReadSpace, stop));
    for (Space& each : all) spaces.emplace(each.guid, each);
  }
  SLUICE_ASSIGN_OR_RETURN(auto apps, GetAll(*session_, "/v3/apps", query.With("order_by", "name"),
                                            &ReadApp, std::move(stop)));
  std::vector<AppPlace> places;
  for (App& app : apps) {
    // A space that was made after the spaces were read belongs to the next listing.
    const auto where = spaces.find(app.space_guid);
    if (where == spaces.end()) continue;
    places.push_back({.organization = found, .space = where->second, .app = std::move(app)});
  }
  return places;
}

StatusOr<std::vector<Organization>> CloudController::ListOrganizations(
    const std::set<OrganizationGuid>& guids, std::stop_token stop) {
  return GetThese<Organization>(*session_, "/v3/organizations", guids, &ReadOrganization,
                                std::move(stop));
}

StatusOr<std::vector<Space>> CloudController::ListSpaces(const std::set<SpaceGuid>& guids,
                                                         std::stop_token stop) {
  return GetThese<Space>(*session_, "/v3/spaces", guids, &ReadSpace, std::move(stop));
}

StatusOr<Stack> CloudController::FindStack(std::string_view name, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(
      auto found, GetAll(*session_, "/v3/stacks", Query().WithList("names", {std::string(name)}),
                         &ReadStack, std::move(stop)));
  return OnlyOne(std::move(found), name, "stack", options_.foundation, "",
                 "'cf stacks' lists those it has");
}

StatusOr<QuotaFacts> CloudController::GetQuota(const Space& space, std::stop_token stop) {
  const std::string space_path = absl::StrCat("/v3/spaces/", PathSegment(space.guid.value()));
  const std::string organization_path =
      absl::StrCat("/v3/organizations/", PathSegment(space.organization_guid.value()));
  QuotaFacts facts;
  SLUICE_ASSIGN_OR_RETURN(facts.organization,
                          QuotaOf(*session_, organization_path, "/v3/organization_quotas", stop));
  SLUICE_ASSIGN_OR_RETURN(facts.space, QuotaOf(*session_, space_path, "/v3/space_quotas", stop));
  SLUICE_ASSIGN_OR_RETURN(const Usage organization, UsageOf(*session_, organization_path, stop));
  facts.organization_memory_used_in_mb = organization.memory_in_mb;
  facts.organization_instances_started = organization.started_instances;
  SLUICE_ASSIGN_OR_RETURN(const Usage used, UsageOf(*session_, space_path, stop));
  facts.space_memory_used_in_mb = used.memory_in_mb;
  facts.space_instances_started = used.started_instances;
  return facts;
}

StatusOr<std::vector<Role>> CloudController::ListOwnRoles(std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const AccessToken token, session_->Token(stop));
  // A UAA client acts as a user whose guid is its id.
  return GetAll(*session_, "/v3/roles", Query().WithList("user_guids", {token.client_id}),
                &ReadRole, std::move(stop));
}

}  // namespace sluice::foundation
