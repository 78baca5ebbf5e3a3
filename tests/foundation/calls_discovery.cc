// Discovery, jobs and audit events.
#include <nlohmann/json.hpp>

#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

Response Root(Call& call) {
  const Foundation& foundation = call.foundation;
  const std::string& api = foundation.api_url;
  Json v3 = {{"href", api + "/v3"}, {"meta", {{"version", foundation.options.api_version}}}};
  return JsonResponse(200, {{"links",
                             {{"self", {{"href", api}}},
                              {"cloud_controller_v2", nullptr},
                              {"cloud_controller_v3", v3},
                              {"network_policy_v0", nullptr},
                              {"network_policy_v1", nullptr},
                              {"login", {{"href", foundation.uaa_url}}},
                              {"uaa", {{"href", foundation.uaa_url}}},
                              {"credhub", nullptr},
                              {"routing", nullptr},
                              {"logging", nullptr},
                              {"log_cache", nullptr},
                              {"log_stream", nullptr},
                              {"app_ssh", nullptr}}}});
}

Response V3Root(Call& call) {
  Presenter present(call.foundation);
  Json links = {{"self", present.Link("/v3")}};
  for (const char* resource :
       {"apps", "audit_events", "deployments", "domains", "droplets", "info", "organizations",
        "processes", "roles", "routes", "spaces", "stacks"}) {
    links[resource] = present.Link(std::string("/v3/") + resource);
  }
  return JsonResponse(200, {{"links", links}});
}

Response V3Info(Call& call) {
  Presenter present(call.foundation);
  return JsonResponse(
      200, {{"build", ""},
            {"cli_version", {{"minimum", ""}, {"recommended", ""}}},
            {"custom", Json::object()},
            {"description", "a foundation in a box"},
            {"name", call.foundation.options.name},
            {"version", 0},
            {"osbapi_version", "2.15"},
            {"rate_limits",
             {{"enabled", false}, {"general_limit", 2000}, {"reset_interval_in_minutes", 60}}},
            {"links", {{"self", present.Link("/v3/info")}, {"support", {{"href", ""}}}}}});
}

Response V2Info(Call& call) {
  const std::string& uaa = call.foundation.uaa_url;
  return JsonResponse(200, {{"authorization_endpoint", uaa},
                            {"token_endpoint", uaa},
                            {"api_version", ""},
                            {"support", "CF API v2 is disabled"}});
}

Response ShowJob(Call& call) {
  const Job* job = Find(call.store.jobs, call.captured[0]);
  if (job == nullptr) throw NotFound("Job");
  return JsonResponse(200, Presenter(call.foundation).Of(*job));
}

bool SeesEvent(const Call& call, const AuditEvent& event) {
  return call.ReadsEverything() ||
         call.HasOrganizationRole(event.organization_guid, {"organization_auditor"}) ||
         call.HasSpaceRole(event.space_guid,
                           {"space_auditor", "space_developer", "space_supporter"});
}

Response ListEvents(Call& call) {
  Listing listing(call,
                  {.filters = {"types", "target_guids", "space_guids", "organization_guids"}});
  std::vector<Listing::Row> rows;
  Presenter present(call.foundation);
  for (const AuditEvent* event : Ordered(call.store.events)) {
    bool matches = listing.MatchesRecord(*event) && listing.Matches("types", event->type) &&
                   listing.Matches("target_guids", event->target_guid) &&
                   listing.Matches("space_guids", event->space_guid) &&
                   listing.Matches("organization_guids", event->organization_guid);
    if (listing.Has("target_guids[not]") &&
        listing.Matches("target_guids[not]", event->target_guid)) {
      matches = false;
    }
    if (!matches || !SeesEvent(call, *event)) continue;
    rows.push_back({event, "", [&present, event] { return present.Of(*event); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response ShowEvent(Call& call) {
  const AuditEvent* event = Find(call.store.events, call.captured[0]);
  if (event == nullptr || !SeesEvent(call, *event)) throw NotFound("Event");
  return JsonResponse(200, Presenter(call.foundation).Of(*event));
}

}  // namespace

void AddDiscoveryCalls(CallTable& table) {
  table.Add("GET", "/", Root);
  table.Add("GET", "/v3", V3Root);
  table.Add("GET", "/v3/info", V3Info);
  table.Add("GET", "/v2/info", V2Info);
  table.Add("GET", "/healthz", [](Call&) { return TextResponse(200, "text/plain", "OK"); });
}

void AddJobAndEventCalls(CallTable& table) {
  table.Add("GET", "/v3/jobs/:guid", ShowJob);
  table.Add("GET", "/v3/audit_events", ListEvents);
  table.Add("GET", "/v3/audit_events/:guid", ShowEvent);
}

}  // namespace sluice::box
