#include "tests/simulation/foundation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/status.h"

namespace sluice::simulation {
namespace {

using foundation::AppJson;
using foundation::DeploymentJson;
using foundation::DropletJson;
using foundation::ErrorReply;
using foundation::JsonReply;
using foundation::PageReply;
using http::FakeReply;
using nlohmann::json;

constexpr absl::Duration kDeploymentTakes = absl::Seconds(3);
constexpr absl::Duration kProcessingTakes = absl::Milliseconds(1500);
constexpr absl::Duration kDeletionTakes = absl::Milliseconds(500);

FakeReply Missing(std::string_view what) {
  return ErrorReply(404, 10010, "CF-ResourceNotFound", absl::StrCat(ToAbsl(what), " not found"));
}
FakeReply Unprocessable(std::string_view why) {
  return ErrorReply(422, 10008, "CF-UnprocessableEntity", why);
}

// The value of a query's field, without decoding: the simulated guids and names need none.
std::string Field(std::string_view query, std::string_view name) {
  for (const absl::string_view pair : absl::StrSplit(ToAbsl(query), '&')) {
    const std::pair<std::string, std::string> field = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (field.first == name) return field.second;
  }
  return "";
}

void Merge(json& annotations, const json& body) {
  if (!body.contains("metadata") || !body["metadata"].contains("annotations")) return;
  for (const auto& [key, value] : body["metadata"]["annotations"].items()) {
    if (value.is_null()) {
      annotations.erase(key);
    } else {
      annotations[key] = value;
    }
  }
}

std::string GuidAt(const json& body, std::string_view relation) {
  return body.at("relationships").at(std::string(relation)).at("data").at("guid");
}

std::string ProcessGuid(const std::string& app, int64_t process) {
  return absl::StrCat("process-", process, "-of-", app);
}

FakeReply NewestFirst(std::vector<std::pair<int64_t, json>> found) {
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<json> resources;
  for (auto& [created, resource] : found) resources.push_back(std::move(resource));
  return PageReply(resources);
}

}  // namespace

std::string Foundation::NewGuid(std::string_view kind) {
  return absl::StrFormat("%s-%s-%d", kind, name_, ++made_);
}

std::string Foundation::AddApp(const std::string& name, const std::string& sha256, uint64_t bytes) {
  const std::string guid = NewGuid("app");
  App& app = apps_[guid];
  app.name = name;
  if (sha256.empty()) {
    app.state = "STOPPED";
    return guid;
  }
  app.current_droplet = app.running_droplet = AddDroplet(guid, sha256, bytes);
  app.process = ++made_;
  return guid;
}

std::string Foundation::AddDroplet(const std::string& app, const std::string& sha256,
                                   uint64_t bytes) {
  const std::string guid = NewGuid("droplet");
  Droplet& droplet = droplets_[guid];
  droplet = {.app = app,
             .state = "STAGED",
             .content_sha256 = sha256,
             .published_sha256 = sha256,
             .bytes = bytes,
             .created = made_,
             .created_at = clock_.Now(),
             .process_types = {{"web", "run"}}};
  return guid;
}

const Foundation::Droplet* Foundation::FindDroplet(const std::string& guid) const {
  const auto found = droplets_.find(guid);
  return found == droplets_.end() ? nullptr : &found->second;
}

void Foundation::Advance() {
  const absl::Duration now = clock_.Monotonic();
  for (auto& [guid, job] : jobs_) {
    if (job.state != "PROCESSING" || job.done_at > now) continue;
    job.state = "COMPLETE";
    const auto found = droplets_.find(job.droplet);
    if (found == droplets_.end() || found->second.state != "PROCESSING_UPLOAD") continue;
    Droplet& droplet = found->second;
    if (job_fails()) {
      job.state = "FAILED";
      droplet.state = "FAILED";
      continue;
    }
    droplet.state = "STAGED";
    droplet.published_sha256 = publish(droplet.content_sha256);
  }
  for (auto& [guid, deployment] : deployments_) {
    if (deployment.value == "ACTIVE" && deployment.done_at <= now) FinishDeployment(deployment);
  }
}

void Foundation::FinishDeployment(Deployment& deployment) {
  deployment.value = "FINALIZED";
  const auto found = apps_.find(deployment.app);
  if (deployment.reason == "CANCELING") {
    deployment.reason = "CANCELED";
    if (found != apps_.end()) found->second.current_droplet = deployment.previous;
    return;
  }
  deployment.reason = "DEPLOYED";
  if (found == apps_.end()) return;
  found->second.running_droplet = deployment.droplet;
  found->second.process = deployment.process;
}

FakeReply Foundation::Serve(std::string_view method, std::string_view path, std::string_view query,
                            const std::string& body, const Upload& upload) {
  Advance();
  if (path == "/") {
    return JsonReply(200, {{"links",
                            {{"login", {{"href", absl::StrCat("https://login.", name_, "/")}}},
                             {"uaa", {{"href", absl::StrCat("https://uaa.", name_)}}},
                             {"cloud_controller_v3", {{"meta", {{"version", "3.228.0"}}}}}}}});
  }
  if (path == "/oauth/token") {
    return JsonReply(200, {{"access_token", "token"},
                           {"token_type", "bearer"},
                           {"expires_in", 86'400},
                           {"scope", "cloud_controller.write cloud_controller.read"}});
  }
  const Segments segments = absl::StrSplit(ToAbsl(path.substr(1)), '/');
  const json document = body.empty() || path.ends_with("/upload") ? json() : json::parse(body);
  const std::string kind = segments.size() > 1 ? segments[1] : "";
  if (kind == "organizations") {
    return PageReply({foundation::OrganizationJson(kOrganizationGuid, "acme")});
  }
  if (kind == "spaces") {
    return PageReply({foundation::SpaceJson(kSpaceGuid, "payments", kOrganizationGuid)});
  }
  if (kind == "apps") return ServeApps(method, segments, query, document);
  if (kind == "droplets") return ServeDroplets(method, segments, query, document, upload);
  if (kind == "deployments") return ServeDeployments(method, segments, document);
  if (kind == "audit_events") return ListAuditEvents(query);
  if (kind == "jobs") {
    const auto found = jobs_.find(segments[2]);
    if (found == jobs_.end()) return Missing("Job");
    json job = foundation::JobJson(segments[2], found->second.state);
    if (found->second.state == "FAILED") {
      job["errors"] = {{{"code", 10001}, {"title", "UnknownError"}, {"detail", "it failed"}}};
    }
    return JsonReply(200, job);
  }
  if (kind == "processes") {
    const std::string app = segments[2].substr(segments[2].find("-of-") + 4);
    const auto found = apps_.find(app);
    if (found == apps_.end()) return Missing("Process");
    if (segments.size() > 3) {  // stats
      const bool runs = found->second.state == "STARTED";
      return JsonReply(200, {{"resources", json::array({{{"type", "web"},
                                                         {"index", 0},
                                                         {"state", runs ? "RUNNING" : "DOWN"},
                                                         {"uptime", 1}}})}});
    }
    return JsonReply(200, {{"guid", segments[2]},
                           {"type", "web"},
                           {"command", "run"},
                           {"instances", 1},
                           {"created_at", "2026-01-01T00:00:00Z"}});
  }
  return ErrorReply(404, 10000, "CF-NotFound", "Unknown request");
}

FakeReply Foundation::ServeApps(std::string_view method, const Segments& path,
                                std::string_view query, const json& body) {
  if (path.size() > 2) return ServeApp(method, path, query, body);
  if (method == "POST") {
    const std::string name = body.at("name");
    for (const auto& [guid, app] : apps_) {
      if (app.name == name) {
        return Unprocessable(absl::StrCat("App with the name '", name, "' already exists."));
      }
    }
    const std::string guid = AddApp(name, "", 0);
    Merge(apps_[guid].annotations, body);
    return JsonReply(201, Show(guid, apps_[guid]));
  }
  const std::string name = Field(query, "names");
  for (const auto& [guid, app] : apps_) {
    if (app.name == name) return PageReply({Show(guid, app)});
  }
  return PageReply({});
}

FakeReply Foundation::ServeApp(std::string_view method, const Segments& path,
                               std::string_view query, const json& body) {
  const std::string& guid = path[2];
  const auto found = apps_.find(guid);
  if (found == apps_.end()) return Missing("App");
  App& app = found->second;
  const std::string part = path.size() > 3 ? path[3] : "";
  if (part == "droplets" && path.size() > 4) {
    const Droplet* droplet = FindDroplet(app.current_droplet);
    return droplet == nullptr ? Missing("Droplet")
                              : JsonReply(200, Show(app.current_droplet, *droplet));
  }
  if (part == "droplets") return ListDroplets(guid, query);
  if (part == "revisions") return ListRevisions(guid);
  if (part == "processes") {
    if (app.process == 0) return PageReply({});
    return PageReply({{{"guid", ProcessGuid(guid, app.process)},
                       {"type", "web"},
                       {"command", "run"},
                       {"instances", 1},
                       {"created_at", "2026-01-01T00:00:00Z"}}});
  }
  if (part == "relationships") {
    const std::string droplet = body.at("data").at("guid");
    const Droplet* set = FindDroplet(droplet);
    if (set == nullptr || set->state != "STAGED" || set->app != guid) {
      return Unprocessable("Unable to assign current droplet.");
    }
    if (droplet != app.current_droplet) on_activation(guid, droplet);
    app.current_droplet = droplet;
    return JsonReply(200, {{"data", {{"guid", droplet}}}});
  }
  if (part == "actions") {
    const bool start = path[4] != "stop";
    app.state = start ? "STARTED" : "STOPPED";
    app.running_droplet = start ? app.current_droplet : "";
    if (start) app.process = ++made_;
    return JsonReply(200, Show(guid, app));
  }
  if (method == "PATCH") Merge(app.annotations, body);
  if (method == "DELETE") {
    std::erase_if(droplets_, [&](const auto& entry) { return entry.second.app == guid; });
    const json shown = Show(guid, app);
    apps_.erase(found);
    return Accepted(shown, {"", "PROCESSING", clock_.Monotonic() + kDeletionTakes});
  }
  return JsonReply(200, Show(guid, app));
}

FakeReply Foundation::ListDroplets(const std::string& app, std::string_view query) const {
  const std::string states = Field(query, "states");
  std::vector<std::pair<int64_t, json>> found;
  for (const auto& [guid, droplet] : droplets_) {
    if (!app.empty() && droplet.app != app) continue;
    if (!states.empty() && states.find(droplet.state) == std::string::npos) continue;
    json shown = Show(guid, droplet);
    shown["process_types"] = {{"redacted_message", "[PRIVATE DATA HIDDEN IN LISTS]"}};
    found.emplace_back(droplet.created, std::move(shown));
  }
  return NewestFirst(std::move(found));
}

// Of droplets that were made: by the agent's client, who is the only one here that makes any. Apps
// do not crash.
FakeReply Foundation::ListAuditEvents(std::string_view query) const {
  if (Field(query, "types") != "audit.app.droplet.create") return PageReply({});
  const std::string app = Field(query, "target_guids");
  std::vector<std::pair<int64_t, json>> found;
  for (const auto& [guid, droplet] : droplets_) {
    if (droplet.app != app || !droplet.by_client) continue;
    found.emplace_back(
        droplet.created,
        json{{"guid", absl::StrCat("event-of-", guid)},
             {"type", "audit.app.droplet.create"},
             {"created_at",
              absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", droplet.created_at, absl::UTCTimeZone())},
             {"actor", {{"guid", "sluice"}, {"type", "user"}}},
             {"data", {{"droplet_guid", guid}}}});
  }
  return NewestFirst(std::move(found));
}

// Droplets that instances run: while a deployment goes on, two.
FakeReply Foundation::ListRevisions(const std::string& guid) const {
  std::vector<std::pair<int64_t, json>> found;
  const auto add = [&found](const std::string& droplet, int64_t number) {
    found.emplace_back(number, json{{"guid", absl::StrCat("revision-", number)},
                                    {"version", number},
                                    {"deployable", true},
                                    {"droplet", {{"guid", droplet}}}});
  };
  const App& app = apps_.at(guid);
  if (!app.running_droplet.empty()) add(app.running_droplet, app.process);
  for (const auto& [name, deployment] : deployments_) {
    if (deployment.app == guid && deployment.value == "ACTIVE") {
      add(deployment.droplet, deployment.process);
    }
  }
  return NewestFirst(std::move(found));
}

FakeReply Foundation::ServeDroplets(std::string_view method, const Segments& path,
                                    std::string_view query, const json& body,
                                    const Upload& upload) {
  if (path.size() == 2) {
    return method == "POST" ? CreateDroplet(query, body) : ListDroplets("", query);
  }
  const std::string& guid = path[2];
  const auto found = droplets_.find(guid);
  if (found == droplets_.end()) return Missing("Droplet");
  if (path.size() > 3) return TakeUpload(guid, upload);
  if (method == "PATCH") Merge(found->second.annotations, body);
  if (method == "DELETE") {
    const json shown = Show(guid, found->second);
    droplets_.erase(found);
    return Accepted(shown, {"", "PROCESSING", clock_.Monotonic() + kDeletionTakes});
  }
  return JsonReply(200, Show(guid, found->second));
}

FakeReply Foundation::CreateDroplet(std::string_view query, const json& body) {
  const std::string app = GuidAt(body, "app");
  if (!apps_.contains(app)) return Unprocessable("App does not exist");
  const std::string guid = NewGuid("droplet");
  Droplet droplet;
  droplet.app = app;
  droplet.by_client = true;
  droplet.state = "AWAITING_UPLOAD";
  droplet.created = made_;
  droplet.created_at = clock_.Now();
  droplet.process_types = body.value("process_types", json{{"web", "run"}});
  if (const std::string source = Field(query, "source_guid"); !source.empty()) {
    const Droplet* copied = FindDroplet(source);
    if (copied == nullptr) return Missing("Droplet");
    droplet.state = "STAGED";
    droplet.content_sha256 = copied->content_sha256;
    droplet.published_sha256 = copied->published_sha256;
    droplet.bytes = copied->bytes;
    droplet.process_types = copied->process_types;
  }
  droplets_[guid] = droplet;
  return JsonReply(201, Show(guid, droplet));
}

FakeReply Foundation::TakeUpload(const std::string& guid, const Upload& upload) {
  Droplet& droplet = droplets_.at(guid);
  if (droplet.state != "AWAITING_UPLOAD") {
    return Unprocessable("Droplet may be uploaded only once. Create a new droplet to upload.");
  }
  droplet.state = "PROCESSING_UPLOAD";
  droplet.content_sha256 = upload.sha256;
  droplet.bytes = upload.bytes;
  return Accepted(Show(guid, droplet), {guid, "PROCESSING", clock_.Monotonic() + kProcessingTakes});
}

FakeReply Foundation::Accepted(const json& resource, Job job) {
  const std::string guid = NewGuid("job");
  jobs_[guid] = std::move(job);
  FakeReply reply = JsonReply(202, resource);
  reply.headers.Add("Location", absl::StrCat("https://api.", name_, "/v3/jobs/", guid));
  return reply;
}

FakeReply Foundation::ServeDeployments(std::string_view method, const Segments& path,
                                       const json& body) {
  if (path.size() == 2 && method == "POST") return CreateDeployment(body);
  if (path.size() == 2) {
    std::vector<std::pair<int64_t, json>> found;
    for (const auto& [guid, deployment] : deployments_) {
      found.emplace_back(deployment.created, Show(guid, deployment));
    }
    return NewestFirst(std::move(found));
  }
  const auto found = deployments_.find(path[2]);
  if (found == deployments_.end()) return Missing("Deployment");
  Deployment& deployment = found->second;
  if (path.size() > 3) {  // actions/cancel
    if (deployment.value != "ACTIVE") {
      return Unprocessable("Cannot cancel a FINALIZED deployment");
    }
    deployment.reason = "CANCELING";
    deployment.done_at = clock_.Monotonic() + kDeploymentTakes / 2;
    return JsonReply(200, json::object());
  }
  return JsonReply(200, Show(path[2], deployment));
}

FakeReply Foundation::CreateDeployment(const json& body) {
  const std::string guid = GuidAt(body, "app");
  const auto found = apps_.find(guid);
  if (found == apps_.end()) return Unprocessable("App does not exist");
  const std::string droplet = body.at("droplet").at("guid");
  const Droplet* deployed = FindDroplet(droplet);
  if (deployed == nullptr || deployed->state != "STAGED" || deployed->app != guid) {
    return Unprocessable("The droplet cannot be deployed.");
  }
  App& app = found->second;
  for (auto& [name, earlier] : deployments_) {
    if (earlier.app != guid || earlier.value != "ACTIVE") continue;
    earlier.value = "FINALIZED";
    earlier.reason = "SUPERSEDED";
  }
  if (droplet != app.current_droplet) on_activation(guid, droplet);
  const std::string name = NewGuid("deployment");
  Deployment& deployment = deployments_[name];
  deployment.app = guid;
  deployment.droplet = droplet;
  deployment.previous = app.current_droplet;
  deployment.created = made_;
  deployment.process = ++made_;
  deployment.done_at = clock_.Monotonic() + kDeploymentTakes;
  deployment.annotations = json::object();
  Merge(deployment.annotations, body);
  app.current_droplet = droplet;
  return JsonReply(201, Show(name, deployment));
}

json Foundation::Show(const std::string& guid, const App& app) const {
  json shown = AppJson(guid, app.name, kSpaceGuid);
  shown["state"] = app.state;
  if (!app.current_droplet.empty()) {
    shown["relationships"]["current_droplet"]["data"]["guid"] = app.current_droplet;
  }
  shown["metadata"]["annotations"] = app.annotations;
  return shown;
}

json Foundation::Show(const std::string& guid, const Droplet& droplet) const {
  json shown = DropletJson(guid, droplet.state, droplet.published_sha256);
  shown["created_at"] = sluice::FormatTime(droplet.created_at);
  shown["process_types"] = droplet.process_types;
  shown["relationships"]["app"]["data"]["guid"] = droplet.app;
  shown["metadata"]["annotations"] = droplet.annotations;
  return shown;
}

json Foundation::Show(const std::string& guid, const Deployment& deployment) const {
  json shown = DeploymentJson(guid, deployment.value, deployment.reason);
  shown["relationships"]["app"]["data"]["guid"] = deployment.app;
  shown["droplet"]["guid"] = deployment.droplet;
  shown["new_processes"][0]["guid"] = ProcessGuid(deployment.app, deployment.process);
  shown["metadata"]["annotations"] = deployment.annotations;
  return shown;
}

}  // namespace sluice::simulation
