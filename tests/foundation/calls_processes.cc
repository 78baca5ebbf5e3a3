// Processes: list, read, change, scale, and how their instances do.
#include <nlohmann/json.hpp>

#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/listing.h"
#include "tests/foundation/present.h"
#include "tests/foundation/runtime.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

constexpr size_t kCommandBytesMax = 4096;
constexpr int64_t kDescriptorsMax = 16384;

// The process named by the path: /v3/processes/GUID or /v3/apps/GUID/processes/TYPE.
Process& Addressed(Call& call) {
  if (call.captured.size() == 1) return call.VisibleProcess(call.captured[0]);
  const App& app = call.VisibleApp(call.captured[0]);
  Process* process = call.store.ProcessOfType(app.guid, call.captured[1]);
  if (process == nullptr) throw NotFound("Process");
  return *process;
}

App& AppOf(Call& call, const Process& process) { return call.store.apps.at(process.app_guid); }

Redaction SingleRedaction(Call& call, const Process& process) {
  return call.SeesSecrets(AppOf(call, process).space_guid) ? Redaction::kNone : Redaction::kSingle;
}

Response ListProcesses(Call& call, const std::string& app_guid) {
  Listing::Allowed allowed{.filters = {"types"}};
  if (app_guid.empty()) {
    allowed.filters.insert(allowed.filters.end(),
                           {"app_guids", "space_guids", "organization_guids"});
  }
  Listing listing(call, allowed);
  Presenter present(call.foundation);
  std::vector<Listing::Row> rows;
  for (const Process* process : Ordered(call.store.processes)) {
    const App& app = AppOf(call, *process);
    if (!call.SeesSpace(app.space_guid) || (!app_guid.empty() && app.guid != app_guid) ||
        !listing.MatchesRecord(*process) || !listing.Matches("types", process->type) ||
        !listing.Matches("app_guids", app.guid) ||
        !listing.Matches("space_guids", app.space_guid) ||
        !listing.Matches("organization_guids", call.store.OrganizationOf(app.space_guid))) {
      continue;
    }
    rows.push_back(
        {process, "", [&present, process] { return present.Of(*process, Redaction::kList); }});
  }
  return JsonResponse(200, listing.Page(std::move(rows)));
}

Response ShowProcess(Call& call) {
  const Process& process = Addressed(call);
  return JsonResponse(200, Presenter(call.foundation).Of(process, SingleRedaction(call, process)));
}

void ReadNumber(const Json& body, const char* field, std::optional<int64_t>& number) {
  if (!body.contains(field)) return;
  number = body[field].is_null() ? std::nullopt : std::optional(body[field].get<int64_t>());
}

void ReadHealthCheck(const Json& body, const char* field, HealthCheck& check) {
  if (!body.contains(field)) return;
  const Json& given = body[field];
  std::string type = given.value("type", check.type);
  if (type != "port" && type != "process" && type != "http") {
    throw Unprocessable("Health check type must be \"port\", \"process\", or \"http\"");
  }
  check.type = type;
  const Json settings = given.value("data", Json::object());
  ReadNumber(settings, "timeout", check.timeout);
  ReadNumber(settings, "invocation_timeout", check.invocation_timeout);
  ReadNumber(settings, "interval", check.interval);
  if (settings.contains("endpoint") && settings["endpoint"].is_string()) {
    check.endpoint = settings["endpoint"];
  }
  if (check.type == "http" && check.endpoint.empty()) check.endpoint = "/";
}

void RefuseDuringDeployment(Call& call, const Process& process, const std::string& verb) {
  if (process.type == "web" && call.store.ActiveDeployment(process.app_guid) != nullptr) {
    throw Unprocessable("Cannot " + verb + " this process while a deployment is in flight.");
  }
}

Response UpdateProcess(Call& call) {
  const Json& body = call.Body({"command", "health_check", "readiness_health_check", "metadata"});
  Process& process = Addressed(call);
  App& app = AppOf(call, process);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  RefuseDuringDeployment(call, process, "update");
  Process changed = process;
  if (body.contains("command")) {
    changed.command.reset();
    if (!body["command"].is_null()) {
      std::string command = body["command"];
      if (command.empty() || command.size() > kCommandBytesMax) {
        throw Unprocessable("Command must be between 1 and 4096 characters");
      }
      changed.command = command;
    }
  }
  ReadHealthCheck(body, "health_check", changed.health_check);
  ReadHealthCheck(body, "readiness_health_check", changed.readiness_health_check);
  UpdateMetadata(changed.metadata, body);
  process = std::move(changed);
  call.store.Touch(process);
  call.store.AddEvent("audit.app.process.update", call.actor.guid, app,
                      Json{{"process_guid", process.guid}, {"process_type", process.type}}.dump());
  return JsonResponse(200, Presenter(call.foundation).Of(process, Redaction::kNone));
}

Response ScaleProcess(Call& call) {
  const Json& body =
      call.Body({"instances", "memory_in_mb", "disk_in_mb", "log_rate_limit_in_bytes_per_second"});
  Process& process = Addressed(call);
  App& app = AppOf(call, process);
  call.RequireWrite(call.Operates(app.space_guid), app.space_guid);
  RefuseDuringDeployment(call, process, "scale");
  if (body.value("instances", int64_t{0}) < 0) {
    throw Unprocessable("Instances must be greater than or equal to 0");
  }
  process.instances = body.value("instances", process.instances);
  process.memory_in_mb = body.value("memory_in_mb", process.memory_in_mb);
  process.disk_in_mb = body.value("disk_in_mb", process.disk_in_mb);
  process.log_rate_limit = body.value("log_rate_limit_in_bytes_per_second", process.log_rate_limit);
  call.store.Touch(process);
  call.store.AddEvent("audit.app.process.scale", call.actor.guid, app,
                      Json{{"process_guid", process.guid}, {"process_type", process.type}}.dump());
  call.foundation.runtime->Wake();
  return JsonResponse(202, Presenter(call.foundation).Of(process, Redaction::kNone));
}

Json StatsOf(const Process& process, const InstanceReport& report) {
  Json shown = {{"type", process.type},
                {"index", report.index},
                {"state", report.state},
                {"routable", report.state == "RUNNING"},
                {"uptime", static_cast<int64_t>(report.uptime_seconds)},
                {"isolation_segment", nullptr},
                {"details", report.details.empty() ? Json(nullptr) : Json(report.details)}};
  if (report.state == "DOWN") return shown;
  constexpr int64_t kMib = int64_t{1} << 20;
  shown["instance_guid"] = report.instance_guid;
  shown["usage"] = {{"time", nullptr}, {"cpu", 0.0}, {"cpu_entitlement", nullptr},
                    {"mem", 0},        {"disk", 0},  {"log_rate", 0}};
  shown["host"] = "127.0.0.1";
  shown["instance_internal_ip"] = "127.0.0.1";
  shown["instance_ports"] = {{{"external", report.port},
                              {"internal", report.port},
                              {"external_tls_proxy_port", nullptr},
                              {"internal_tls_proxy_port", nullptr}}};
  shown["mem_quota"] = process.memory_in_mb * kMib;
  shown["disk_quota"] = process.disk_in_mb * kMib;
  shown["log_rate_limit"] = process.log_rate_limit;
  shown["fds_quota"] = kDescriptorsMax;
  return shown;
}

// No instances are wanted of a stopped app.
std::vector<InstanceReport> Reports(Call& call, const Process& process) {
  if (call.foundation.misbehaviours.Take("stats-unavailable-503")) {
    throw Refusal{503, "CF-StatsUnavailable", 200002,
                  "Stats unavailable: Stats server temporarily unavailable."};
  }
  if (AppOf(call, process).state != "STARTED") return {};
  return call.foundation.runtime->Report(process);
}

Response ShowStats(Call& call) {
  const Process& process = Addressed(call);
  Json resources = Json::array();
  for (const InstanceReport& report : Reports(call, process)) {
    resources.push_back(StatsOf(process, report));
  }
  return JsonResponse(200, {{"resources", resources}});
}

Response ShowInstances(Call& call) {
  const Process& process = Addressed(call);
  Json resources = Json::array();
  for (const InstanceReport& report : Reports(call, process)) {
    resources.push_back({{"index", report.index},
                         {"state", report.state},
                         {"since", static_cast<int64_t>(report.uptime_seconds)}});
  }
  Presenter present(call.foundation);
  std::string self = "/v3/processes/" + process.guid;
  return JsonResponse(
      200,
      {{"resources", resources},
       {"links",
        {{"self", present.Link(self + "/process_instances")}, {"process", present.Link(self)}}}});
}

}  // namespace

void AddProcessCalls(CallTable& table) {
  table.Add("GET", "/v3/processes", [](Call& call) { return ListProcesses(call, ""); });
  table.Add("GET", "/v3/apps/:guid/processes",
            [](Call& call) { return ListProcesses(call, call.VisibleApp(call.captured[0]).guid); });
  for (const char* start : {"/v3/processes/:guid", "/v3/apps/:guid/processes/:type"}) {
    std::string path = start;
    table.Add("GET", path, ShowProcess);
    table.Add("PATCH", path, UpdateProcess);
    table.Add("POST", path + "/actions/scale", ScaleProcess);
    table.Add("GET", path + "/stats", ShowStats);
    table.Add("GET", path + "/process_instances", ShowInstances);
  }
}

}  // namespace sluice::box
