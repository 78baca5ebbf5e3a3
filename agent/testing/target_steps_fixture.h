// A target's steps against a foundation that answers as a test says.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/foundation/testing/scripted_foundation.h"
#include "agent/jobs/annotations.h"
#include "agent/jobs/target_steps.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {

using foundation::AppJson;
using foundation::DeploymentJson;
using foundation::DropletJson;
using foundation::ErrorReply;
using foundation::JobJson;
using foundation::JsonReply;
using foundation::PageReply;
using nlohmann::json;

inline const std::string kApp = "22222222-0000-4000-8000-000000000003";
inline const std::string kBefore = "22222222-0000-4000-8000-000000000004";
inline const std::string kStatementEnvelope = "{statement}";
inline const std::string kSha256(64, 'a');
inline const std::string kOtherSha256(64, 'b');
inline const std::string kAppPath = "/v3/apps/" + kApp;
inline const Status kCut = NamedError(StatusCode::kUnavailable, "connection-cut", "cut");
inline const http::FakeReply kAway = ErrorReply(503, 10015, "CF-ServiceUnavailable", "later");
inline const http::FakeReply kForbidden =
    ErrorReply(403, 10003, "CF-NotAuthorized", "not authorized");

// All of it is there, or nothing ever comes.
class ArrivingBits final : public IncomingDroplet {
 public:
  explicit ArrivingBits(Status failure) : failure_(std::move(failure)) {}
  std::unique_ptr<transfer::ArrivingDroplet> Open() override {
    return std::make_unique<Reader>(failure_);
  }
  Status failure() override { return failure_; }
  void GiveUp(const Status&) override {}
  transfer::TransferFigures figures() const override {
    transfer::TransferFigures figures;
    figures.bytes_total = figures.bytes_done = kBits.size();
    return figures;
  }

  static constexpr std::string_view kBits = "bits";

 private:
  class Reader final : public transfer::ArrivingDroplet {
   public:
    explicit Reader(Status failure) : failure_(std::move(failure)) {}
    StatusOr<bool> AwaitBytes(absl::Duration) override {
      SLUICE_RETURN_IF_ERROR(failure_);
      return true;
    }
    StatusOr<size_t> Read(std::span<char> plain) override {
      const size_t count = left_.copy(plain.data(), plain.size());
      left_.remove_prefix(count);
      return count;
    }

   private:
    const Status failure_;
    std::string_view left_ = kBits;
  };

  const Status failure_;
};

class TargetStepsTest : public testing::Test {
 protected:
  TargetStepsTest() {
    assignment_.order = trust_.PromoteOrder();
    assignment_.order.artifact.size_bytes = static_cast<int64_t>(ArrivingBits::kBits.size());
    statement_.sha256 = kSha256;
    statement_.stack = "cflinuxfs4";
    statement_.process_types = {{"web", "run"}};
    ResetFoundation();
  }

  // A foundation in which nothing has happened, and an agent that knows of nothing.
  void ResetFoundation() {
    prod_ = std::make_unique<foundation::ScriptedFoundation>();
    steps_ = std::make_unique<TargetSteps>(TargetSteps::Options(), prod_->client(), prod_->clock(),
                                           prod_->waiter());
    facts_ = TargetFacts();
    journal_.clear();
    arriving_ = absl::OkStatus();
    for (const char* deleted : {"/v3/droplets/new", "/v3/apps/made"}) {
      On("DELETE", deleted, Accepted());
    }
  }

  void On(std::string_view method, const std::string& where, http::FakeReply reply) {
    prod_->On(method, where, std::move(reply));
  }
  static http::FakeReply Accepted() {
    http::FakeReply reply = JsonReply(202, DropletJson("new", "PROCESSING_UPLOAD"));
    reply.headers.Add("Location", "https://api.test/v3/jobs/job-1");
    return reply;
  }
  static http::FakeReply App(std::string_view guid, std::string_view droplet,
                             std::string_view state = "STARTED") {
    json app = AppJson(guid, "checkout", "22222222-0000-4000-8000-000000000002");
    app["state"] = state;
    if (!droplet.empty()) {
      app["relationships"]["current_droplet"]["data"]["guid"] = droplet;
    }
    return JsonReply(200, app);
  }
  static http::FakeReply ADroplet(std::string_view guid, std::string_view state,
                                  std::string_view sha256 = "") {
    return JsonReply(200, DropletJson(guid, state, sha256));
  }
  static http::FakeReply Deployment(std::string_view value, std::string_view reason) {
    return JsonReply(200, DeploymentJson("d", value, reason));
  }
  static json Crash(std::string_view process) {
    return {{"guid", "e"},
            {"type", "audit.app.process.crash"},
            {"actor", {{"guid", process}, {"type", "process"}}},
            {"created_at", "2026-01-01T00:00:05Z"},
            {"data", {{"reason", "CRASHED"}, {"exit_description", "Exited with status 3"}}}};
  }

  // A started app with a droplet of other bits; what the app and the foundation store besides.
  void ExpectStartedApp(const std::vector<json>& of_app, const std::vector<json>& elsewhere) {
    On("GET", kAppPath, App(kApp, kBefore));
    On("GET", kAppPath + "/droplets/current", ADroplet(kBefore, "STAGED", kOtherSha256));
    On("GET", kAppPath + "/droplets", PageReply(of_app));
    On("GET", "/v3/droplets", PageReply(elsewhere));
  }
  // An upload that goes well, but for what was told before.
  void ExpectUpload() {
    On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
    On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "AWAITING_UPLOAD")));
    On("GET", "/v3/droplets/new", ADroplet("new", "AWAITING_UPLOAD"));
    On("POST", "/v3/droplets/new/upload", Accepted());
    json uploaded = DropletJson("new", "STAGED", kSha256);
    uploaded["metadata"]["annotations"] =
        DropletAnnotations(assignment_.order.promotion, statement_, kStatementEnvelope);
    On("GET", "/v3/droplets/new", JsonReply(200, uploaded));
    On("PATCH", "/v3/droplets/new", ADroplet("new", "AWAITING_UPLOAD"));
  }
  // The uploaded droplet, about to be activated in a started app by a deployment that is made.
  void ExpectDeployment() {
    facts_.app_guid = AppGuid(kApp);
    facts_.previous_droplet_guid = DropletGuid(kBefore);
    facts_.droplet_guid = DropletGuid("new");
    facts_.droplet_made = facts_.droplet_staged = true;
    On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
    On("GET", kAppPath, App(kApp, kBefore));
    On("GET", kAppPath + "/droplets/current", ADroplet("new", "STAGED", kSha256));
    On("GET", kAppPath + "/revisions/deployed", PageReply({}));
    On("GET", kAppPath + "/droplets", PageReply({}));
    On("GET", "/v3/deployments", PageReply({}));
    On("POST", "/v3/deployments", Deployment("ACTIVE", "DEPLOYING"));
  }

  // The uploaded droplet, about to be activated in a stopped app by a start whose one instance ends
  // up in `state`.
  void ExpectStartOfStoppedApp(std::string_view started_at, std::string_view state) {
    facts_.app_guid = AppGuid(kApp);
    facts_.previous_droplet_guid = DropletGuid(kBefore);
    facts_.droplet_guid = DropletGuid("new");
    const json web = {{"guid", "p"}, {"type", "web"}, {"command", "run"}, {"instances", 1}};
    json started = AppJson(kApp, "checkout", "22222222-0000-4000-8000-000000000002");
    started["state"] = "STARTED";
    started["updated_at"] = started_at;
    On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
    On("GET", kAppPath, App(kApp, kBefore, "STOPPED"));
    On("GET", kAppPath, App(kApp, "new", "STARTED"));
    On("PATCH", kAppPath + "/relationships/current_droplet",
       JsonReply(200, {{"data", {{"guid", "new"}}}}));
    On("POST", kAppPath + "/actions/start", JsonReply(200, started));
    On("GET", kAppPath + "/processes", PageReply({web}));
    On("GET", "/v3/processes/p", JsonReply(200, web));
    On("GET", "/v3/processes/p/stats",
       JsonReply(200, {{"resources", {{{"type", "web"}, {"index", 0}, {"state", state}}}}}));
    On("GET", kAppPath + "/droplets/current", ADroplet("new", "STAGED", kSha256));
    On("GET", kAppPath + "/revisions/deployed", PageReply({}));
    On("GET", kAppPath + "/droplets", PageReply({}));
  }

  // A droplet that was made here and whose upload failed: an undo deletes it.
  void ExpectHalfDroplet() {
    facts_.app_guid = AppGuid(kApp);
    facts_.droplet_guid = DropletGuid("half");
    facts_.droplet_made = true;
  }

  StatusOr<bool> Upload(std::stop_token stop = {}) {
    const OpenIncoming open =
        [this](std::stop_token) -> StatusOr<std::unique_ptr<IncomingDroplet>> {
      ++opened_;
      return std::make_unique<ArrivingBits>(arriving_);
    };
    return steps_->Upload(assignment_, statement_, kStatementEnvelope, open, facts_, checkpoint_,
                          stop);
  }
  Status Activate() { return steps_->Activate(assignment_, facts_, checkpoint_, {}); }
  Status Undo() { return steps_->Undo(assignment_, facts_, checkpoint_, {}); }
  // Requests that change something, "METHOD path", logins aside.
  std::vector<std::string> Changes() {
    std::vector<std::string> changes;
    for (const http::SeenRequest& request : prod_->transport().Seen()) {
      if (request.method == "GET" || request.url.ends_with("/oauth/token")) continue;
      changes.push_back(request.method + " " + request.url.substr(prod_->kApi.size()));
    }
    return changes;
  }

  trust::TestTrust trust_;
  std::unique_ptr<foundation::ScriptedFoundation> prod_;
  std::unique_ptr<TargetSteps> steps_;
  TargetAssignment assignment_;
  trust::Statement statement_;
  TargetFacts facts_;
  Status arriving_;  // of the transfer
  int opened_ = 0;
  std::vector<TargetFacts> journal_;
  Checkpoint checkpoint_ = [this](const TargetFacts& facts) {
    journal_.push_back(facts);
    return absl::OkStatus();
  };
};

}  // namespace sluice::agent
