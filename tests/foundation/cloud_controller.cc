#include "tests/foundation/cloud_controller.h"

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/foundation/digests.h"
#include "tests/foundation/faulty_download.h"
#include "tests/foundation/request_log.h"
#include "tests/foundation/tokens.h"
#include "tests/foundation/upload.h"

namespace sluice::box {
namespace {

constexpr size_t kJsonBytesMax = size_t{15} << 20;  // nginx's limit for all but uploads
constexpr size_t kRequestIdMax = 255;

std::vector<std::string> Segments(const std::string& path) {
  std::vector<std::string> segments;
  for (size_t begin = 1; begin <= path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string::npos) end = path.size();
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!segments.empty() && segments.back().empty()) segments.pop_back();
  return segments;
}

bool Open(const std::string& path) {
  return path == "/" || path == "/v3" || path == "/v3/" || path == "/v3/info" ||
         path == "/v2/info" || path == "/healthz";
}

std::string UploadedDroplet(const Request& request) {
  std::vector<std::string> segments = Segments(request.path);
  bool upload = segments.size() == 4 && segments[0] == "v3" && segments[1] == "droplets" &&
                segments[3] == "upload";
  return upload ? segments[2] : "";
}

std::string RequestId(const Request& request) {
  std::string given;
  for (char c : request.headers.Get("X-Vcap-Request-Id").value_or("")) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') given += c;
  }
  given = given.substr(0, kRequestIdMax);
  return given.empty() ? RandomGuid() : given + "::" + RandomGuid();
}

}  // namespace

void CallTable::Add(const std::string& method, const std::string& pattern, CallFunction function) {
  entries_.push_back({method, Segments(pattern), std::move(function)});
}

const CallFunction* CallTable::Match(const std::string& method, const std::string& path,
                                     std::vector<std::string>& captured) const {
  std::vector<std::string> segments = Segments(path);
  std::string matched_method = method == "HEAD" ? "GET" : method;
  for (const Entry& entry : entries_) {
    if (entry.method != matched_method || entry.pattern.size() != segments.size()) continue;
    captured.clear();
    bool matches = true;
    for (size_t i = 0; i < segments.size() && matches; ++i) {
      if (entry.pattern[i].starts_with(":")) {
        captured.push_back(segments[i]);
      } else {
        matches = entry.pattern[i] == segments[i];
      }
    }
    if (matches) return &entry.function;
  }
  return nullptr;
}

CloudController::CloudController(Foundation& foundation) : foundation_(foundation) {
  AddDiscoveryCalls(table_);
  AddOrganizationCalls(table_);
  AddAppCalls(table_);
  AddAppPartCalls(table_);
  AddProcessCalls(table_);
  AddDropletCalls(table_);
  AddDeploymentCalls(table_);
  AddRouteCalls(table_);
  AddJobAndEventCalls(table_);
}

Actor CloudController::Authenticate(const Request& request, std::time_t when) {
  auto header = request.headers.Get("Authorization");
  if (!header || !LowerCase(*header).starts_with("bearer ")) throw NotAuthenticated();
  auto actor = foundation_.tokens->Judge(header->substr(7), when);
  if (!actor || foundation_.misbehaviours.Take("invalid-token-once", request.path)) {
    throw InvalidAuthToken();
  }
  bool reading = request.method == "GET" || request.method == "HEAD";
  bool allowed = actor->Has("cloud_controller.admin");
  if (reading) {
    allowed = allowed || actor->Has("cloud_controller.read") ||
              actor->Has("cloud_controller.admin_read_only") ||
              actor->Has("cloud_controller.global_auditor");
  } else {
    allowed = allowed || actor->Has("cloud_controller.write");
  }
  if (!allowed) throw NotAuthorized();
  return *actor;
}

Response CloudController::Answer(Exchange& exchange, std::string body) {
  const Request& request = exchange.request();
  try {
    Actor actor;
    if (!Open(request.path)) actor = Authenticate(request, std::time(nullptr));
    Call call(foundation_, request, std::move(actor), std::move(body));
    const CallFunction* function = table_.Match(request.method, request.path, call.captured);
    if (function == nullptr) throw UnknownRequest();
    std::lock_guard lock(foundation_.store.mutex);
    return (*function)(call);
  } catch (const Refusal& refusal) {
    return RefusalResponse(refusal);
  } catch (const nlohmann::json::exception& wrong) {
    // A field of a type that no call expects: CC words each such case by itself.
    return RefusalResponse(Unprocessable(wrong.what()));
  }
}

void CloudController::Finish(Exchange& exchange, Response response) {
  const Request& request = exchange.request();
  foundation_.requests->Record(request.method, request.path, response.status);
  response.headers.Add("X-VCAP-Request-ID", RequestId(request));
  if (foundation_.misbehaviours.Take("doubled-request-id", request.path)) {
    response.headers.Add("X-Vcap-Request-Id", RandomGuid());
  }
  exchange.Send(std::move(response));
}

bool CloudController::Misbehave(Exchange& exchange) {
  Misbehaviours& misbehaviours = foundation_.misbehaviours;
  const Request& request = exchange.request();
  std::string occasion = request.method + " " + request.path;
  if (auto fault = misbehaviours.Take("slow-api", occasion)) {
    std::this_thread::sleep_for(std::chrono::duration<double>(fault->Number("seconds", 1)));
  }
  if (misbehaviours.Take("api-connection-cut", occasion)) {
    foundation_.requests->Record(request.method, request.path, 0);
    exchange.stream().Reset();
    return true;
  }
  if (auto fault = misbehaviours.Take("rate-limited-429", occasion)) {
    Response response = RefusalResponse(
        {429, "CF-RateLimitExceeded", 10013, "Rate Limit Exceeded: too many requests"});
    // CC's rate limiter answers JSON under this type (cloud_controller_ng, lib/rate_limiter.rb).
    response.headers.Set("Content-Type", "text/plain; charset=utf-8");
    response.headers.Set("Retry-After", fault->Text("retry_after", "1"));
    response.headers.Set("X-RateLimit-Limit", "2000");
    response.headers.Set("X-RateLimit-Remaining", "0");
    response.headers.Set("X-RateLimit-Reset", std::to_string(std::time(nullptr) + 1));
    Finish(exchange, std::move(response));
    return true;
  }
  if (misbehaviours.Take("bad-gateway-502", occasion)) {
    Response response =
        TextResponse(502, "text/plain; charset=utf-8",
                     "502 Bad Gateway: Registered endpoint failed to handle the request.\n");
    response.headers.Set("X-Cf-RouterError", "endpoint_failure");
    Finish(exchange, std::move(response));
    return true;
  }
  if (misbehaviours.Take("maintenance-503", occasion)) {
    Finish(exchange, TextResponse(503, "text/html", "API down for maintenance"));
    return true;
  }
  return false;
}

void CloudController::ServeUpload(Exchange& exchange, const std::string& droplet_guid) {
  std::time_t began = std::time(nullptr);
  UploadReceiver receiver(foundation_, exchange);
  ReceivedUpload upload = receiver.Receive();
  if (upload.cut) {  // the client has gone, or has been cut off: nobody to answer
    foundation_.requests->Record("POST", exchange.request().path, 0);
    return;
  }
  if (upload.refused_with != 0) {
    Finish(exchange, NginxErrorPage(upload.refused_with));
    return;
  }
  try {
    // A token that expires while the body arrives is fine: nginx's time of arrival counts.
    Actor actor = Authenticate(exchange.request(), began);
    Call call(foundation_, exchange.request(), std::move(actor), "");
    Finish(exchange, AcceptUpload(call, droplet_guid, upload));
  } catch (const Refusal& refusal) {
    DiscardUpload(upload);
    Finish(exchange, RefusalResponse(refusal));
  }
}

void CloudController::Serve(Exchange& exchange) {
  const Request& request = exchange.request();
  if (Misbehave(exchange)) return;
  std::string uploaded = UploadedDroplet(request);
  if (!uploaded.empty()) {
    if (request.method != "POST" && request.method != "PUT") {
      exchange.CloseAfterwards();
      Finish(exchange, NginxErrorPage(405));
      return;
    }
    ServeUpload(exchange, uploaded);
    return;
  }
  auto body = exchange.ReadWholeBody(kJsonBytesMax);
  if (!body) {
    exchange.CloseAfterwards();
    Finish(exchange, NginxErrorPage(413));
    return;
  }
  Response response = Answer(exchange, std::move(*body));
  if (response.status == 302 && foundation_.misbehaviours.Take("download-direct-200")) {
    foundation_.requests->Record(request.method, request.path, 200);
    SendDropletDirectly(foundation_, exchange, Segments(request.path).at(2));
    return;
  }
  if (foundation_.misbehaviours.Take("api-answer-lost", request.method + " " + request.path)) {
    foundation_.requests->Record(request.method, request.path, 0);
    exchange.stream().Reset();
    return;
  }
  Finish(exchange, std::move(response));
}

}  // namespace sluice::box
