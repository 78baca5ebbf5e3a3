// How a target's steps bring the droplet: what they ask for, in which order, and what an undo then
// takes back.
#include <functional>

#include "agent/testing/target_steps_fixture.h"

namespace sluice::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
  On("GET", "/v3/apps/made/droplets", PageReply({}));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_EQ(Changes().back(), "DELETE /v3/apps/made");
}

TEST_F(TargetStepsTest, MadeAppThatHasADropletOfOthersByNowIsNotDeletedByAnUndo) {
  facts_.app_created = true;
  facts_.app_guid = AppGuid("made");
  facts_.droplet_guid = DropletGuid("ours");
  facts_.droplet_made = facts_.droplet_staged = true;
  facts_.warnings = {"the app has no route"};
  On("GET", "/v3/apps/made/droplets",
     PageReply({DropletJson("theirs", "STAGED"), DropletJson("ours", "STAGED")}));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_FALSE(journal_.back().app_created);
  EXPECT_THAT(facts_.warnings, ElementsAre("the app has no route", HasSubstr("stays")));
}

TEST_F(TargetStepsTest, MadeAppThatRunsOurDropletIsStoppedWhereOthersHaveOneThere) {
  facts_.app_created = facts_.activation_begun = true;
  facts_.app_guid = AppGuid("made");
  facts_.droplet_guid = DropletGuid("ours");
  facts_.droplet_made = facts_.droplet_staged = true;
  On("GET", "/v3/apps/made", App("made", "ours"));
  On("GET", "/v3/deployments", PageReply({}));
  On("GET", "/v3/apps/made/droplets",
     PageReply({DropletJson("theirs", "STAGED"), DropletJson("ours", "STAGED")}));
  On("POST", "/v3/apps/made/actions/stop", App("made", "ours", "STOPPED"));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("POST /v3/apps/made/actions/stop"));
}

TEST_F(TargetStepsTest, AppOfThatNameThatIsNotOursIsLeftAloneByAnUndo) {
  assignment_.order.targets[0].app_guid = AppGuid();
  facts_.app_created = true;
  On("GET", "/v3/apps",
     PageReply({AppJson("theirs", "checkout", "22222222-0000-4000-8000-000000000002")}));
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), IsEmpty());
}

}  // namespace
}  // namespace sluice::agent
