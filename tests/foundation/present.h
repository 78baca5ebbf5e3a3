// The JSON of each resource, as CC v3 shows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "tests/foundation/foundation.h"

namespace sluice::box {

// Start commands are secret to some roles, and in every list.
enum class Redaction { kNone, kSingle, kList };

// Callers hold the store's mutex.
class Presenter {
 public:
  explicit Presenter(Foundation& foundation) : foundation_(foundation) {}

  nlohmann::json Of(const Organization& organization) const;
  nlohmann::json Of(const Space& space) const;
  nlohmann::json Of(const Stack& stack) const;
  nlohmann::json Of(const Domain& domain) const;
  nlohmann::json Of(const Role& role) const;
  nlohmann::json Of(const App& app) const;
  nlohmann::json Of(const Process& process, Redaction redaction) const;
  nlohmann::json Of(const Droplet& droplet, Redaction redaction) const;
  nlohmann::json Of(const Sidecar& sidecar) const;
  nlohmann::json Of(const Revision& revision) const;
  nlohmann::json Of(const Deployment& deployment) const;
  nlohmann::json Of(const Route& route) const;
  nlohmann::json Of(const Job& job) const;
  nlohmann::json Of(const AuditEvent& event) const;

  nlohmann::json Destinations(const Route& route) const;
  nlohmann::json CurrentDropletRelationship(const App& app) const;
  std::string RouteUrl(const Route& route) const;  // host.domain/path
  // {"href": API url + path}, with a method when there is one.
  nlohmann::json Link(const std::string& path, const std::string& method = "") const;

 private:
  nlohmann::json Start(const Record& record) const;
  nlohmann::json DropletLinks(const Droplet& droplet) const;

  Foundation& foundation_;
};

// The command that a process shows and runs: its custom one, else the droplet's.
std::string EffectiveCommand(const Store& store, const Process& process);

// {"data":{"guid":...}} or {"data":null}
nlohmann::json ToOne(const std::optional<std::string>& guid);

}  // namespace sluice::box
