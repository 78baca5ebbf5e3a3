// The API's front: gorouter's and nginx's part, authentication, the table of calls, CC's error
// envelope and headers. What each call does lies in calls_*.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/foundation/call.h"
#include "tests/foundation/http_server.h"

namespace sluice::box {

// Calls by method and path; ":name" in a pattern stands for any one segment.
class CallTable {
 public:
  void Add(const std::string& method, const std::string& pattern, CallFunction function);
  // Null when there is none. The segments that stood for ":..." are put into `captured`.
  const CallFunction* Match(const std::string& method, const std::string& path,
                            std::vector<std::string>& captured) const;

 private:
  struct Entry {
    std::string method;
    std::vector<std::string> pattern;
    CallFunction function;
  };
  std::vector<Entry> entries_;
};

void AddDiscoveryCalls(CallTable& table);
void AddOrganizationCalls(CallTable& table);  // organizations, spaces, stacks, domains, roles
void AddAppCalls(CallTable& table);
void AddAppPartCalls(CallTable& table);  // environment, features, sidecars, revisions
void AddProcessCalls(CallTable& table);
void AddDropletCalls(CallTable& table);
void AddDeploymentCalls(CallTable& table);
void AddRouteCalls(CallTable& table);
void AddJobAndEventCalls(CallTable& table);

class CloudController {
 public:
  explicit CloudController(Foundation& foundation);
  void Serve(Exchange& exchange);

 private:
  // Answers by itself (true) when a misbehaviour of the front says so.
  bool Misbehave(Exchange& exchange);
  Response Answer(Exchange& exchange, std::string body);
  Actor Authenticate(const Request& request, std::time_t when);
  void Finish(Exchange& exchange, Response response);
  void ServeUpload(Exchange& exchange, const std::string& droplet_guid);

  Foundation& foundation_;
  CallTable table_;
};

}  // namespace sluice::box
