// The readers for what surrounds apps: stacks, routes, roles, quotas, events, the root document.
#include <utility>

#include "agent/foundation/cc_json.h"
#include "agent/foundation/json_fields.h"
#include "agent/foundation/query.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {

using nlohmann::json;

StatusOr<Stack> ReadStack(const json& value) {
  JsonFields fields(value, "stack");
  Stack stack{.guid = fields.Text("guid"),
              .name = fields.Text("name"),
              .state = fields.OptionalText("state")};
  return Finish(std::move(stack), fields);
}

StatusOr<Route> ReadRoute(const json& value) {
  JsonFields fields(value, "route");
  Route route{.guid = fields.Text("guid"), .url = fields.OptionalText("url")};
  return Finish(std::move(route), fields);
}

StatusOr<Sidecar> ReadSidecar(const json& value) {
  JsonFields fields(value, "sidecar");
  Sidecar sidecar{.guid = fields.Text("guid"),
                  .name = fields.Text("name"),
                  .command = fields.OptionalText("command"),
                  .process_types = fields.TextList("process_types"),
                  .memory_in_mb = fields.Number("memory_in_mb"),
                  .origin = fields.OptionalText("origin")};
  return Finish(std::move(sidecar), fields);
}

StatusOr<Role> ReadRole(const json& value) {
  JsonFields fields(value, "role");
  Role role{.type = fields.Text("type"), .organization_guid = {}, .space_guid = {}};
  std::string organization = fields.OptionalText("relationships.organization.data.guid");
  std::string space = fields.OptionalText("relationships.space.data.guid");
  if (!organization.empty()) role.organization_guid = OrganizationGuid(std::move(organization));
  if (!space.empty()) role.space_guid = SpaceGuid(std::move(space));
  return Finish(std::move(role), fields);
}

StatusOr<AuditEvent> ReadAuditEvent(const json& value) {
  JsonFields fields(value, "audit event");
  AuditEvent event{.guid = fields.Text("guid"),
                   .type = fields.Text("type"),
                   .actor_guid = fields.OptionalText("actor.guid"),
                   .created_at = fields.Time("created_at").value_or(absl::InfinitePast()),
                   .reason = fields.OptionalText("data.reason"),
                   .exit_description = fields.OptionalText("data.exit_description"),
                   .exit_status = fields.Number("data.exit_status").value_or(0),
                   .index = fields.Number("data.index").value_or(0),
                   .droplet_guid = DropletGuid(fields.OptionalText("data.droplet_guid")),
                   .package_guid = fields.OptionalText("data.package_guid")};
  return Finish(std::move(event), fields);
}

StatusOr<QuotaLimits> ReadQuotaLimits(const json& value) {
  JsonFields fields(value, "quota");
  QuotaLimits limits{.guid = fields.Text("guid"),
                     .name = fields.Text("name"),
                     .total_memory_in_mb = fields.Number("apps.total_memory_in_mb"),
                     .per_process_memory_in_mb = fields.Number("apps.per_process_memory_in_mb"),
                     .total_instances = fields.Number("apps.total_instances")};
  return Finish(std::move(limits), fields);
}

StatusOr<Endpoints> ReadEndpoints(const json& value) {
  JsonFields fields(value, "root document");
  Endpoints endpoints{.api_url = "",
                      .login_url = WithoutTrailingSlash(fields.OptionalText("links.login.href")),
                      .uaa_url = WithoutTrailingSlash(fields.OptionalText("links.uaa.href")),
                      .api_version = fields.Text("links.cloud_controller_v3.meta.version")};
  // Without a login server of its own a foundation may name only its UAA.
  if (endpoints.login_url.empty()) endpoints.login_url = endpoints.uaa_url;
  if (endpoints.login_url.empty()) fields.Fail("links.login.href", "is missing");
  return Finish(std::move(endpoints), fields);
}

}  // namespace sluice::foundation
