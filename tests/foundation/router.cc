#include "tests/foundation/router.h"

#include "tests/foundation/http_client.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

constexpr int kInstanceTimeoutMs = 60000;

Response RouterError(int status, const std::string& reason, const std::string& text) {
  Response response = TextResponse(status, "text/plain; charset=utf-8", text + "\n");
  response.headers.Set("X-Cf-RouterError", reason);
  return response;
}

std::string HostOf(const Request& request) {
  std::string host = request.headers.Get("Host").value_or("");
  return LowerCase(host.substr(0, host.find(':')));
}

// A route's path fits whole segments only: /a fits /a and /a/b, not /ab.
bool PathFits(const std::string& route_path, const std::string& path) {
  return path.starts_with(route_path) &&
         (path.size() == route_path.size() || route_path.empty() || path[route_path.size()] == '/');
}

Headers ForwardedHeaders(const Request& request) {
  Headers headers;
  for (const auto& [name, value] : request.headers.all()) headers.Add(name, value);
  for (const char* hop : {"Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length",
                          "Expect", "Upgrade", "Proxy-Connection"}) {
    headers.Remove(hop);
  }
  headers.Set("X-Forwarded-Proto", "http");
  return headers;
}

}  // namespace

bool Router::Lookup(const Request& request, std::vector<std::string>& process_guids) const {
  std::string host = HostOf(request);
  Store& store = foundation_.store;
  std::lock_guard lock(store.mutex);
  const Route* best = nullptr;
  for (const auto& [guid, route] : store.routes) {
    const Domain* domain = Find(store.domains, route.domain_guid);
    if (domain == nullptr) continue;
    std::string name =
        LowerCase(route.host.empty() ? domain->name : route.host + "." + domain->name);
    if (name == host && PathFits(route.path, request.path) &&
        (best == nullptr || route.path.size() > best->path.size())) {
      best = &route;
    }
  }
  if (best == nullptr) return false;
  for (const Destination& destination : best->destinations) {
    for (const Process* process : store.ProcessesOf(destination.app_guid)) {
      if (process->type == destination.process_type) process_guids.push_back(process->guid);
    }
  }
  return true;
}

Response Router::Forward(const Request& request, const std::string& body,
                         const std::vector<std::string>& process_guids) {
  ClientRequest forwarded{.method = request.method, .host = "127.0.0.1", .target = request.target};
  forwarded.headers = ForwardedHeaders(request);
  forwarded.body = body;
  forwarded.timeout_ms = kInstanceTimeoutMs;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto endpoint = foundation_.runtime->Pick(process_guids);
    if (endpoint == nullptr) {
      return RouterError(503, "no_endpoints",
                         "503 Service Unavailable: Requested route ('" + HostOf(request) +
                             "') has no available endpoints.");
    }
    forwarded.port = endpoint->port;
    auto response = Fetch(forwarded);
    endpoint->in_flight.fetch_sub(1);
    if (response) {
      response->headers.Remove("Connection");
      response->headers.Remove("Transfer-Encoding");
      return std::move(*response);
    }
    // An answer that got lost may have been acted upon: only harmless requests are sent again.
    if (request.method != "GET" && request.method != "HEAD") break;
  }
  return RouterError(502, "endpoint_failure",
                     "502 Bad Gateway: Registered endpoint failed to handle the request.");
}

void Router::Serve(Exchange& exchange) {
  const Request& request = exchange.request();
  auto body = exchange.ReadWholeBody(kBodyBytesMax);
  if (!body) {
    exchange.CloseAfterwards();
    exchange.Send(NginxErrorPage(413));
    return;
  }
  std::vector<std::string> process_guids;
  if (!Lookup(request, process_guids)) {
    exchange.Send(
        RouterError(404, "unknown_route",
                    "404 Not Found: Requested route ('" + HostOf(request) + "') does not exist."));
    return;
  }
  exchange.Send(Forward(request, *body, process_guids));
}

}  // namespace sluice::box
