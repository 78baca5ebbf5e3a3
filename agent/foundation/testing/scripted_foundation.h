// A foundation that answers as a test tells it, and the client that speaks to it: no network, no
// time that passes.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "common/base/testing/fake_clock.h"
#include "common/http/testing/fake_transport.h"
#include "common/http/testing/fake_waiter.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {

// One thread. The root document and logins are answered without being told; anything else that
// was not told is Cloud Controller's 404 10000.
class ScriptedFoundation {
 public:
  static constexpr std::string_view kApi = "https://api.test";
  static constexpr std::string_view kTokenUrl = "https://login.test/oauth/token";
  static constexpr std::string_view kSecret = "s3cret +&=%/";
  static constexpr int kTokenSeconds = 1200;

  ScriptedFoundation();

  // What to answer to `method` at `where`, a path of the API or a whole URL, without its query.
  // Several are given in turn; the last one stays.
  void On(std::string_view method, std::string_view where, http::FakeReply reply);
  void Fail(std::string_view method, std::string_view where, const Status& failure);

  // The one request seen for `method` and a URL that contains `part`; a test failure if there are
  // none or several.
  http::SeenRequest Only(std::string_view method, std::string_view part) const;
  size_t Count(std::string_view method, std::string_view part) const;

  CloudController& client() { return client_; }
  http::FakeTransport& transport() { return transport_; }
  FakeClock& clock() { return clock_; }
  http::FakeWaiter& waiter() { return waiter_; }
  // What the credentials source gives, and how often it was asked.
  ClientCredentials credentials{"sluice", Secret(std::string(kSecret))};
  int credentials_read = 0;
  // Called before each request is answered.
  std::function<void(const http::SeenRequest&)> on_request;

 private:
  StatusOr<http::FakeReply> Serve(const http::SeenRequest& request);

  struct Answer {
    http::FakeReply reply;
    Status failure;
    bool given = false;
  };
  std::map<std::string, std::deque<Answer>> answers_;  // by "METHOD URL"
  int logins_ = 0;
  FakeClock clock_;
  http::FakeWaiter waiter_{clock_};
  http::FakeTransport transport_;
  CloudController client_;
};

http::FakeReply JsonReply(int status, const nlohmann::json& body);
// Cloud Controller's error envelope.
http::FakeReply ErrorReply(int status, int code, std::string_view title, std::string_view detail);
// A list's page; `next` is the URL of the next one, or "".
http::FakeReply PageReply(const std::vector<nlohmann::json>& resources, std::string_view next = "");

// Resources as Cloud Controller shows them, with the fields that matter to a test.
nlohmann::json OrganizationJson(std::string_view guid, std::string_view name);
nlohmann::json SpaceJson(std::string_view guid, std::string_view name, std::string_view org);
nlohmann::json AppJson(std::string_view guid, std::string_view name, std::string_view space);
nlohmann::json DropletJson(std::string_view guid, std::string_view state,
                           std::string_view sha256 = "");
nlohmann::json JobJson(std::string_view guid, std::string_view state);
nlohmann::json DeploymentJson(std::string_view guid, std::string_view value,
                              std::string_view reason);

}  // namespace sluice::foundation
