// Seeding: spaces, clients with roles, apps with droplets that were "staged" from any file, and
// records in states that take a real foundation years to get into.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/foundation/admin.h"
#include "tests/foundation/app_lifecycle.h"
#include "tests/foundation/blobstore.h"
#include "tests/foundation/call.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string Needed(const Json& body, const char* field) {
  std::string value = body.value(field, "");
  if (value.empty()) throw AdminRefusal{400, std::string(field) + " is needed"};
  return value;
}

Organization& OrganizationFor(Store& store, const std::string& name, bool duplicate) {
  Organization* there = store.OrganizationNamed(name);
  if (there != nullptr && !duplicate) return *there;
  Organization organization;
  organization.name = name;
  return store.Add(store.organizations, std::move(organization));
}

Space& SpaceFor(Store& store, const std::string& organization_guid, const std::string& name,
                bool duplicate) {
  Space* there = store.SpaceNamed(organization_guid, name);
  if (there != nullptr && !duplicate) return *there;
  Space space;
  space.name = name;
  space.organization_guid = organization_guid;
  return store.Add(store.spaces, std::move(space));
}

void AddRole(Store& store, const std::string& type, const std::string& user_guid,
             const std::string& organization_guid, const std::string& space_guid) {
  for (const auto& [guid, other] : store.roles) {
    if (other.type == type && other.user_guid == user_guid && other.space_guid == space_guid &&
        (!space_guid.empty() || other.organization_guid == organization_guid)) {
      return;
    }
  }
  Role role;
  role.type = type;
  role.user_guid = user_guid;
  role.space_guid = space_guid;
  if (space_guid.empty()) role.organization_guid = organization_guid;
  store.Add(store.roles, std::move(role));
}

// A copy of the file in the blobstore, under the droplet's key.
FileDigests StoreCopy(Foundation& foundation, const std::string& file,
                      const std::string& droplet_guid) {
  std::string copy = foundation.options.directory + "/uploads/" + RandomHex(12);
  std::error_code failed;
  fs::copy_file(file, copy, failed);
  if (failed) throw AdminRefusal{400, "cannot read " + file + ": " + failed.message()};
  auto digests = DigestFile(copy);
  if (!digests || !foundation.blobstore->Put(
                      copy, Blobstore::DropletKey(droplet_guid, digests->sha1), *digests)) {
    fs::remove(copy, failed);
    throw AdminRefusal{500, "cannot store " + file};
  }
  return *digests;
}

void PublishChecksum(Droplet& droplet, const std::string& checksum) {
  if (checksum == "sha256") {
    droplet.checksum_published = true;
  } else if (checksum == "sha1") {
    droplet.checksum_published = true;
    droplet.sha256.reset();
  } else if (checksum == "none") {
    droplet.checksum_published = false;
  } else {
    throw AdminRefusal{400, "checksum is sha256, sha1 or none"};
  }
}

// The record that staging would have made. The bits are stored before; no lock is needed.
Droplet MakeDroplet(Foundation& foundation, const Json& body, FileDigests& digests) {
  Droplet droplet;
  droplet.guid = RandomGuid();
  droplet.lifecycle = body.value("lifecycle", "buildpack");
  droplet.state = body.value("state", "STAGED");
  droplet.process_types = body.value("process_types", TextMap{{"web", ""}});
  if (droplet.lifecycle == "docker") {
    droplet.image = body.value("image", "docker.io/library/busybox:1.36");
    return droplet;
  }
  droplet.stack = body.value("stack", foundation.options.stacks.front());
  for (const Json& name : body.value("buildpacks", Json::array())) {
    droplet.buildpacks.push_back({name, "", name, "1.0.0"});
  }
  if (!body.contains("droplet")) throw AdminRefusal{400, "droplet is needed"};
  if (droplet.state == "EXPIRED" || droplet.state == "FAILED") return droplet;
  digests = StoreCopy(foundation, body["droplet"], droplet.guid);
  droplet.sha1 = digests.sha1;
  droplet.sha256 = digests.sha256;
  PublishChecksum(droplet, body.value("checksum", "sha256"));
  return droplet;
}

App& AddApp(Foundation& foundation, const Json& body, const Space& space) {
  Store& store = foundation.store;
  App app;
  app.name = Needed(body, "name");
  app.space_guid = space.guid;
  app.lifecycle = body.value("lifecycle", "buildpack");
  app.stack = body.value("stack", foundation.options.stacks.front());
  app.buildpacks = body.value("buildpacks", std::vector<std::string>{});
  app.environment = body.value("environment", TextMap{});
  app.metadata.labels = body.value("labels", TextMap{});
  app.metadata.annotations = body.value("annotations", TextMap{});
  app.features = {{"ssh", true},
                  {"revisions", true},
                  {"service-binding-k8s", false},
                  {"file-based-vcap-services", false}};
  App& added = store.Add(store.apps, std::move(app));
  AddProcess(store, added, "web");
  return added;
}

void SetUpProcesses(Store& store, const App& app, const Json& body) {
  const Json instances = body.value("instances", Json::object());
  for (Process* process : store.ProcessesOf(app.guid)) {
    process->instances = instances.value(process->type, process->instances);
    process->memory_in_mb = body.value("memory_in_mb", process->memory_in_mb);
    if (process->type != "web") continue;
    process->health_check.type = body.value("health_check", process->health_check.type);
    process->health_check.endpoint = body.value("health_endpoint", process->health_check.endpoint);
  }
}

// The app's route with that host; a second push finds it there.
std::string AddRoute(Foundation& foundation, const App& app, const std::string& host) {
  Store& store = foundation.store;
  for (const auto& [guid, there] : store.routes) {
    bool to_app = std::any_of(there.destinations.begin(), there.destinations.end(),
                              [&](const Destination& to) { return to.app_guid == app.guid; });
    if (to_app && there.host == host) return Presenter(foundation).RouteUrl(there);
  }
  Route route;
  route.host = host;
  route.domain_guid = Ordered(store.domains).front()->guid;
  route.space_guid = app.space_guid;
  Destination destination;
  destination.guid = RandomGuid();
  destination.app_guid = app.guid;
  destination.created_at = std::time(nullptr);
  route.destinations.push_back(std::move(destination));
  return Presenter(foundation).RouteUrl(store.Add(store.routes, std::move(route)));
}

Json Stored(const Droplet& droplet, const FileDigests& digests) {
  return {{"app_guid", droplet.app_guid},
          {"droplet_guid", droplet.guid},
          {"sha1", digests.sha1},
          {"sha256", digests.sha256},
          {"bytes", digests.bytes}};
}

// Rules of CC that a seed breaks are the test's mistake: they are told as CC words them.
template <typename Change>
void Obeying(Change change) {
  try {
    change();
  } catch (const Refusal& refusal) {
    throw AdminRefusal{422, refusal.detail};
  }
}

void CorruptByte(const std::string& path, off_t at) {
  int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  char byte = 0;
  bool done = file >= 0 && pread(file, &byte, 1, at) == 1;
  byte = static_cast<char>(byte ^ 1);
  done = done && pwrite(file, &byte, 1, at) == 1;
  if (file >= 0) close(file);
  if (!done) throw AdminRefusal{400, "the blob has no byte " + std::to_string(at)};
}

}  // namespace

Json SeedSpace(const AdminRequest& request) {
  Store& store = request.foundation.store;
  std::lock_guard lock(store.mutex);
  bool duplicate = request.body.value("duplicate", false);
  bool whole = request.body.value("duplicate_organization", false);
  const Organization& organization =
      OrganizationFor(store, Needed(request.body, "organization"), whole);
  const Space& space = SpaceFor(store, organization.guid, Needed(request.body, "space"), duplicate);
  return {{"organization_guid", organization.guid}, {"space_guid", space.guid}};
}

Json SeedClient(const AdminRequest& request) {
  Store& store = request.foundation.store;
  Client client;
  client.id = Needed(request.body, "id");
  client.secret = Needed(request.body, "secret");
  client.scopes = request.body.value(
      "scopes", std::vector<std::string>{"cloud_controller.read", "cloud_controller.write"});
  if (request.body.contains("token_seconds")) client.token_seconds = request.body["token_seconds"];
  std::lock_guard lock(store.mutex);
  std::erase_if(store.roles,
                [&](const auto& entry) { return entry.second.user_guid == client.id; });
  for (const Json& role : request.body.value("roles", Json::array())) {
    const Organization& organization = OrganizationFor(store, Needed(role, "organization"), false);
    AddRole(store, "organization_user", client.id, organization.guid, "");
    std::string type = Needed(role, "type");
    std::string space_guid;
    if (type.starts_with("space_")) {
      space_guid = SpaceFor(store, organization.guid, Needed(role, "space"), false).guid;
    }
    AddRole(store, type, client.id, organization.guid, space_guid);
  }
  Json answer = {{"id", client.id}};
  store.clients[client.id] = std::move(client);
  return answer;
}

Json RemoveClient(const AdminRequest& request) {
  std::lock_guard lock(request.foundation.store.mutex);
  if (request.foundation.store.clients.erase(request.segments.at(1)) == 0) {
    throw AdminRefusal{404, "no such client"};
  }
  return Json::object();
}

Json SeedApp(const AdminRequest& request) {
  Foundation& foundation = request.foundation;
  Store& store = foundation.store;
  const Json& body = request.body;
  bool docker = body.value("lifecycle", "buildpack") == "docker";
  bool with_droplet = docker || body.contains("droplet");
  FileDigests digests;
  Droplet droplet;
  if (with_droplet) droplet = MakeDroplet(foundation, body, digests);
  std::lock_guard lock(store.mutex);
  const Organization& organization = OrganizationFor(store, Needed(body, "organization"), false);
  const Space& space = SpaceFor(store, organization.guid, Needed(body, "space"), false);
  App* there = store.AppNamed(space.guid, Needed(body, "name"));
  App& app = there != nullptr ? *there : AddApp(foundation, body, space);
  Json answer = {{"app_guid", app.guid}};
  Obeying([&] {
    if (with_droplet) {
      droplet.app_guid = app.guid;
      const Droplet& added = store.Add(store.droplets, std::move(droplet));
      answer = Stored(added, digests);
      if (added.state == "STAGED") AssignDroplet(foundation, app, added);
    }
    SetUpProcesses(store, app, body);
    if (app.state == "STARTED") {
      RestartApp(foundation, app);
    } else if (body.value("start", false)) {
      StartApp(foundation, app);
    }
  });
  if (body.contains("host")) answer["route_url"] = AddRoute(foundation, app, body["host"]);
  return answer;
}

Json SeedDroplet(const AdminRequest& request) {
  Foundation& foundation = request.foundation;
  FileDigests digests;
  Droplet droplet = MakeDroplet(foundation, request.body, digests);
  std::lock_guard lock(foundation.store.mutex);
  droplet.app_guid = Needed(request.body, "app_guid");
  if (!foundation.store.apps.contains(droplet.app_guid)) throw AdminRefusal{404, "no such app"};
  return Stored(foundation.store.Add(foundation.store.droplets, std::move(droplet)), digests);
}

Json ChangeDroplet(const AdminRequest& request) {
  Foundation& foundation = request.foundation;
  const Json& body = request.body;
  std::lock_guard lock(foundation.store.mutex);
  Droplet* droplet = Find(foundation.store.droplets, request.segments.at(1));
  if (droplet == nullptr) throw AdminRefusal{404, "no such droplet"};
  std::string key = droplet->sha1 ? Blobstore::DropletKey(droplet->guid, *droplet->sha1) : "";
  if (body.contains("corrupt_byte") && !key.empty()) {
    CorruptByte(foundation.blobstore->PathOf(key), body["corrupt_byte"].get<off_t>());
  }
  if (body.value("remove_blob", false) && !key.empty()) foundation.blobstore->Delete(key);
  if (body.contains("checksum")) PublishChecksum(*droplet, body["checksum"]);
  if (body.contains("published_sha256")) droplet->published_sha256_lie = body["published_sha256"];
  if (body.contains("state")) {
    droplet->state = body["state"];
    if (droplet->state == "EXPIRED") {  // what retention leaves of a droplet
      if (!key.empty()) foundation.blobstore->Delete(key);
      droplet->sha1.reset();
      droplet->sha256.reset();
    }
  }
  foundation.store.Touch(*droplet);
  return Json::object();
}

Json ChangeStack(const AdminRequest& request) {
  Store& store = request.foundation.store;
  std::lock_guard lock(store.mutex);
  const std::string& name = request.segments.at(1);
  Stack* stack = store.StackNamed(name);
  if (stack == nullptr) {
    Stack added;
    added.name = name;
    stack = &store.Add(store.stacks, std::move(added));
  }
  stack->state = request.body.value("state", stack->state);
  if (!request.body.value("present", true)) store.stacks.erase(std::string(stack->guid));
  return Json::object();
}

}  // namespace sluice::box
