// The parts of one box, for those of them that need each other.
#pragma once

#include <string>

#include "tests/foundation/misbehaviours.h"
#include "tests/foundation/options.h"
#include "tests/foundation/store.h"

namespace sluice::box {

class Blobstore;
class RequestLog;
class Runtime;
class Tokens;

struct Foundation {
  Options options;
  std::string api_url;
  std::string uaa_url;
  std::string fault_url;  // where faulty downloads are redirected to
  Store store;
  Misbehaviours misbehaviours;
  // Owned by main; set before the first request is served.
  Blobstore* blobstore = nullptr;
  Runtime* runtime = nullptr;
  Tokens* tokens = nullptr;
  RequestLog* requests = nullptr;
};

}  // namespace sluice::box
