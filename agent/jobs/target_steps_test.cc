// The steps of a target against a foundation that answers as a test says: what they ask for, in
// which order, and what an undo then takes back.
#include "agent/jobs/target_steps.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "agent/jobs/annotations.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::AppJson;
using foundation::DeploymentJson;
using foundation::DropletJson;
using foundation::ErrorReply;
using foundation::JobJson;
using foundation::JsonReply;
using foundation::PageReply;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kApp = "22222222-0000-4000-8000-000000000003";
const std::string kBefore = "22222222-0000-4000-8000-000000000004";
const std::string kSha256(64, 'a');
const std::string kOtherSha256(64, 'b');
const std::string kAppPath = "/v3/apps/" + kApp;
const Status kCut = NamedError(StatusCode::kUnavailable, "connection-cut", "cut");
const http::FakeReply kAway = ErrorReply(503, 10015, "CF-ServiceUnavailable", "later");
const http::FakeReply kForbidden = ErrorReply(403, 10003, "CF-NotAuthorized", "not authorized");

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
    On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
    On("PATCH", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
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

  StatusOr<bool> Upload() {
    const OpenIncoming open =
        [this](std::stop_token) -> StatusOr<std::unique_ptr<IncomingDroplet>> {
      ++opened_;
      return std::make_unique<ArrivingBits>(arriving_);
    };
    return steps_->Upload(assignment_, statement_, "{statement}", open, facts_, checkpoint_, {});
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

// --- Upload

TEST_F(TargetStepsTest, UploadBringsTheDropletAndMarksItAsOurs) {
  ExpectStartedApp({}, {});
  ExpectUpload();
  prod_->on_request = [this](const http::SeenRequest& request) {
    // What an undo needs is journalled before the bits leave.
    if (request.url.ends_with("/upload")) {
      EXPECT_EQ(journal_.back().droplet_guid, DropletGuid("new"));
      EXPECT_TRUE(journal_.back().droplet_made);
    }
  };
  const auto runs_already = Upload();
  ASSERT_THAT(runs_already, IsOk());
  EXPECT_FALSE(*runs_already);
  EXPECT_THAT(prod_->Only("POST", "/upload").body, HasSubstr("bits"));
  EXPECT_THAT(prod_->Only("PATCH", "/v3/droplets/new").body, HasSubstr("promotion-1"));
  EXPECT_EQ(facts_.reported_sha256, kSha256);
  EXPECT_EQ(facts_.path, "direct");
  EXPECT_EQ(facts_.previous_droplet_guid, DropletGuid(kBefore));
  EXPECT_TRUE(journal_.back().droplet_staged);
}

TEST_F(TargetStepsTest, AppThatSomebodyPushedBetweenAcceptanceAndTransferIsLeftAlone) {
  ExpectStartedApp({}, {});
  assignment_.order.targets[0].expected_current_droplet_guid = DropletGuid("older");
  facts_.previous_droplet_guid = DropletGuid("older");  // as an earlier process saw it
  EXPECT_THAT(Upload(), HasErrorName("changed-since-plan"));
  EXPECT_EQ(facts_.previous_droplet_guid, DropletGuid("older"));
  EXPECT_EQ(opened_, 0);
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, WhatTheAppHoldsAlreadyIsNeitherTransferredNorChanged) {
  ExpectStartedApp({DropletJson("stored", "STAGED", kSha256)}, {});
  On("GET", "/v3/droplets/stored", ADroplet("stored", "STAGED", kSha256));
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_EQ(facts_.path, "stored");
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("stored"));
  EXPECT_EQ(opened_, 0);
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, WhatRunsAlreadyIsLeftAlone) {
  On("GET", kAppPath, App(kApp, kBefore));
  On("GET", kAppPath + "/droplets/current", ADroplet(kBefore, "STAGED", kSha256));
  On("GET", "/v3/droplets/" + kBefore, ADroplet(kBefore, "STAGED", kSha256));
  On("GET", kAppPath + "/revisions/deployed", PageReply({}));
  const auto runs_already = Upload();
  ASSERT_THAT(runs_already, IsOk());
  EXPECT_TRUE(*runs_already);
  EXPECT_EQ(facts_.path, "running");
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, WhatAnotherAppHoldsIsCopiedEvenIfTheCopysAnswerIsLost) {
  json theirs = DropletJson("theirs", "STAGED", kSha256);
  theirs["relationships"]["app"]["data"]["guid"] = "another-app";
  ExpectStartedApp({}, {theirs});
  On("GET", "/v3/droplets/theirs", JsonReply(200, theirs));
  prod_->Fail("POST", "/v3/droplets", kCut);
  prod_->on_request = [this](const http::SeenRequest& request) {
    if (request.url.find("source_guid=theirs") == std::string::npos) return;
    On("GET", kAppPath + "/droplets", PageReply({DropletJson("new", "COPYING")}));
  };
  On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  On("PATCH", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_EQ(facts_.path, "copied");
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("new"));
  EXPECT_EQ(opened_, 0);
  EXPECT_EQ(prod_->Count("POST", "/v3/droplets"), 1U);
}

// Each way in which an upload fails after the droplet was made: an undo deletes it and nothing
// else.
TEST_F(TargetStepsTest, UploadThatFailsIsUndoneByDeletingTheDroplet) {
  struct Failure {
    std::string error;
    std::function<void()> script;  // before what goes well
  };
  const json failed_job = {{"guid", "job-1"},
                           {"operation", "droplet.upload"},
                           {"state", "FAILED"},
                           {"errors", {{{"code", 1}, {"title", "t"}, {"detail", "d"}}}}};
  const std::vector<Failure> failures = {
      {"no-bytes",
       [this] { arriving_ = NamedError(StatusCode::kUnavailable, "no-bytes", "the source died"); }},
      {"not-authorized", [this] { On("POST", "/v3/droplets/new/upload", kForbidden); }},
      {"job-failed", [&] { On("GET", "/v3/jobs/job-1", JsonReply(200, failed_job)); }},
      {"not-authorized", [this] { On("PATCH", "/v3/droplets/new", kForbidden); }}};
  for (const Failure& failure : failures) {
    SCOPED_TRACE(failure.error);
    ResetFoundation();
    failure.script();
    ExpectStartedApp({}, {});
    ExpectUpload();
    EXPECT_THAT(Upload(), HasErrorName(failure.error));
    EXPECT_THAT(Undo(), IsOk());
    EXPECT_EQ(Changes().back(), "DELETE /v3/droplets/new");
    EXPECT_EQ(prod_->Count("DELETE", ""), 1U);
    EXPECT_FALSE(journal_.back().droplet_made);
  }
}

// The answers to all attempts to create the app are lost: it may be there nevertheless.
TEST_F(TargetStepsTest, AppThatMayHaveBeenMadeIsFoundByItsMarkAndDeletedByAnUndo) {
  assignment_.order.targets[0].app_guid = AppGuid();
  prod_->Fail("POST", "/v3/apps", kCut);
  On("GET", "/v3/apps", PageReply({}));
  EXPECT_THAT(Upload(), HasErrorName("outcome-unknown"));
  EXPECT_TRUE(journal_.back().app_created);
  json made = AppJson("made", "checkout", "22222222-0000-4000-8000-000000000002");
  made["metadata"]["annotations"][kPromotionAnnotation] = "promotion-1";
  On("GET", "/v3/apps", PageReply({made}));
  On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_EQ(Changes().back(), "DELETE /v3/apps/made");
}

TEST_F(TargetStepsTest, AppOfThatNameThatIsNotOursIsLeftAloneByAnUndo) {
  assignment_.order.targets[0].app_guid = AppGuid();
  facts_.app_created = true;
  On("GET", "/v3/apps",
     PageReply({AppJson("theirs", "checkout", "22222222-0000-4000-8000-000000000002")}));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), IsEmpty());
}

// --- Activation

TEST_F(TargetStepsTest, ActivationDeploysTheDropletAndVerifiesIt) {
  ExpectDeployment();
  On("GET", "/v3/deployments/d", Deployment("FINALIZED", "DEPLOYED"));
  prod_->on_request = [this](const http::SeenRequest& request) {
    if (request.method == "POST" && request.url.ends_with("/v3/deployments")) {
      EXPECT_TRUE(journal_.back().activation_begun);
    }
  };
  EXPECT_THAT(Activate(), IsOk());
  EXPECT_THAT(prod_->Only("POST", "/v3/deployments").body,
              AllOf(HasSubstr("promotion-1"), HasSubstr(R"("droplet":{"guid":"new"})")));
  EXPECT_EQ(journal_.back().deployment_guid, DeploymentGuid("d"));
}

TEST_F(TargetStepsTest, DeploymentWhoseAnswerIsLostIsFoundAndNotMadeTwice) {
  json ours = DeploymentJson("d", "ACTIVE", "DEPLOYING");
  ours["droplet"]["guid"] = "new";
  ours["metadata"]["annotations"][kPromotionAnnotation] = "promotion-1";
  prod_->Fail("POST", "/v3/deployments", kCut);
  ExpectDeployment();
  On("GET", "/v3/deployments", PageReply({ours}));
  On("GET", "/v3/deployments/d", Deployment("FINALIZED", "DEPLOYED"));
  EXPECT_THAT(Activate(), IsOk());
  EXPECT_EQ(prod_->Count("POST", "/v3/deployments"), 1U);
  EXPECT_EQ(facts_.deployment_guid, DeploymentGuid("d"));
}

TEST_F(TargetStepsTest, CrashesOfTheOldInstancesDoNotFailADeployment) {
  ExpectDeployment();
  On("GET", "/v3/deployments/d", Deployment("ACTIVE", "DEPLOYING"));
  On("GET", "/v3/deployments/d", Deployment("FINALIZED", "DEPLOYED"));
  On("GET", "/v3/audit_events", PageReply(std::vector<json>(5, Crash("old-process"))));
  EXPECT_THAT(Activate(), IsOk());
}

TEST_F(TargetStepsTest, CrashesOfTheNewInstancesFailADeploymentAndAnUndoCancelsIt) {
  ExpectDeployment();
  On("GET", "/v3/deployments/d", Deployment("ACTIVE", "DEPLOYING"));
  On("GET", "/v3/audit_events", PageReply(std::vector<json>(3, Crash("process-2"))));
  const Status failed = Activate();
  EXPECT_THAT(failed, HasErrorName("app-crashes"));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("Exited with status 3"));

  On("GET", "/v3/deployments", PageReply({DeploymentJson("d", "ACTIVE", "DEPLOYING")}));
  On("POST", "/v3/deployments/d/actions/cancel", JsonReply(200, json::object()));
  On("GET", "/v3/deployments/d", Deployment("FINALIZED", "CANCELED"));
  EXPECT_THAT(Undo(), IsOk());
  // CC went back to the old droplet by itself; ours stays, verified, for another attempt.
  EXPECT_THAT(Changes(),
              ElementsAre("POST /v3/deployments", "POST /v3/deployments/d/actions/cancel"));
}

TEST_F(TargetStepsTest, DeploymentThatGetsNotHealthyEndsWithTheStartupTimeout) {
  ExpectDeployment();
  On("GET", "/v3/deployments/d", Deployment("ACTIVE", "DEPLOYING"));
  On("GET", "/v3/audit_events", PageReply({}));
  EXPECT_THAT(Activate(), HasErrorName("startup-timeout"));
}

TEST_F(TargetStepsTest, ActivationThatEndsWithOtherBitsIsNotASuccess) {
  On("GET", kAppPath + "/revisions/deployed",
     PageReply({{{"guid", "r"}, {"version", 1}, {"droplet", {{"guid", kBefore}}}}}));
  ExpectDeployment();
  On("GET", "/v3/deployments/d", Deployment("FINALIZED", "DEPLOYED"));
  EXPECT_THAT(Activate(), HasErrorName("wrong-droplet-runs"));
}

TEST_F(TargetStepsTest, AppThatSomebodyPushedSinceIsNotActivated) {
  ExpectDeployment();
  assignment_.order.targets[0].expected_current_droplet_guid = DropletGuid("older");
  facts_.previous_droplet_guid = DropletGuid("older");
  EXPECT_THAT(Activate(), HasErrorName("changed-since-plan"));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, StoppedAppIsStartedWithTheDropletAndAnUndoStopsItAgain) {
  const std::string set_droplet = kAppPath + "/relationships/current_droplet";
  ExpectStartOfStoppedApp("2026-01-01T00:00:00Z", "RUNNING");
  On("POST", kAppPath + "/actions/stop", App(kApp, "new", "STOPPED"));
  On("GET", "/v3/deployments", PageReply({}));
  ASSERT_THAT(Activate(), IsOk());
  EXPECT_THAT(Changes(),
              ElementsAre("PATCH " + set_droplet, "POST " + kAppPath + "/actions/start"));
  ASSERT_THAT(Undo(), IsOk());
  const std::vector<std::string> changes = Changes();
  ASSERT_EQ(changes.size(), 4U);
  EXPECT_EQ(changes[2], "POST " + kAppPath + "/actions/stop");
  EXPECT_EQ(changes[3], "PATCH " + set_droplet);
  EXPECT_THAT(prod_->transport().Seen("PATCH", set_droplet).back().body, HasSubstr(kBefore));
}

// The agent's clock stands at 00:00, the foundation's is an hour behind it, or ahead.
TEST_F(TargetStepsTest, CrashesAfterAStartAreCountedByTheFoundationsClock) {
  struct Case {
    const char* started_at_second;
    const char* error;  // the crashes are of second 05
  };
  for (const Case& each : {Case{"04Z", "app-crashes"}, Case{"06Z", "startup-timeout"}}) {
    for (const std::string hour : {"2025-12-31T23:00:", "2026-01-01T01:00:"}) {
      SCOPED_TRACE(absl::StrCat(hour, each.started_at_second));
      ResetFoundation();
      ExpectStartOfStoppedApp(hour + each.started_at_second, "CRASHED");
      // Cloud Controller shows the events that are as new as it is asked for.
      prod_->on_request = [&](const http::SeenRequest& request) {
        const std::string asked = absl::StrReplaceAll(request.url, {{"%3A", ":"}, {"%3D", "="}});
        const size_t gte = asked.find("gte");
        if (gte == std::string::npos) return;
        const std::string since = asked.substr(asked.find('=', gte) + 1, hour.size() + 3);
        On("GET", "/v3/audit_events",
           PageReply(std::vector<json>(since <= hour + "05Z" ? 3 : 0, Crash("p"))));
      };
      EXPECT_THAT(Activate(), HasErrorName(each.error));
    }
  }
}

TEST_F(TargetStepsTest, UndoTouchesNothingWhenSomebodyPushedAfterTheActivation) {
  facts_.app_guid = AppGuid(kApp);
  facts_.previous_droplet_guid = DropletGuid(kBefore);
  facts_.droplet_guid = DropletGuid("new");
  facts_.app_was_started = facts_.activation_begun = true;
  On("GET", kAppPath, App(kApp, "pushed"));
  On("GET", "/v3/deployments", PageReply({}));
  const Status undone = Undo();
  EXPECT_THAT(undone, HasErrorName("needs-hands"));
  EXPECT_THAT(std::string(undone.message()), HasSubstr("pushed-since"));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, UndoDoesNotDeleteTheAppThatItMadeWhenSomebodyPushedToItSince) {
  facts_.app_guid = AppGuid(kApp);
  facts_.app_created = facts_.activation_begun = true;
  facts_.droplet_guid = DropletGuid("new");
  On("GET", kAppPath, App(kApp, "pushed"));
  On("GET", "/v3/deployments", PageReply({}));
  const Status undone = Undo();
  EXPECT_THAT(undone, HasErrorName("needs-hands"));
  EXPECT_THAT(std::string(undone.message()), HasSubstr("pushed-since"));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(TargetStepsTest, UndoThatMeetsAnOutageIsTriedAgainUntilItIsOver) {
  ExpectHalfDroplet();
  int refusals = 40;  // more than one request is repeated for
  const http::FakeReply gone = ErrorReply(404, 10010, "CF-ResourceNotFound", "Droplet not found");
  prod_->on_request = [&](const http::SeenRequest& request) {
    if (request.method != "DELETE") return;
    On("DELETE", "/v3/droplets/half", --refusals >= 0 ? kAway : gone);
  };
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_LT(refusals, 0);
  EXPECT_EQ(journal_.front().waiting_for, kWaitingForFoundation);
  EXPECT_EQ(journal_.back().waiting_for, "");
  EXPECT_FALSE(journal_.back().droplet_made);
}

TEST_F(TargetStepsTest, OutageThatOutlivesTheOrderOfAnUndoNeedsHands) {
  const absl::Time order_ends = assignment_.order.expires_at;
  for (const bool rollback : {false, true}) {
    ResetFoundation();
    ExpectHalfDroplet();
    On("DELETE", "/v3/droplets/half", kAway);
    On("GET", kAppPath, App(kApp, kBefore, "STOPPED"));
    On("GET", kAppPath + "/droplets/current", ADroplet(kBefore, "STAGED", kOtherSha256));
    On("GET", kAppPath + "/revisions/deployed", PageReply({}));
    On("GET", "/v3/deployments", PageReply({}));
    facts_.previous_droplet_guid = DropletGuid(kBefore);
    absl::Time ends = order_ends;
    if (rollback) {
      ends += absl::Minutes(30);
      assignment_.rollback = {.order_sha256 = "sha256",
                              .restore_droplet_guid = DropletGuid(kBefore),
                              .expected_current_droplet_guid = DropletGuid(kBefore),
                              .expires_at = ends};
    }
    EXPECT_THAT(Undo(), HasErrorName("needs-hands"));
    EXPECT_GT(prod_->clock().Now(), ends - absl::Minutes(2)) << rollback;
    EXPECT_LT(prod_->clock().Now(), ends + absl::Minutes(2)) << rollback;
  }
}

TEST_F(TargetStepsTest, UndoHasSomeMinutesToMeetTheEndOfAnOutageAlthoughItsOrderHasExpired) {
  ExpectHalfDroplet();
  On("DELETE", "/v3/droplets/half", kAway);
  prod_->clock().Advance(absl::Hours(2));
  const absl::Time begun = prod_->clock().Now();
  EXPECT_THAT(Undo(), HasErrorName("needs-hands"));
  EXPECT_GT(prod_->clock().Now(), begun + absl::Minutes(5));
  EXPECT_LT(prod_->clock().Now(), begun + absl::Minutes(15));
}

TEST_F(TargetStepsTest, UndoThatIsRefusedIsNotTriedAgain) {
  ExpectHalfDroplet();
  On("DELETE", "/v3/droplets/half", kForbidden);
  EXPECT_THAT(Undo(), HasErrorName("needs-hands"));
  EXPECT_EQ(prod_->Count("DELETE", "/v3/droplets/half"), 1U);
}

TEST_F(TargetStepsTest, UndoThatWaitsEndsAtOnceWhenItIsStopped) {
  ExpectHalfDroplet();
  On("DELETE", "/v3/droplets/half", kAway);
  std::stop_source stop;
  const Checkpoint stop_when_waiting = [&](const TargetFacts& facts) {
    if (facts.waiting_for == kWaitingForFoundation) stop.request_stop();
    return absl::OkStatus();
  };
  const auto begun = prod_->clock().Now();
  EXPECT_TRUE(
      absl::IsCancelled(steps_->Undo(assignment_, facts_, stop_when_waiting, stop.get_token())));
  EXPECT_LT(prod_->clock().Now(), begun + absl::Minutes(1));
}

TEST_F(TargetStepsTest, AppThatHadNoDropletIsStoppedByAnUndoUnlessSomebodyPushedIt) {
  for (const char* current : {"pushed", "new"}) {
    ResetFoundation();
    facts_.app_guid = AppGuid(kApp);
    facts_.droplet_guid = DropletGuid("new");
    facts_.droplet_made = facts_.droplet_staged = facts_.activation_begun = true;
    On("GET", kAppPath, App(kApp, current, "STARTED"));
    On("GET", "/v3/deployments", PageReply({}));
    On("POST", kAppPath + "/actions/stop", App(kApp, current, "STOPPED"));
    const Status undone = Undo();
    if (std::string_view(current) == "pushed") {
      EXPECT_THAT(undone, HasErrorName("needs-hands"));
      EXPECT_THAT(Changes(), IsEmpty());
    } else {
      EXPECT_THAT(undone, IsOk());
      EXPECT_THAT(Changes(), ElementsAre("POST " + kAppPath + "/actions/stop"));
    }
  }
}

}  // namespace
}  // namespace sluice::agent
