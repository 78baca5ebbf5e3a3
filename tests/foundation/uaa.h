// The UAA: tokens for registered clients, by client_credentials and (for users) password.
#pragma once

#include "tests/foundation/foundation.h"
#include "tests/foundation/http_server.h"

namespace sluice::box {

class Uaa {
 public:
  explicit Uaa(Foundation& foundation) : foundation_(foundation) {}
  void Serve(Exchange& exchange);

 private:
  Response TokenResponse(Exchange& exchange);
  Response Grant(const std::string& client_id, const std::string& secret,
                 const std::string& grant_type);

  Foundation& foundation_;
};

}  // namespace sluice::box
