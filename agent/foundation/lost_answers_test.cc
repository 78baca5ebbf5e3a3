// What was made although its answer was lost is looked for, and made again only if it is not there.
#include <gmock/gmock.h>

#include <string>

#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;

const AppGuid kApp("app-1");
const Status kCut = NamedError(StatusCode::kUnavailable, "connection-cut", "cut");
const http::FakeReply kNameTaken =
    ErrorReply(422, 10016, "CF-UniquenessError", "App with the name 'x' already exists.");
const Metadata kOurs = {.labels = {}, .annotations = {{"sluice.dev/promotion", "p1"}}};
const CloudController::CreateAppRequest kAnnotatedApp = {
    .space = SpaceGuid("space-1"), .name = "x", .stack = "s", .metadata = kOurs};
const CloudController::CreateDeploymentRequest kAnnotatedDeployment = {
    .app = kApp, .droplet = DropletGuid("droplet-1"), .metadata = kOurs};

Droplet SourceOfCopy() {
  Droplet droplet;
  droplet.guid = DropletGuid("source");
  droplet.checksum = {"sha256", std::string(64, 'a')};
  return droplet;
}

json MarkedAsOurs(json resource) {
  resource["metadata"]["annotations"] = kOurs.annotations;
  return resource;
}

class LostAnswersTest : public testing::Test {
 protected:
  ScriptedFoundation foundation_;
  CloudController& client_ = foundation_.client();
};

TEST_F(LostAnswersTest, FindsTheDropletThatWasMadeWhenTheAnswerIsLost) {
  foundation_.On("GET", "/v3/apps/app-1/droplets",
                 PageReply({DropletJson("old", "AWAITING_UPLOAD")}));
  foundation_.On(
      "GET", "/v3/apps/app-1/droplets",
      PageReply({DropletJson("new", "AWAITING_UPLOAD"), DropletJson("old", "AWAITING_UPLOAD")}));
  foundation_.Fail("POST", "/v3/droplets", kCut);
  foundation_.On("GET", "/v3/droplets/new", JsonReply(200, DropletJson("new", "AWAITING_UPLOAD")));
  const auto made = client_.CreateDroplet(kApp, {{"web", "run"}}, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, DropletGuid("new"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/droplets"), 1U);
}

TEST_F(LostAnswersTest, CreatesAgainWhenALostRequestMadeNothing) {
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply(json::array()));
  foundation_.Fail("POST", "/v3/droplets", kCut);
  foundation_.On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "AWAITING_UPLOAD")));
  EXPECT_THAT(client_.CreateDroplet(kApp, {{"web", "run"}}, {}), IsOk());
  EXPECT_EQ(foundation_.Count("POST", "/v3/droplets"), 2U);
}

TEST_F(LostAnswersTest, DoesNotTakeAnothersDropletForTheOneWhoseAnswerWasLost) {
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply(json::array()));
  foundation_.On("GET", "/v3/apps/app-1/droplets",
                 PageReply({DropletJson("x", "AWAITING_UPLOAD")}));
  foundation_.Fail("POST", "/v3/droplets", kCut);
  foundation_.On("GET", "/v3/droplets/x", JsonReply(200, DropletJson("x", "AWAITING_UPLOAD")));
  EXPECT_THAT(client_.CreateDroplet(kApp, {{"web", "another command"}}, {}),
              HasErrorName("outcome-unknown"));
}

TEST_F(LostAnswersTest, FindsTheAppThatWasMadeWhenTheAnswerIsLostByItsAnnotation) {
  const json ours = MarkedAsOurs(AppJson("app-9", "x", "space-1"));
  foundation_.Fail("POST", "/v3/apps", kCut);
  foundation_.On("GET", "/v3/apps", PageReply({ours}));
  const auto made = client_.CreateApp(kAnnotatedApp, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, AppGuid("app-9"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/apps"), 1U);
}

TEST_F(LostAnswersTest, AnothersAppOfThatNameIsNotTakenForTheOneWhoseAnswerWasLost) {
  foundation_.Fail("POST", "/v3/apps", kCut);
  foundation_.On("POST", "/v3/apps", kNameTaken);
  foundation_.On("GET", "/v3/apps", PageReply({AppJson("theirs", "x", "space-1")}));
  EXPECT_THAT(client_.CreateApp(kAnnotatedApp, {}), HasErrorName("name-taken"));
}

// The lost request was served late: after we had looked, and before we tried again.
TEST_F(LostAnswersTest, ANameThatIsTakenByOurOwnLostRequestIsOurs) {
  const json ours = MarkedAsOurs(AppJson("app-9", "x", "space-1"));
  foundation_.Fail("POST", "/v3/apps", kCut);
  foundation_.On("POST", "/v3/apps", kNameTaken);
  foundation_.On("GET", "/v3/apps", PageReply({}));
  foundation_.On("GET", "/v3/apps", PageReply({ours}));
  const auto made = client_.CreateApp(kAnnotatedApp, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, AppGuid("app-9"));
}

TEST_F(LostAnswersTest, FindsTheCopyThatWasMadeWhenTheAnswerIsLost) {
  foundation_.Fail("POST", "/v3/droplets", kCut);
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply({DropletJson("old", "STAGED", "x")}));
  foundation_.On("GET", "/v3/apps/app-1/droplets",
                 PageReply({DropletJson("copy", "COPYING"), DropletJson("old", "STAGED", "x")}));
  foundation_.On("GET", "/v3/droplets/copy", JsonReply(200, DropletJson("copy", "COPYING")));
  const auto copy = client_.CopyDroplet(SourceOfCopy(), kApp, {});
  ASSERT_THAT(copy, IsOk());
  EXPECT_EQ(copy->guid, DropletGuid("copy"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/droplets"), 1U);
}

TEST_F(LostAnswersTest, AnothersNewDropletIsNotTakenForTheCopyWhoseAnswerWasLost) {
  foundation_.Fail("POST", "/v3/droplets", kCut);
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply({}));
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply({DropletJson("pushed", "STAGED")}));
  foundation_.On("GET", "/v3/droplets/pushed",
                 JsonReply(200, DropletJson("pushed", "STAGED", std::string(64, 'e'))));
  EXPECT_THAT(client_.CopyDroplet(SourceOfCopy(), kApp, {}), HasErrorName("outcome-unknown"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/droplets"), 1U);
}

TEST_F(LostAnswersTest, FindsTheDeploymentThatWasMadeWhenTheAnswerIsLost) {
  const json before = MarkedAsOurs(DeploymentJson("before", "FINALIZED", "CANCELED"));
  const json ours = MarkedAsOurs(DeploymentJson("ours", "ACTIVE", "DEPLOYING"));
  const json theirs = DeploymentJson("theirs", "ACTIVE", "DEPLOYING");
  foundation_.Fail("POST", "/v3/deployments", kCut);
  foundation_.On("GET", "/v3/deployments", PageReply({before}));
  foundation_.On("GET", "/v3/deployments", PageReply({theirs, ours, before}));
  const auto made = client_.CreateDeployment(kAnnotatedDeployment, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, DeploymentGuid("ours"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/deployments"), 1U);
}

TEST_F(LostAnswersTest, DeploysAgainWhenTheLostRequestMadeNothing) {
  foundation_.Fail("POST", "/v3/deployments", kCut);
  foundation_.On("POST", "/v3/deployments",
                 JsonReply(201, DeploymentJson("second", "ACTIVE", "DEPLOYING")));
  foundation_.On("GET", "/v3/deployments", PageReply({}));
  EXPECT_EQ(client_.CreateDeployment(kAnnotatedDeployment, {})->guid, DeploymentGuid("second"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/deployments"), 2U);
}

// Nothing is repeated blindly, and nothing for ever.
TEST_F(LostAnswersTest, SaysOutcomeUnknownWhenLookingFailsOrEveryAnswerIsLost) {
  foundation_.Fail("POST", "/v3/deployments", kCut);
  foundation_.On("GET", "/v3/deployments", PageReply({}));
  foundation_.Fail("GET", "/v3/deployments", kCut);
  EXPECT_THAT(client_.CreateDeployment(kAnnotatedDeployment, {}), HasErrorName("outcome-unknown"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/deployments"), 1U);
  foundation_.Fail("POST", "/v3/apps", kCut);
  foundation_.On("GET", "/v3/apps", PageReply({}));
  EXPECT_THAT(client_.CreateApp(kAnnotatedApp, {}), HasErrorName("outcome-unknown"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/apps"), 5U);
}

}  // namespace
}  // namespace sluice::foundation
