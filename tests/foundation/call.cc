#include "tests/foundation/call.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace sluice::box {
namespace {

using Json = nlohmann::json;

const std::vector<std::string>& ReadingSpaceRoles() {
  static const auto* roles = new std::vector<std::string>{"space_developer", "space_manager",
                                                          "space_auditor", "space_supporter"};
  return *roles;
}

bool Contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool Plain(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

void CheckCharacters(const std::string& what, const std::string& text) {
  for (char c : text) {
    if (!Plain(c) && c != '-' && c != '_' && c != '.') {
      throw Unprocessable("Metadata " + what + " error: '" + text +
                          "' contains invalid characters");
    }
  }
  if (!text.empty() && (!Plain(text.front()) || !Plain(text.back()))) {
    throw Unprocessable("Metadata " + what + " error: '" + text +
                        "' starts or ends with invalid characters");
  }
  if (text.size() > 63) {
    throw Unprocessable("Metadata " + what + " error: '" + text.substr(0, 8) +
                        "...' is greater than 63 characters");
  }
}

void CheckKey(const std::string& kind, const std::string& key) {
  size_t slash = key.find('/');
  std::string what = kind + " key";
  if (slash != std::string::npos) {
    std::string prefix = key.substr(0, slash);
    if (prefix == "cloudfoundry.org") {
      throw Unprocessable("Metadata " + what + " error: prefix 'cloudfoundry.org' is reserved");
    }
    if (prefix.size() > 253 || key.find('/', slash + 1) != std::string::npos) {
      throw Unprocessable("Metadata " + what + " error: prefix '" + prefix.substr(0, 8) +
                          "...' is greater than 253 characters");
    }
  }
  std::string name = slash == std::string::npos ? key : key.substr(slash + 1);
  if (name.empty()) throw Unprocessable("Metadata " + what + " error: key cannot be empty string");
  CheckCharacters(what, name);
}

void Merge(TextMap& texts, const Json& changes, const std::string& kind) {
  if (!changes.is_object()) throw Unprocessable("Metadata " + kind + "s is not an object");
  for (const auto& [key, value] : changes.items()) {
    CheckKey(kind, key);
    if (value.is_null()) {
      texts.erase(key);
      continue;
    }
    if (!value.is_string()) throw Unprocessable("Metadata " + kind + " value must be a string");
    std::string text = value;
    if (kind == "label") CheckCharacters("label value", text);
    if (text.size() > 5000) {
      throw Unprocessable("Metadata annotation value error: '" + text.substr(0, 8) +
                          "...' is greater than 5000 characters");
    }
    texts[key] = text;
  }
}

}  // namespace

Call::Call(Foundation& foundation_in, const Request& request_in, Actor actor_in, std::string body)
    : foundation(foundation_in),
      store(foundation_in.store),
      request(request_in),
      actor(std::move(actor_in)),
      body_text(std::move(body)) {}

const Json& Call::Body(const std::vector<std::string>& allowed) {
  Json parsed = body_text.empty() ? Json::object() : Json::parse(body_text, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) {
    throw Refusal{400, "CF-MessageParseError", 1001,
                  "Request invalid due to parse error: invalid request body"};
  }
  std::string unknown;
  for (const auto& [field, value] : parsed.items()) {
    if (!Contains(allowed, field)) unknown += (unknown.empty() ? "'" : ", '") + field + "'";
  }
  if (!unknown.empty()) throw Unprocessable("Unknown field(s): " + unknown);
  body_ = std::make_shared<const Json>(std::move(parsed));
  return *body_;
}

bool Call::ReadsEverything() const {
  return Admin() || actor.Has("cloud_controller.admin_read_only") ||
         actor.Has("cloud_controller.global_auditor");
}

bool Call::HasSpaceRole(const std::string& space_guid,
                        const std::vector<std::string>& types) const {
  return std::any_of(store.roles.begin(), store.roles.end(), [&](const auto& entry) {
    const Role& role = entry.second;
    return role.user_guid == actor.guid && role.space_guid == space_guid &&
           Contains(types, role.type);
  });
}

bool Call::HasOrganizationRole(const std::string& organization_guid,
                               const std::vector<std::string>& types) const {
  return std::any_of(store.roles.begin(), store.roles.end(), [&](const auto& entry) {
    const Role& role = entry.second;
    return role.user_guid == actor.guid && role.organization_guid == organization_guid &&
           (types.empty() || Contains(types, role.type));
  });
}

bool Call::SeesSpace(const std::string& space_guid) const {
  return ReadsEverything() || HasSpaceRole(space_guid, ReadingSpaceRoles()) ||
         HasOrganizationRole(store.OrganizationOf(space_guid), {"organization_manager"});
}

bool Call::SeesOrganization(const std::string& organization_guid) const {
  return ReadsEverything() || HasOrganizationRole(organization_guid, {});
}

bool Call::SeesSecrets(const std::string& space_guid) const {
  return Admin() || actor.Has("cloud_controller.admin_read_only") ||
         HasSpaceRole(space_guid, {"space_developer"});
}

bool Call::Develops(const std::string& space_guid) const {
  return Admin() || HasSpaceRole(space_guid, {"space_developer"});
}

bool Call::Operates(const std::string& space_guid) const {
  return Admin() || HasSpaceRole(space_guid, {"space_developer", "space_supporter"});
}

App& Call::VisibleApp(const std::string& guid) {
  App* app = Find(store.apps, guid);
  if (app == nullptr || !SeesSpace(app->space_guid)) throw NotFound("App");
  return *app;
}

App& Call::AppOf(const Droplet& droplet) { return store.apps.at(droplet.app_guid); }

Droplet& Call::VisibleDroplet(const std::string& guid) {
  Droplet* droplet = Find(store.droplets, guid);
  if (droplet == nullptr || !store.apps.contains(droplet->app_guid) ||
      !SeesSpace(AppOf(*droplet).space_guid)) {
    throw NotFound("Droplet");
  }
  return *droplet;
}

Process& Call::VisibleProcess(const std::string& guid) {
  Process* process = Find(store.processes, guid);
  App* app = process == nullptr ? nullptr : Find(store.apps, process->app_guid);
  if (app == nullptr || !SeesSpace(app->space_guid)) throw NotFound("Process");
  return *process;
}

Deployment& Call::VisibleDeployment(const std::string& guid) {
  Deployment* deployment = Find(store.deployments, guid);
  App* app = deployment == nullptr ? nullptr : Find(store.apps, deployment->app_guid);
  if (app == nullptr || !SeesSpace(app->space_guid)) throw NotFound("Deployment");
  return *deployment;
}

void Call::RequireWrite(bool allowed, const std::string& space_guid) {
  if (!allowed) throw NotAuthorized();
  if (Admin()) return;
  const Organization* organization = Find(store.organizations, store.OrganizationOf(space_guid));
  bool suspended = organization != nullptr && organization->suspended;
  if (suspended || foundation.misbehaviours.Take("org-suspended")) {
    throw Refusal{403, "CF-OrgSuspended", 10017, "The organization is suspended"};
  }
}

Response JsonResponse(int status, const Json& body) {
  // What an app printed when it crashed is shown too, and may be no UTF-8.
  return TextResponse(status, "application/json; charset=utf-8",
                      body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Response AcceptedWithJob(Foundation& foundation, const Job& job) {
  Response response = TextResponse(202, "application/json; charset=utf-8", "");
  response.headers.Set("Location", foundation.api_url + "/v3/jobs/" + job.guid);
  return response;
}

std::string RelationshipGuid(const Json& body, const std::string& name) {
  Json::json_pointer pointer("/relationships/" + name + "/data/guid");
  if (!body.contains(pointer) || !body[pointer].is_string()) return "";
  return body[pointer];
}

void UpdateMetadata(Metadata& metadata, const Json& body) {
  if (!body.contains("metadata")) return;
  const Json& changes = body["metadata"];
  if (!changes.is_object()) throw Unprocessable("'metadata' is not an object");
  Metadata merged = metadata;
  for (const auto& [field, value] : changes.items()) {
    if (field == "labels") {
      Merge(merged.labels, value, "label");
    } else if (field == "annotations") {
      Merge(merged.annotations, value, "annotation");
    } else {
      throw Unprocessable("Metadata has unexpected field(s): '" + field + "'");
    }
  }
  if (merged.labels.size() > 50) {
    throw Refusal{422, "CF-LabelLimitExceeded", 390020,
                  "Failed to add " + std::to_string(merged.labels.size() - metadata.labels.size()) +
                      " labels because it would exceed maximum of 50"};
  }
  if (merged.annotations.size() > 200) {
    throw Refusal{422, "CF-AnnotationLimitExceeded", 390023,
                  "Failed to add " +
                      std::to_string(merged.annotations.size() - metadata.annotations.size()) +
                      " annotations because it would exceed maximum of 200"};
  }
  metadata = std::move(merged);
}

}  // namespace sluice::box
