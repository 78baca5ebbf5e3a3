// One call of the CC API on its way through the box: who calls, with what, and what they may see.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/foundation/foundation.h"
#include "tests/foundation/http_message.h"
#include "tests/foundation/refusal.h"
#include "tests/foundation/tokens.h"

namespace sluice::box {

class Call {
 public:
  Call(Foundation& foundation, const Request& request, Actor actor, std::string body);

  Foundation& foundation;
  Store& store;
  const Request& request;
  const Actor actor;
  std::vector<std::string> captured;  // what stood for the ":..." of the pattern
  std::string body_text;

  // The body as a JSON object; an absent body is an empty one. Refuses malformed JSON (1001)
  // and fields that are not `allowed` (10008).
  const nlohmann::json& Body(const std::vector<std::string>& allowed);

  // --- what the caller may see and do (CC's doc, "Roles"; tests/foundation/README.md) ---
  bool Admin() const { return actor.Has("cloud_controller.admin"); }
  bool ReadsEverything() const;
  bool HasSpaceRole(const std::string& space_guid, const std::vector<std::string>& types) const;
  bool HasOrganizationRole(const std::string& organization_guid,
                           const std::vector<std::string>& types) const;
  bool SeesSpace(const std::string& space_guid) const;
  bool SeesOrganization(const std::string& organization_guid) const;
  // Admin, admin_read_only, space_developer.
  bool SeesSecrets(const std::string& space_guid) const;
  bool Develops(const std::string& space_guid) const;  // admin, space_developer
  bool Operates(const std::string& space_guid) const;  // and space_supporter

  // --- resources by guid; refuse with CC's 404 when absent or out of sight ---
  App& VisibleApp(const std::string& guid);
  Droplet& VisibleDroplet(const std::string& guid);
  Process& VisibleProcess(const std::string& guid);
  Deployment& VisibleDeployment(const std::string& guid);
  App& AppOf(const Droplet& droplet);

  // 403 unless `allowed`; 403 10017 when the organisation is suspended and the caller no admin.
  void RequireWrite(bool allowed, const std::string& space_guid);

 private:
  std::shared_ptr<const nlohmann::json> body_;  // shared only because Json is incomplete here
};

using CallFunction = std::function<Response(Call&)>;

Response JsonResponse(int status, const nlohmann::json& body);
Response AcceptedWithJob(Foundation& foundation, const Job& job);  // 202, empty, Location

// "relationships" > name > "data" > "guid", or "" when absent.
std::string RelationshipGuid(const nlohmann::json& body, const std::string& name);

// Merges labels and annotations of `body`, null deleting a key. Refuses what CC refuses.
void UpdateMetadata(Metadata& metadata, const nlohmann::json& body);

}  // namespace sluice::box
