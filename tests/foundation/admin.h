// The admin endpoint: how a test seeds the box, looks inside, and tells it to misbehave.
// tests/foundation/README.md describes its requests.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/foundation/foundation.h"
#include "tests/foundation/http_server.h"

namespace sluice::box {

// One request of the endpoint. Its function returns the answer's body or throws AdminRefusal.
struct AdminRequest {
  Foundation& foundation;
  const Request& request;
  std::vector<std::string> segments;  // of the path
  const nlohmann::json& body;         // an object
};

struct AdminRefusal {
  int status;
  std::string what;
};

class Admin {
 public:
  // `about` is what box.json says.
  Admin(Foundation& foundation, std::string about);
  void Serve(Exchange& exchange);

 private:
  using Function = std::function<nlohmann::json(const AdminRequest&)>;

  nlohmann::json Answer(const AdminRequest& request) const;

  Foundation& foundation_;
  std::string about_;
};

// --- admin_seeding.cc; each takes the store's mutex ---
nlohmann::json SeedSpace(const AdminRequest& request);
nlohmann::json SeedClient(const AdminRequest& request);
nlohmann::json RemoveClient(const AdminRequest& request);
nlohmann::json SeedApp(const AdminRequest& request);
nlohmann::json SeedDroplet(const AdminRequest& request);
nlohmann::json ChangeDroplet(const AdminRequest& request);
nlohmann::json ChangeStack(const AdminRequest& request);

// --- admin_state.cc ---
nlohmann::json ShowState(const AdminRequest& request);
nlohmann::json ShowRunningInstances(const AdminRequest& request);

}  // namespace sluice::box
