// The router: sends a request by its Host name to a healthy instance, as gorouter does.
#pragma once

#include <string>
#include <vector>

#include "tests/foundation/foundation.h"
#include "tests/foundation/http_server.h"

namespace sluice::box {

class Router {
 public:
  static constexpr size_t kBodyBytesMax = size_t{64} << 20;  // a request's; it is kept for a retry
  static constexpr int kAttempts = 3;                        // gorouter tries that many endpoints

  explicit Router(Foundation& foundation) : foundation_(foundation) {}
  void Serve(Exchange& exchange);

 private:
  // The processes behind the route that fits best. False when no route does.
  bool Lookup(const Request& request, std::vector<std::string>& process_guids) const;
  Response Forward(const Request& request, const std::string& body,
                   const std::vector<std::string>& process_guids);

  Foundation& foundation_;
};

}  // namespace sluice::box
