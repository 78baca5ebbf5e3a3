#include "tests/foundation/present.h"

#include <nlohmann/json.hpp>

#include "tests/foundation/digests.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

constexpr char kHidden[] = "[PRIVATE DATA HIDDEN]";
constexpr char kHiddenInLists[] = "[PRIVATE DATA HIDDEN IN LISTS]";

template <typename T>
Json Nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json NullableTime(const std::optional<std::time_t>& time) {
  return time ? Json(Timestamp(*time)) : Json(nullptr);
}

Json MetadataOf(const Record& record) {
  return {{"labels", record.metadata.labels}, {"annotations", record.metadata.annotations}};
}

const char* HiddenText(Redaction redaction) {
  return redaction == Redaction::kList ? kHiddenInLists : kHidden;
}

Json CheckOf(const HealthCheck& check, bool readiness) {
  Json parameters = {{"invocation_timeout", Nullable(check.invocation_timeout)},
                     {"interval", Nullable(check.interval)}};
  if (!readiness) parameters["timeout"] = Nullable(check.timeout);
  if (check.type == "http") parameters["endpoint"] = check.endpoint;
  return {{"type", check.type}, {"data", parameters}};
}

}  // namespace

Json ToOne(const std::optional<std::string>& guid) {
  return {{"data", guid ? Json{{"guid", *guid}} : Json(nullptr)}};
}

std::string EffectiveCommand(const Store& store, const Process& process) {
  if (process.command) return *process.command;
  const App* app = Find(store.apps, process.app_guid);
  if (app == nullptr || !app->current_droplet_guid) return "";
  const Droplet* droplet = Find(store.droplets, *app->current_droplet_guid);
  if (droplet == nullptr) return "";
  auto found = droplet->process_types.find(process.type);
  return found == droplet->process_types.end() ? "" : found->second;
}

Json Presenter::Link(const std::string& path, const std::string& method) const {
  Json link = {{"href", foundation_.api_url + path}};
  if (!method.empty()) link["method"] = method;
  return link;
}

Json Presenter::Start(const Record& record) const {
  return {{"guid", record.guid},
          {"created_at", Timestamp(record.created_at)},
          {"updated_at", Timestamp(record.updated_at)},
          {"metadata", MetadataOf(record)}};
}

Json Presenter::Of(const Organization& organization) const {
  Json shown = Start(organization);
  std::string self = "/v3/organizations/" + organization.guid;
  shown["name"] = organization.name;
  shown["suspended"] = organization.suspended;
  shown["relationships"] = {{"quota", ToOne(std::nullopt)}};
  shown["links"] = {{"self", Link(self)},
                    {"domains", Link(self + "/domains")},
                    {"default_domain", Link(self + "/domains/default")}};
  return shown;
}

Json Presenter::Of(const Space& space) const {
  Json shown = Start(space);
  std::string self = "/v3/spaces/" + space.guid;
  shown["name"] = space.name;
  shown["suspended"] = false;
  shown["relationships"] = {{"organization", ToOne(space.organization_guid)},
                            {"quota", ToOne(std::nullopt)}};
  shown["links"] = {{"self", Link(self)},
                    {"features", Link(self + "/features")},
                    {"organization", Link("/v3/organizations/" + space.organization_guid)},
                    {"apply_manifest", Link(self + "/actions/apply_manifest", "POST")}};
  return shown;
}

Json Presenter::Of(const Stack& stack) const {
  Json shown = Start(stack);
  shown["name"] = stack.name;
  shown["description"] = "the box's host as " + stack.name;
  shown["state"] = stack.state;
  shown["state_reason"] = nullptr;
  shown["build_rootfs_image"] = stack.name;
  shown["run_rootfs_image"] = stack.name;
  shown["default"] = stack.name == foundation_.options.stacks.front();
  shown["links"] = {{"self", Link("/v3/stacks/" + stack.guid)}};
  return shown;
}

Json Presenter::Of(const Domain& domain) const {
  Json shown = Start(domain);
  shown["name"] = domain.name;
  shown["internal"] = false;
  shown["router_group"] = nullptr;
  shown["supported_protocols"] = {"http"};
  shown["relationships"] = {{"organization", ToOne(std::nullopt)},
                            {"shared_organizations", {{"data", Json::array()}}}};
  shown["links"] = {{"self", Link("/v3/domains/" + domain.guid)}};
  return shown;
}

Json Presenter::Of(const Role& role) const {
  Json shown = Start(role);
  shown.erase("metadata");
  auto optional_guid = [](const std::string& guid) {
    return guid.empty() ? std::nullopt : std::optional(guid);
  };
  shown["type"] = role.type;
  shown["relationships"] = {{"user", ToOne(role.user_guid)},
                            {"organization", ToOne(optional_guid(role.organization_guid))},
                            {"space", ToOne(optional_guid(role.space_guid))}};
  shown["links"] = {{"self", Link("/v3/roles/" + role.guid)}};
  return shown;
}

Json Presenter::Of(const App& app) const {
  Json shown = Start(app);
  std::string self = "/v3/apps/" + app.guid;
  shown["name"] = app.name;
  shown["state"] = app.state;
  Json lifecycle = Json::object();
  if (app.lifecycle != "docker") lifecycle = {{"buildpacks", app.buildpacks}, {"stack", app.stack}};
  shown["lifecycle"] = {{"type", app.lifecycle}, {"data", lifecycle}};
  Json current = {{"data", {{"guid", Nullable(app.current_droplet_guid)}}}};
  shown["relationships"] = {{"space", ToOne(app.space_guid)}, {"current_droplet", current}};
  shown["links"] = {
      {"self", Link(self)},
      {"environment_variables", Link(self + "/environment_variables")},
      {"space", Link("/v3/spaces/" + app.space_guid)},
      {"processes", Link(self + "/processes")},
      {"packages", Link(self + "/packages")},
      {"current_droplet", Link(self + "/droplets/current")},
      {"droplets", Link(self + "/droplets")},
      {"tasks", Link(self + "/tasks")},
      {"start", Link(self + "/actions/start", "POST")},
      {"stop", Link(self + "/actions/stop", "POST")},
      {"clear_buildpack_cache", Link(self + "/actions/clear_buildpack_cache", "POST")},
      {"revisions", Link(self + "/revisions")},
      {"deployed_revisions", Link(self + "/revisions/deployed")},
      {"features", Link(self + "/features")}};
  return shown;
}

Json Presenter::Of(const Process& process, Redaction redaction) const {
  Json shown = Start(process);
  std::string self = "/v3/processes/" + process.guid;
  std::string command = EffectiveCommand(foundation_.store, process);
  shown["version"] = process.version;
  shown["type"] = process.type;
  shown["command"] = redaction == Redaction::kNone ? command : HiddenText(redaction);
  shown["user"] = "vcap";
  shown["instances"] = process.instances;
  shown["memory_in_mb"] = process.memory_in_mb;
  shown["disk_in_mb"] = process.disk_in_mb;
  shown["log_rate_limit_in_bytes_per_second"] = process.log_rate_limit;
  shown["health_check"] = CheckOf(process.health_check, false);
  shown["readiness_health_check"] = CheckOf(process.readiness_health_check, true);
  Json revision = process.revision_guid ? ToOne(process.revision_guid) : Json(nullptr);
  shown["relationships"] = {{"app", ToOne(process.app_guid)}, {"revision", revision}};
  const App* app = Find(foundation_.store.apps, process.app_guid);
  shown["links"] = {{"self", Link(self)},
                    {"scale", Link(self + "/actions/scale", "POST")},
                    {"app", Link("/v3/apps/" + process.app_guid)},
                    {"space", Link("/v3/spaces/" + (app == nullptr ? "" : app->space_guid))},
                    {"stats", Link(self + "/stats")},
                    {"process_instances", Link(self + "/process_instances")}};
  return shown;
}

Json Presenter::DropletLinks(const Droplet& droplet) const {
  std::string self = "/v3/droplets/" + droplet.guid;
  std::string app = "/v3/apps/" + droplet.app_guid;
  Json links = {{"self", Link(self)},
                {"app", Link(app)},
                {"assign_current_droplet", Link(app + "/relationships/current_droplet", "PATCH")}};
  if (droplet.state == "AWAITING_UPLOAD") links["upload"] = Link(self + "/upload", "POST");
  if (droplet.state == "STAGED" && droplet.lifecycle == "buildpack") {
    links["download"] = Link(self + "/download");
  }
  return links;
}

Json Presenter::Of(const Droplet& droplet, Redaction redaction) const {
  Json shown = Start(droplet);
  shown["state"] = droplet.state;
  shown["error"] = Nullable(droplet.error);
  shown["lifecycle"] = {{"type", droplet.lifecycle}, {"data", Json::object()}};
  shown["checksum"] = nullptr;
  if (droplet.published_sha256_lie) {
    shown["checksum"] = {{"type", "sha256"}, {"value", *droplet.published_sha256_lie}};
  } else if (droplet.checksum_published && droplet.sha256) {
    shown["checksum"] = {{"type", "sha256"}, {"value", *droplet.sha256}};
  } else if (droplet.checksum_published && droplet.sha1) {
    shown["checksum"] = {{"type", "sha1"}, {"value", *droplet.sha1}};
  }
  Json buildpacks = Json::array();
  for (const DropletBuildpack& buildpack : droplet.buildpacks) {
    buildpacks.push_back({{"name", buildpack.name},
                          {"detect_output", buildpack.detect_output},
                          {"buildpack_name", buildpack.buildpack_name},
                          {"version", buildpack.version}});
  }
  bool docker = droplet.lifecycle == "docker";
  shown["buildpacks"] = docker ? Json(nullptr) : buildpacks;
  shown["stack"] = Nullable(droplet.stack);
  shown["image"] = Nullable(droplet.image);
  shown["execution_metadata"] = droplet.execution_metadata;
  shown["process_types"] = droplet.process_types;
  if (redaction != Redaction::kNone) {
    shown["execution_metadata"] = HiddenText(redaction);
    shown["process_types"] = {{"redacted_message", HiddenText(redaction)}};
  }
  shown["relationships"] = {{"app", ToOne(droplet.app_guid)}};
  shown["links"] = DropletLinks(droplet);
  return shown;
}

Json Presenter::Of(const Sidecar& sidecar) const {
  Json shown = Start(sidecar);
  shown.erase("metadata");
  shown["name"] = sidecar.name;
  shown["command"] = sidecar.command;
  shown["process_types"] = sidecar.process_types;
  shown["memory_in_mb"] = Nullable(sidecar.memory_in_mb);
  shown["origin"] = sidecar.origin;
  shown["relationships"] = {{"app", ToOne(sidecar.app_guid)}};
  return shown;
}

Json Presenter::Of(const Revision& revision) const {
  Json shown = Start(revision);
  std::string self = "/v3/revisions/" + revision.guid;
  shown["version"] = revision.version;
  shown["droplet"] = {{"guid", revision.droplet_guid}};
  Json processes = Json::object();
  for (const auto& [type, command] : revision.commands) {
    processes[type] = {{"command", Nullable(command)}};
  }
  shown["processes"] = processes;
  Json sidecars = Json::array();
  for (const Sidecar& sidecar : revision.sidecars) {
    sidecars.push_back({{"name", sidecar.name},
                        {"command", sidecar.command},
                        {"process_types", sidecar.process_types},
                        {"memory_in_mb", Nullable(sidecar.memory_in_mb)}});
  }
  shown["sidecars"] = sidecars;
  shown["description"] = revision.description;
  const Droplet* droplet = Find(foundation_.store.droplets, revision.droplet_guid);
  shown["deployable"] = droplet != nullptr && droplet->state == "STAGED";
  shown["relationships"] = {{"app", ToOne(revision.app_guid)}};
  shown["links"] = {{"self", Link(self)},
                    {"app", Link("/v3/apps/" + revision.app_guid)},
                    {"environment_variables", Link(self + "/environment_variables")}};
  return shown;
}

Json Presenter::Of(const Deployment& deployment) const {
  Json shown = Start(deployment);
  std::string self = "/v3/deployments/" + deployment.guid;
  Json details = {
      {"last_successful_healthcheck", NullableTime(deployment.last_successful_healthcheck)},
      {"last_status_change", Timestamp(deployment.last_status_change)}};
  if (deployment.error) details["error"] = *deployment.error;
  shown["status"] = {
      {"value", deployment.status}, {"reason", deployment.reason}, {"details", details}};
  shown["options"] = {{"max_in_flight", deployment.max_in_flight}};
  if (deployment.strategy == "canary") {
    size_t total = std::max<size_t>(1, deployment.canary_weights.size());
    shown["status"]["canary"] = {
        {"steps", {{"current", std::min(deployment.canary_step + 1, total)}, {"total", total}}}};
    Json steps = Json::array();
    for (int64_t weight : deployment.canary_weights) steps.push_back({{"instance_weight", weight}});
    if (!steps.empty()) shown["options"]["canary"] = {{"steps", steps}};
  }
  shown["strategy"] = deployment.strategy;
  shown["droplet"] = {{"guid", Nullable(deployment.droplet_guid)}};
  shown["previous_droplet"] = {{"guid", Nullable(deployment.previous_droplet_guid)}};
  shown["new_processes"] = Json::array();
  if (!deployment.web_process_guid.empty()) {
    shown["new_processes"].push_back({{"guid", deployment.web_process_guid}, {"type", "web"}});
  }
  shown["revision"] = nullptr;
  if (deployment.revision_guid) {
    const Revision* revision = Find(foundation_.store.revisions, *deployment.revision_guid);
    if (revision != nullptr) {
      shown["revision"] = {{"guid", revision->guid}, {"version", revision->version}};
    }
  }
  shown["relationships"] = {{"app", ToOne(deployment.app_guid)}};
  shown["links"] = {{"self", Link(self)}, {"app", Link("/v3/apps/" + deployment.app_guid)}};
  if (deployment.status == "ACTIVE")
    shown["links"]["cancel"] = Link(self + "/actions/cancel", "POST");
  if (deployment.reason == "PAUSED") {
    shown["links"]["continue"] = Link(self + "/actions/continue", "POST");
  }
  return shown;
}

std::string Presenter::RouteUrl(const Route& route) const {
  const Domain* domain = Find(foundation_.store.domains, route.domain_guid);
  std::string url = domain == nullptr ? "" : domain->name;
  return (route.host.empty() ? url : route.host + "." + url) + route.path;
}

Json Presenter::Destinations(const Route& route) const {
  Json destinations = Json::array();
  for (const Destination& destination : route.destinations) {
    destinations.push_back(
        {{"guid", destination.guid},
         {"app",
          {{"guid", destination.app_guid}, {"process", {{"type", destination.process_type}}}}},
         {"weight", nullptr},
         {"port", destination.port.value_or(8080)},
         {"protocol", "http1"},
         {"created_at", Timestamp(destination.created_at)},
         {"updated_at", Timestamp(destination.created_at)}});
  }
  return destinations;
}

Json Presenter::Of(const Route& route) const {
  Json shown = Start(route);
  std::string self = "/v3/routes/" + route.guid;
  shown["protocol"] = "http";
  shown["host"] = route.host;
  shown["path"] = route.path;
  shown["port"] = nullptr;
  shown["url"] = RouteUrl(route);
  shown["destinations"] = Destinations(route);
  shown["options"] = Json::object();
  shown["relationships"] = {{"space", ToOne(route.space_guid)},
                            {"domain", ToOne(route.domain_guid)}};
  shown["links"] = {{"self", Link(self)},
                    {"space", Link("/v3/spaces/" + route.space_guid)},
                    {"domain", Link("/v3/domains/" + route.domain_guid)},
                    {"destinations", Link(self + "/destinations")}};
  return shown;
}

Json Presenter::Of(const Job& job) const {
  Json shown = Start(job);
  shown.erase("metadata");
  shown["operation"] = job.operation;
  shown["state"] = job.state;
  Json errors = Json::array();
  for (const JobError& error : job.errors) {
    errors.push_back({{"code", error.code}, {"title", error.title}, {"detail", error.detail}});
  }
  shown["errors"] = job.state == "COMPLETE" ? Json::array() : errors;
  shown["warnings"] = Json::array();
  shown["links"] = {{"self", Link("/v3/jobs/" + job.guid)}};
  const Store& store = foundation_.store;
  bool exists = (job.resource_kind == "droplet" && store.droplets.contains(job.resource_guid)) ||
                (job.resource_kind == "app" && store.apps.contains(job.resource_guid)) ||
                (job.resource_kind == "space" && store.spaces.contains(job.resource_guid));
  if (exists) {
    shown["links"][job.resource_kind] = Link("/v3/" + job.resource_kind + "s/" + job.resource_guid);
  }
  return shown;
}

Json Presenter::Of(const AuditEvent& event) const {
  Json shown = Start(event);
  shown.erase("metadata");
  shown["type"] = event.type;
  shown["actor"] = {
      {"guid", event.actor_guid}, {"type", event.actor_type}, {"name", event.actor_guid}};
  shown["target"] = {
      {"guid", event.target_guid}, {"type", event.target_type}, {"name", event.target_name}};
  shown["data"] = Json::parse(event.detail, nullptr, false);
  shown["space"] = {{"guid", event.space_guid}};
  shown["organization"] = {{"guid", event.organization_guid}};
  shown["links"] = {{"self", Link("/v3/audit_events/" + event.guid)}};
  return shown;
}

Json Presenter::CurrentDropletRelationship(const App& app) const {
  std::string self = "/v3/apps/" + app.guid;
  Json shown = ToOne(app.current_droplet_guid);
  shown["links"] = {{"self", Link(self + "/relationships/current_droplet")},
                    {"related", Link(self + "/droplets/current")}};
  return shown;
}

}  // namespace sluice::box
