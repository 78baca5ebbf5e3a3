// Domains, routes and their destinations.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

Response ListDomains(Call& call) {
  Listing listing(call, {.filters = {"names", "organization_guids"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Domain* domain : Ordered(call.store.domains)) {
    if (!listing.MatchesRecord(*domain) || !listing.Matches("names", domain->name, true)) continue;
    rows.push_back({domain, domain->name, [&present, domain] { return present.Of(*domain); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response ShowDomain(Call& call) {
  const Domain* domain = Find(call.store.domains, call.captured[0]);
  if (domain == nullptr) throw NotFound("Domain");
  return JsonResponse(200, Presenter(call.foundation).Of(*domain));
}

Response ShowDefaultDomain(Call& call) {
  std::vector<const Domain*> domains = Ordered(call.store.domains);
  if (domains.empty() || !call.SeesOrganization(call.captured[0])) throw NotFound("Domain");
  return JsonResponse(200, Presenter(call.foundation).Of(*domains.front()));
}

Response CreateDomain(Call& call) {
  const Json& body = call.Body({"name", "internal", "relationships", "metadata"});
  if (!call.Admin()) throw NotAuthorized();
  Domain domain;
  domain.name = body.value("name", "");
  if (domain.name.empty()) throw Unprocessable("Name can't be blank");
  for (const auto& [guid, other] : call.store.domains) {
    if (EqualWithoutCase(other.name, domain.name)) {
      throw Unprocessable("The domain name \"" + domain.name +
                          "\" is already reserved by another domain or route.");
    }
  }
  UpdateMetadata(domain.metadata, body);
  return JsonResponse(201,
                      Presenter(call.foundation).Of(call.store.Add(call.store.domains, domain)));
}

bool HasDestination(const Route& route, const std::string& app_guid) {
  return std::any_of(route.destinations.begin(), route.destinations.end(),
                     [&](const Destination& to) { return to.app_guid == app_guid; });
}

bool MatchesApp(const Listing& listing, const Route& route) {
  return !listing.Has("app_guids") ||
         std::any_of(
             route.destinations.begin(), route.destinations.end(),
             [&](const Destination& to) { return listing.Matches("app_guids", to.app_guid); });
}

Response ListRoutes(Call& call, const std::string& app_guid) {
  Listing listing(call, {.filters = {"hosts", "paths", "ports", "domain_guids", "app_guids",
                                     "space_guids", "organization_guids", "service_instance_guids"},
                         .includes = {"domain", "space", "space.organization"}});
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  std::map<std::string, Json> domains;
  for (const Route* route : Ordered(call.store.routes)) {
    if (!call.SeesSpace(route->space_guid) || !listing.MatchesRecord(*route) ||
        (!app_guid.empty() && !HasDestination(*route, app_guid)) || !MatchesApp(listing, *route) ||
        !listing.Matches("hosts", route->host) || !listing.Matches("paths", route->path) ||
        !listing.Matches("domain_guids", route->domain_guid) ||
        !listing.Matches("space_guids", route->space_guid) ||
        !listing.Matches("organization_guids", call.store.OrganizationOf(route->space_guid)) ||
        listing.Has("ports") || listing.Has("service_instance_guids")) {
      continue;
    }
    rows.push_back({route, "", [&present, route] { return present.Of(*route); }});
    domains[route->domain_guid] = present.Of(call.store.domains.at(route->domain_guid));
  }
  Json page = listing.Page(std::move(rows));
  if (listing.Includes("domain")) {
    page["included"]["domains"] = Json::array();
    for (const auto& [guid, shown] : domains) page["included"]["domains"].push_back(shown);
  }
  return JsonResponse(200, page);
}

Response CreateRoute(Call& call) {
  const Json& body = call.Body({"host", "path", "port", "relationships", "metadata", "options"});
  Route route;
  route.host = body.value("host", "");
  route.path = body.value("path", "");
  route.domain_guid = RelationshipGuid(body, "domain");
  route.space_guid = RelationshipGuid(body, "space");
  if (!call.store.spaces.contains(route.space_guid) || !call.SeesSpace(route.space_guid)) {
    throw Unprocessable("Invalid space. Ensure that the space exists and you have access to it.");
  }
  const Domain* domain = Find(call.store.domains, route.domain_guid);
  if (domain == nullptr) {
    throw Unprocessable("Invalid domain. Ensure that the domain exists and you have access to it.");
  }
  call.RequireWrite(call.Operates(route.space_guid), route.space_guid);
  for (const auto& [guid, other] : call.store.routes) {
    if (other.domain_guid == route.domain_guid && EqualWithoutCase(other.host, route.host) &&
        other.path == route.path) {
      throw Unprocessable("Route already exists with host '" + route.host + "'" +
                          (route.path.empty() ? "" : " and path '" + route.path + "'") +
                          " for domain '" + domain->name + "'.");
    }
  }
  UpdateMetadata(route.metadata, body);
  return JsonResponse(201, Presenter(call.foundation).Of(call.store.Add(call.store.routes, route)));
}

Route& VisibleRoute(Call& call) {
  Route* route = Find(call.store.routes, call.captured[0]);
  if (route == nullptr || !call.SeesSpace(route->space_guid)) throw NotFound("Route");
  return *route;
}

Response UpdateRoute(Call& call) {
  const Json& body = call.Body({"metadata", "options"});
  Route& route = VisibleRoute(call);
  call.RequireWrite(call.Operates(route.space_guid), route.space_guid);
  UpdateMetadata(route.metadata, body);
  call.store.Touch(route);
  return JsonResponse(200, Presenter(call.foundation).Of(route));
}

Response RemoveRoute(Call& call) {
  const Route& route = VisibleRoute(call);
  call.RequireWrite(call.Operates(route.space_guid), route.space_guid);
  Job job;
  job.operation = "route.delete";
  job.state = "COMPLETE";
  call.store.routes.erase(route.guid);
  return AcceptedWithJob(call.foundation, call.store.Add(call.store.jobs, job));
}

Json ShownDestinations(Call& call, const Route& route) {
  Presenter present(call.foundation);
  std::string self = "/v3/routes/" + route.guid;
  return {
      {"destinations", present.Destinations(route)},
      {"links", {{"self", present.Link(self + "/destinations")}, {"route", present.Link(self)}}}};
}

std::vector<Destination> ReadDestinations(Call& call, const Json& body, const Route& route) {
  std::vector<Destination> destinations;
  for (const Json& given : body.value("destinations", Json::array())) {
    Destination destination;
    destination.guid = RandomGuid();
    destination.app_guid = given.at("app").at("guid");
    destination.process_type = given.value(Json::json_pointer("/app/process/type"), "web");
    if (given.contains("port") && given["port"].is_number()) destination.port = given["port"];
    destination.created_at = std::time(nullptr);
    const App* app = Find(call.store.apps, destination.app_guid);
    if (app == nullptr || !call.SeesSpace(app->space_guid)) {
      throw Unprocessable("App(s) with guid(s) \"" + destination.app_guid +
                          "\" do not exist or you do not have access.");
    }
    if (app->space_guid != route.space_guid) {
      throw Unprocessable(
          "Routes destinations must be in either the route's space or the route's shared spaces");
    }
    destinations.push_back(std::move(destination));
  }
  return destinations;
}

// POST adds to the destinations, PATCH replaces them all.
Response ChangeDestinations(Call& call) {
  const Json& body = call.Body({"destinations"});
  Route& route = VisibleRoute(call);
  call.RequireWrite(call.Operates(route.space_guid), route.space_guid);
  std::vector<Destination> given = ReadDestinations(call, body, route);
  if (call.request.method == "PATCH") route.destinations.clear();
  for (Destination& destination : given) {
    bool there = std::any_of(
        route.destinations.begin(), route.destinations.end(), [&](const Destination& other) {
          return other.app_guid == destination.app_guid &&
                 other.process_type == destination.process_type && other.port == destination.port;
        });
    if (!there) route.destinations.push_back(std::move(destination));
  }
  call.store.Touch(route);
  return JsonResponse(200, ShownDestinations(call, route));
}

Response RemoveDestination(Call& call) {
  Route& route = VisibleRoute(call);
  call.RequireWrite(call.Operates(route.space_guid), route.space_guid);
  size_t removed = std::erase_if(route.destinations, [&](const Destination& destination) {
    return destination.guid == call.captured[1];
  });
  if (removed == 0) {
    throw Unprocessable(
        "Unable to unmap route from destination. Ensure the route has a destination with this "
        "guid.");
  }
  return TextResponse(204, "application/json; charset=utf-8", "");
}

}  // namespace

void AddRouteCalls(CallTable& table) {
  table.Add("GET", "/v3/domains", ListDomains);
  table.Add("POST", "/v3/domains", CreateDomain);
  table.Add("GET", "/v3/domains/:guid", ShowDomain);
  table.Add("GET", "/v3/organizations/:guid/domains", ListDomains);
  table.Add("GET", "/v3/organizations/:guid/domains/default", ShowDefaultDomain);
  table.Add("GET", "/v3/routes", [](Call& call) { return ListRoutes(call, ""); });
  table.Add("GET", "/v3/apps/:guid/routes",
            [](Call& call) { return ListRoutes(call, call.VisibleApp(call.captured[0]).guid); });
  table.Add("POST", "/v3/routes", CreateRoute);
  table.Add("GET", "/v3/routes/:guid", [](Call& call) {
    return JsonResponse(200, Presenter(call.foundation).Of(VisibleRoute(call)));
  });
  table.Add("PATCH", "/v3/routes/:guid", UpdateRoute);
  table.Add("DELETE", "/v3/routes/:guid", RemoveRoute);
  table.Add("GET", "/v3/routes/:guid/destinations", [](Call& call) {
    return JsonResponse(200, ShownDestinations(call, VisibleRoute(call)));
  });
  table.Add("POST", "/v3/routes/:guid/destinations", ChangeDestinations);
  table.Add("PATCH", "/v3/routes/:guid/destinations", ChangeDestinations);
  table.Add("DELETE", "/v3/routes/:guid/destinations/:destination_guid", RemoveDestination);
}

}  // namespace sluice::box
