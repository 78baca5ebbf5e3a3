// How a call of the API ends when it is refused: thrown by the call, turned into CC's error
// envelope in one place (CloudController::Serve).
#pragma once

#include <string>

#include "tests/foundation/http_message.h"

namespace sluice::box {

struct Refusal {
  int status;
  std::string title;
  int code;
  std::string detail;
};

Refusal Unprocessable(std::string detail);      // 422 10008
Refusal NotFound(const std::string& resource);  // 404 10010 "<resource> not found"
Refusal UnknownRequest();                       // 404 10000
Refusal NotAuthorized();                        // 403 10003
Refusal BadQuery(const std::string& detail);    // 400 10005
Refusal InvalidAuthToken();                     // 401 1000
Refusal NotAuthenticated();                     // 401 10002

// {"errors":[{"detail","title","code"}]}
Response RefusalResponse(const Refusal& refusal);

}  // namespace sluice::box
