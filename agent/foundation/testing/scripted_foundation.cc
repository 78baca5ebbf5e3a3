#include "agent/foundation/testing/scripted_foundation.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace sluice::foundation {

using http::FakeReply;
using nlohmann::json;

FakeReply JsonReply(int status, const json& body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json; charset=utf-8"}},
          .body = body.dump(),
          .then_fail = {}};
}

FakeReply ErrorReply(int status, int code, std::string_view title, std::string_view detail) {
  FakeReply reply =
      JsonReply(status, {{"errors", {{{"detail", detail}, {"title", title}, {"code", code}}}}});
  reply.headers.Add("X-Vcap-Request-Id", "theirs::42");
  return reply;
}

FakeReply PageReply(const std::vector<json>& resources, std::string_view next) {
  return JsonReply(200, {{"pagination",
                          {{"total_results", resources.size()},
                           {"total_pages", 1},
                           {"next", next.empty() ? json(nullptr) : json{{"href", next}}}}},
                         {"resources", resources}});
}

json OrganizationJson(std::string_view guid, std::string_view name) {
  return {{"guid", guid}, {"name", name}, {"suspended", false}};
}

json SpaceJson(std::string_view guid, std::string_view name, std::string_view org) {
  return {{"guid", guid},
          {"name", name},
          {"relationships", {{"organization", {{"data", {{"guid", org}}}}}}}};
}

json AppJson(std::string_view guid, std::string_view name, std::string_view space) {
  return {
      {"guid", guid},
      {"name", name},
      {"state", "STARTED"},
      {"lifecycle",
       {{"type", "buildpack"}, {"data", {{"buildpacks", json::array()}, {"stack", "cflinuxfs4"}}}}},
      {"relationships",
       {{"space", {{"data", {{"guid", space}}}}},
        {"current_droplet", {{"data", {{"guid", nullptr}}}}}}},
      {"metadata", {{"labels", json::object()}, {"annotations", json::object()}}}};
}

json DropletJson(std::string_view guid, std::string_view state, std::string_view sha256) {
  return {
      {"guid", guid},
      {"created_at", "2026-01-01T00:00:00Z"},
      {"state", state},
      {"error", nullptr},
      {"lifecycle", {{"type", "buildpack"}, {"data", json::object()}}},
      {"checksum", sha256.empty() ? json(nullptr) : json{{"type", "sha256"}, {"value", sha256}}},
      {"buildpacks", json::array()},
      {"stack", nullptr},
      {"execution_metadata", ""},
      {"process_types", {{"web", "run"}}},
      {"relationships", {{"app", {{"data", {{"guid", "app-1"}}}}}}},
      {"metadata", {{"labels", json::object()}, {"annotations", json::object()}}}};
}

json JobJson(std::string_view guid, std::string_view state) {
  return {
      {"guid", guid}, {"operation", "droplet.upload"}, {"state", state}, {"errors", json::array()}};
}

json DeploymentJson(std::string_view guid, std::string_view value, std::string_view reason) {
  return {{"guid", guid},
          {"created_at", "2026-01-01T00:00:00Z"},
          {"status", {{"value", value}, {"reason", reason}, {"details", json::object()}}},
          {"strategy", "rolling"},
          {"droplet", {{"guid", "droplet-1"}}},
          {"previous_droplet", {{"guid", nullptr}}},
          {"new_processes", {{{"guid", "process-2"}, {"type", "web"}}}},
          {"revision", nullptr},
          {"relationships", {{"app", {{"data", {{"guid", "app-1"}}}}}}}};
}

ScriptedFoundation::ScriptedFoundation()
    : transport_([this](const http::SeenRequest& request) { return Serve(request); }),
      client_(
          {.foundation = "prod", .api_url = absl::StrCat(ToAbsl(kApi), "/"), .retry = {}},
          [this]() -> StatusOr<ClientCredentials> {
            ++credentials_read;
            return credentials;
          },
          transport_, clock_, waiter_, /*jitter_seed=*/7) {}

void ScriptedFoundation::On(std::string_view method, std::string_view where, FakeReply reply) {
  const std::string url =
      where.starts_with('/') ? absl::StrCat(ToAbsl(kApi), ToAbsl(where)) : std::string(where);
  answers_[absl::StrCat(ToAbsl(method), " ", url)].push_back({std::move(reply), {}, false});
}

void ScriptedFoundation::Fail(std::string_view method, std::string_view where,
                              const Status& failure) {
  On(method, where, {});
  const std::string url =
      where.starts_with('/') ? absl::StrCat(ToAbsl(kApi), ToAbsl(where)) : std::string(where);
  answers_[absl::StrCat(ToAbsl(method), " ", url)].back().failure = failure;
}

StatusOr<FakeReply> ScriptedFoundation::Serve(const http::SeenRequest& request) {
  if (on_request) on_request(request);
  const std::string url = request.url.substr(0, request.url.find('?'));
  const auto found = answers_.find(absl::StrCat(request.method, " ", url));
  if (found != answers_.end()) {
    std::deque<Answer>& answers = found->second;
    if (answers.front().given && answers.size() > 1) answers.pop_front();
    Answer& answer = answers.front();
    answer.given = true;
    if (!answer.failure.ok()) return answer.failure;
    return answer.reply;
  }
  if (url == absl::StrCat(ToAbsl(kApi), "/")) {
    return JsonReply(200, {{"links",
                            {{"login", {{"href", "https://login.test/"}}},
                             {"uaa", {{"href", "https://uaa.test"}}},
                             {"cloud_controller_v3", {{"meta", {{"version", "3.228.0"}}}}}}}});
  }
  if (url == kTokenUrl) {
    return JsonReply(200, {{"access_token", absl::StrCat("token-", ++logins_)},
                           {"token_type", "bearer"},
                           {"expires_in", kTokenSeconds},
                           {"scope", "cloud_controller.write cloud_controller.read"}});
  }
  return ErrorReply(404, 10000, "CF-NotFound", "Unknown request");
}

http::SeenRequest ScriptedFoundation::Only(std::string_view method, std::string_view part) const {
  const auto seen = transport_.Seen(method, part);
  EXPECT_EQ(seen.size(), 1U) << method << " " << part;
  return seen.empty() ? http::SeenRequest{} : seen.front();
}

size_t ScriptedFoundation::Count(std::string_view method, std::string_view part) const {
  return transport_.Seen(method, part).size();
}

}  // namespace sluice::foundation
