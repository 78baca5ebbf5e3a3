// How a target's steps activate and undo: what they ask for, in which order.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/testing/target_steps_fixture.h"

namespace sluice::agent {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST_F(TargetStepsTest, NothingIsActivatedOnceTheOrderAllowsItNoMore) {
  ExpectDeployment();
  assignment_.order.activate_before = prod_->clock().Now();
  EXPECT_THAT(Activate(), HasErrorName("activate-too-late"));
  EXPECT_THAT(Changes(), IsEmpty());
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
