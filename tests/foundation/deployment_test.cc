// Apps that really run, and what becomes of them in a deployment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/foundation/testing/test_box.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

// Asks the app without a pause until it is stopped, and counts what comes.
class SteadyClient {
 public:
  explicit SteadyClient(TestBox& box) : thread_([this, &box] { Run(box); }) {}
  ~SteadyClient() { Stop(); }
  void Stop() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After Stop.
  int failed() const { return failed_; }
  int count(const std::string& version) const {
    auto found = versions_.find(version);
    return found == versions_.end() ? 0 : found->second;
  }
  std::string last() const { return last_; }

 private:
  void Run(TestBox& box) {
    while (!ending_) {
      Answer answer = box.Route("checkout");
      if (answer.status == 200) {
        last_ = answer.body.substr(0, answer.body.find(' '));
        ++versions_[last_];
      } else {
        ++failed_;
      }
    }
  }

  std::atomic<bool> ending_{false};
  int failed_ = 0;
  std::map<std::string, int> versions_;
  std::string last_;
  std::thread thread_;
};

class RunningApp : public testing::Test {
 protected:
  RunningApp() : box_({"--crash-backoff", "0.2", "--deployment-interval", "0.05"}) {
    Json seeded = box_.SeedApp("checkout", box_.MakeDroplet("v1"),
                               {{"host", "checkout"},
                                {"start", true},
                                {"process_types", {{"web", ""}, {"worker", "sleep 1000"}}},
                                {"instances", {{"web", 2}, {"worker", 1}}}});
    app_ = seeded["app_guid"];
    first_droplet_ = seeded["droplet_guid"];
    EXPECT_TRUE(box_.Eventually([this] { return RunningWebs() == 2; }));
  }

  int RunningWebs() {
    int running = 0;
    Json shown = box_.Admin("GET", "/instances");
    for (const Json& one : shown["instances"]) {
      running += one["type"] == "web" && one["state"] == "RUNNING" ? 1 : 0;
    }
    return running;
  }

  std::string Version() {
    std::string body = box_.Route("checkout").body;
    return body.substr(0, body.find(' '));
  }

  std::string UploadVersion(const std::string& version, const std::string& command = "") {
    return box_.UploadWhole(app_, ReadWhole(box_.MakeDroplet(version, command)));
  }

  Answer Deploy(const std::string& droplet, Json more = Json::object()) {
    more["relationships"] = {{"app", {{"data", {{"guid", app_}}}}}};
    more["droplet"] = {{"guid", droplet}};
    return box_.Call("POST", "/v3/deployments", more);
  }

  Json Shown(const std::string& deployment) {
    return box_.Call("GET", "/v3/deployments/" + deployment).json;
  }

  bool Reaches(const std::string& deployment, const std::string& reason) {
    return box_.Eventually([&] { return Shown(deployment)["status"]["reason"] == reason; });
  }

  std::string CurrentDroplet() {
    return box_.Call("GET", "/v3/apps/" + app_ + "/droplets/current").json["guid"];
  }

  TestBox box_;
  std::string app_;
  std::string first_droplet_;
};

TEST_F(RunningApp, AnswersByItsHostNameAsVcapAndOtherHostsAreUnknown) {
  EXPECT_EQ(box_.Route("checkout").body, "v1 2000 /home/vcap/app");
  Answer unknown = box_.Route("nobody");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.headers.Get("X-Cf-RouterError"), "unknown_route");
}

TEST_F(RunningApp, RollingDeploymentReplacesInstancesWithoutAFailedRequest) {
  std::string droplet = UploadVersion("v2");
  SteadyClient client(box_);
  Json deployment = Deploy(droplet).json;
  ASSERT_TRUE(Reaches(deployment["guid"], "DEPLOYED"));
  ASSERT_EQ(Version(), "v2");
  client.Stop();
  EXPECT_EQ(client.failed(), 0);
  EXPECT_GT(client.count("v1"), 0);
  EXPECT_EQ(client.last(), "v2");
  Json web = box_.Call("GET", "/v3/apps/" + app_ + "/processes/web").json;
  EXPECT_EQ(web["guid"], deployment["new_processes"][0]["guid"]);
  EXPECT_EQ(web["instances"], 2);
  EXPECT_NE(web["guid"], app_) << "a deployment makes a new web process";
}

TEST_F(RunningApp, RestartInterruptsServiceUnlikeADeployment) {
  std::string droplet = UploadVersion("v2");
  Json data = {{"data", {{"guid", droplet}}}};
  ASSERT_EQ(box_.Call("PATCH", "/v3/apps/" + app_ + "/relationships/current_droplet", data).status,
            200);
  SteadyClient client(box_);
  box_.Call("POST", "/v3/apps/" + app_ + "/actions/restart");
  EXPECT_TRUE(box_.Eventually([this] { return Version() == "v2"; }));
  client.Stop();
  EXPECT_GT(client.failed(), 0);
}

TEST_F(RunningApp, CrashingDropletNeverServesAndCancelBringsTheOldOneBack) {
  std::string droplet = UploadVersion("v2", "echo cannot live; exit 3");
  SteadyClient client(box_);
  Json deployment = Deploy(droplet).json;
  std::string process = deployment["new_processes"][0]["guid"];
  EXPECT_EQ(CurrentDroplet(), droplet) << "CC sets the current droplet at once";
  Json events;
  ASSERT_TRUE(box_.Eventually([&] {  // again and again
    events = box_.Call("GET", "/v3/audit_events?types=audit.app.process.crash&target_guids=" + app_)
                 .json["resources"];
    return events.size() >= 4;
  }));
  EXPECT_THAT(events[0]["data"]["exit_description"], HasSubstr("Exited with status 3"));
  EXPECT_EQ(events[0]["actor"]["guid"], process);
  EXPECT_EQ(Shown(deployment["guid"])["status"]["value"], "ACTIVE") << "CC has no failure state";
  std::string details;
  EXPECT_TRUE(box_.Eventually([&] {
    Json stats = box_.Call("GET", "/v3/processes/" + process + "/stats").json["resources"][0];
    details = stats["details"].is_string() ? stats["details"] : Json("");
    return stats["state"] == "CRASHED";
  }));
  EXPECT_THAT(details, HasSubstr("cannot live"));
  EXPECT_EQ(box_.Call("POST", "/v3/deployments/" + deployment["guid"].get<std::string>() +
                                  "/actions/cancel")
                .status,
            200);
  ASSERT_TRUE(Reaches(deployment["guid"], "CANCELED"));
  EXPECT_EQ(CurrentDroplet(), first_droplet_);
  EXPECT_TRUE(box_.Eventually([this] { return RunningWebs() == 2; }));
  client.Stop();
  EXPECT_EQ(client.failed(), 0);
  EXPECT_EQ(client.last(), "v1");
  EXPECT_EQ(box_.Call("GET", "/v3/processes/" + process).code(), 10010);
}

TEST_F(RunningApp, CanaryPausesAfterItsStepUntilItIsTold) {
  std::string droplet = UploadVersion("v2");
  Json deployment = Deploy(droplet, {{"strategy", "canary"}}).json;
  std::string guid = deployment["guid"];
  ASSERT_TRUE(Reaches(guid, "PAUSED"));
  std::map<std::string, int> versions;
  for (int i = 0; i < 12; ++i) ++versions[Version()];
  EXPECT_GT(versions["v1"], 0);
  EXPECT_GT(versions["v2"], 0);
  EXPECT_EQ(box_.Call("POST", "/v3/deployments/" + guid + "/actions/continue").status, 200);
  ASSERT_TRUE(Reaches(guid, "DEPLOYED"));
  EXPECT_EQ(box_.Call("POST", "/v3/deployments/" + guid + "/actions/continue").status, 422);
  EXPECT_EQ(Version(), "v2");
}

TEST_F(RunningApp, LaterDeploymentSupersedesTheFirst) {
  std::string never_up = UploadVersion("v2", "exit 1");
  std::string good = UploadVersion("v3");
  Json first = Deploy(never_up).json;
  Json second = Deploy(good).json;
  EXPECT_EQ(Shown(first["guid"])["status"]["reason"], "SUPERSEDED");
  ASSERT_TRUE(Reaches(second["guid"], "DEPLOYED"));
  EXPECT_EQ(Version(), "v3");
  EXPECT_TRUE(box_.Eventually([this] { return RunningWebs() == 2; }));
}

TEST_F(RunningApp, CurrentDropletCannotBeAssignedWhileADeploymentRuns) {
  box_.Misbehave("deployment-never-ends");
  std::string droplet = UploadVersion("v2");
  std::string deployment = Deploy(droplet).json["guid"];
  Json data = {{"data", {{"guid", first_droplet_}}}};
  Answer refused = box_.Call("PATCH", "/v3/apps/" + app_ + "/relationships/current_droplet", data);
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("deployment in progress"));
  Answer scaled =
      box_.Call("POST", "/v3/apps/" + app_ + "/processes/web/actions/scale", {{"instances", 3}});
  EXPECT_THAT(scaled.body, HasSubstr("Cannot scale this process while a deployment is in flight."));
}

TEST_F(RunningApp, RunningProcessKeepsItsRevisionsDropletUntilItIsRestarted) {
  std::string droplet = UploadVersion("v2");
  Json data = {{"data", {{"guid", droplet}}}};
  box_.Call("PATCH", "/v3/apps/" + app_ + "/relationships/current_droplet", data);
  EXPECT_EQ(Version(), "v1");
  Json deployed = box_.Call("GET", "/v3/apps/" + app_ + "/revisions/deployed").json["resources"];
  ASSERT_EQ(deployed.size(), 1U);
  EXPECT_EQ(deployed[0]["droplet"]["guid"], first_droplet_);
}

TEST_F(RunningApp, WorkersAreRestartedWithTheNewDropletAtTheEnd) {
  auto worker = [this] { return box_.Call("GET", "/v3/apps/" + app_ + "/processes/worker").json; };
  std::string before = worker()["version"];
  std::string droplet = box_.CreateDroplet(app_);
  ASSERT_EQ(box_.Upload(droplet, ReadWhole(box_.MakeDroplet("v2"))).status, 202);
  ASSERT_TRUE(box_.Eventually(
      [&] { return box_.Call("GET", "/v3/droplets/" + droplet).json["state"] == "STAGED"; }));
  ASSERT_TRUE(Reaches(Deploy(droplet).json["guid"], "DEPLOYED"));
  EXPECT_NE(worker()["version"], before);
}

TEST_F(RunningApp, StoppedAppIsStartedByADeploymentAtOnce) {
  box_.Call("POST", "/v3/apps/" + app_ + "/actions/stop");
  EXPECT_TRUE(box_.Eventually([this] { return box_.Route("checkout").status == 503; }));
  std::string droplet = UploadVersion("v2");
  Json deployment = Deploy(droplet).json;
  EXPECT_EQ(deployment["status"]["reason"], "DEPLOYED");
  EXPECT_TRUE(box_.Eventually([this] { return Version() == "v2"; }));
}

TEST_F(RunningApp, RollbackToARevisionDeploysItsDroplet) {
  ASSERT_TRUE(Reaches(Deploy(UploadVersion("v2")).json["guid"], "DEPLOYED"));
  Json revisions = box_.Call("GET", "/v3/apps/" + app_ + "/revisions").json["resources"];
  ASSERT_EQ(revisions.size(), 2U);
  Json body = {{"relationships", {{"app", {{"data", {{"guid", app_}}}}}}},
               {"revision", {{"guid", revisions[0]["guid"]}}}};
  Json deployment = box_.Call("POST", "/v3/deployments", body).json;
  ASSERT_TRUE(Reaches(deployment["guid"], "DEPLOYED"));
  EXPECT_EQ(Version(), "v1");
  EXPECT_EQ(CurrentDroplet(), first_droplet_);
}

TEST_F(RunningApp, BadDeploymentsAreRefused) {
  EXPECT_THAT(Deploy(first_droplet_, {{"strategy", "potato"}}).body, HasSubstr("'potato'"));
  EXPECT_THAT(Deploy(first_droplet_, {{"options", {{"max_in_flight", 0}}}}).body,
              HasSubstr("Max in flight must be an integer greater than 0"));
  EXPECT_EQ(Deploy("no-such-droplet").status, 422);
  EXPECT_EQ(Deploy(box_.CreateDroplet(app_)).status, 422) << "awaiting its upload";
}

}  // namespace
}  // namespace sluice::box
