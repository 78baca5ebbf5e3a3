// Goal: whatever is lost between asking for a droplet and knowing its guid, none of ours stays
// behind and nobody else's is touched. Method: a target's steps against a foundation in which
// droplets turn up; a kill is a next process with the facts that the journal had at that instant.
#include "agent/jobs/droplet_maker.h"

#include "agent/testing/target_steps_fixture.h"

namespace sluice::agent {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kOurClient = "sluice";

class StrayDropletTest : public TargetStepsTest {
 protected:
  StrayDropletTest() { ExpectDeletions(); }

  void ExpectDeletions() {
    On("DELETE", "/v3/droplets/lost", Accepted());
    On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  }
  static json Created(std::string_view droplet, std::string_view by, json data = json::object()) {
    data["droplet_guid"] = droplet;
    return {{"guid", "e"},
            {"type", "audit.app.droplet.create"},
            {"actor", {{"guid", by}, {"type", "user"}}},
            {"created_at", "2026-01-01T00:00:00Z"},
            {"data", data}};
  }
  // From now on the app has these droplets, and these were created in it.
  void AppHas(const std::vector<json>& droplets, const std::vector<json>& events) {
    On("GET", kAppPath + "/droplets", PageReply(droplets));
    On("GET", "/v3/audit_events", PageReply(events));
  }
  // The process dies while it waits for the answer to what makes a droplet; the next one finds
  // what its journal held.
  void DieWhileItIsMade() {
    TargetFacts journalled;
    prod_->on_request = [&](const http::SeenRequest& request) {
      const bool makes = request.method == "POST" && !request.url.ends_with("/upload") &&
                         request.url.find("/v3/droplets") != std::string::npos;
      if (makes && journalled.app_guid.empty()) journalled = journal_.back();
    };
    Upload().status().IgnoreError();
    ResetFoundation();
    ExpectDeletions();
    facts_ = journalled;
  }

  json AnotherAppsDroplet() const {
    json theirs = DropletJson("theirs", "STAGED", kSha256);
    theirs["relationships"]["app"]["data"]["guid"] = "another-app";
    return theirs;
  }
};

TEST_F(StrayDropletTest, DropletThatAKilledProcessHadAskedForIsDeletedByTheNextOne) {
  ExpectStartedApp({}, {});
  ExpectUpload();
  DieWhileItIsMade();
  EXPECT_EQ(facts_.droplet_guid, DropletGuid()) << "nobody had heard of it";
  AppHas({DropletJson("lost", "AWAITING_UPLOAD")}, {Created("lost", kOurClient)});
  On("GET", kAppPath + "/droplets", PageReply({}));
  ExpectStartedApp({}, {});
  ExpectUpload();
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("DELETE /v3/droplets/lost", "POST /v3/droplets",
                                     "PATCH /v3/droplets/new", "POST /v3/droplets/new/upload"));
  EXPECT_FALSE(journal_.back().droplet_asked);
  EXPECT_THAT(journal_.back().droplets_before, IsEmpty());
}

TEST_F(StrayDropletTest, DropletThatAKilledProcessHadAskedForIsDeletedByAnUndo) {
  ExpectStartedApp({DropletJson("old", "STAGED")}, {});
  ExpectUpload();
  DieWhileItIsMade();
  AppHas({DropletJson("lost", "AWAITING_UPLOAD"), DropletJson("old", "STAGED")},
         {Created("lost", kOurClient), Created("old", kOurClient)});
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("DELETE /v3/droplets/lost"));
}

// It is whole and would be found, but bears no mark, so that nobody would ever remove it.
TEST_F(StrayDropletTest, CopyThatAKilledProcessHadAskedForIsNotTakenForOneThatWasThere) {
  ExpectStartedApp({}, {AnotherAppsDroplet()});
  On("GET", "/v3/droplets/theirs", JsonReply(200, AnotherAppsDroplet()));
  On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "COPYING")));
  DieWhileItIsMade();
  EXPECT_EQ(facts_.path, "copied");
  AppHas({DropletJson("lost", "STAGED", kSha256)}, {Created("lost", kOurClient)});
  On("GET", "/v3/droplets/lost", ADroplet("lost", "STAGED", kSha256));
  On("GET", kAppPath + "/droplets", PageReply({}));
  ExpectStartedApp({}, {AnotherAppsDroplet()});
  On("GET", "/v3/droplets/theirs", JsonReply(200, AnotherAppsDroplet()));
  On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "COPYING")));
  On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  On("PATCH", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_THAT(Changes(),
              ElementsAre("DELETE /v3/droplets/lost", "POST /v3/droplets?source_guid=theirs",
                          "PATCH /v3/droplets/new", "PATCH /v3/droplets/new"));
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("new"));
  EXPECT_TRUE(facts_.droplet_made);
}

TEST_F(StrayDropletTest, DropletThatAKilledProcessMadeAndDidNotMarkIsMarkedByTheNextOne) {
  ExpectStartedApp({}, {});
  facts_.app_guid = AppGuid(kApp);
  facts_.droplet_guid = DropletGuid("new");
  facts_.droplet_made = facts_.droplet_asked = true;
  facts_.path = kDirectPath;
  On("GET", kAppPath + "/droplets", PageReply({DropletJson("new", "AWAITING_UPLOAD")}));
  On("GET", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  On("PATCH", "/v3/droplets/new", ADroplet("new", "STAGED", kSha256));
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("PATCH /v3/droplets/new"));
  EXPECT_THAT(prod_->Only("PATCH", "/v3/droplets/new").body, HasSubstr("promotion-1"));
}

TEST_F(StrayDropletTest, CancelledAfterALostAnswerIsUndoneByDeletingWhatTurnsUp) {
  ExpectStartedApp({}, {});
  prod_->Fail("POST", "/v3/droplets", kCut);
  std::stop_source stop;
  prod_->on_request = [&](const http::SeenRequest& request) {
    if (request.method == "POST" && request.url.ends_with("/v3/droplets")) stop.request_stop();
  };
  EXPECT_TRUE(absl::IsCancelled(Upload(stop.get_token()).status()));
  AppHas({DropletJson("lost", "AWAITING_UPLOAD")}, {Created("lost", kOurClient)});
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("POST /v3/droplets", "DELETE /v3/droplets/lost"));
}

// The lost request was served after we had looked for what it made.
TEST_F(StrayDropletTest, DropletThatWasMadeTwiceIsDeletedAtTheEndOfTheUpload) {
  prod_->Fail("POST", "/v3/droplets", kCut);
  ExpectStartedApp({}, {});
  ExpectUpload();
  prod_->on_request = [this](const http::SeenRequest& request) {
    if (!request.url.ends_with("/upload")) return;
    AppHas({DropletJson("lost", "AWAITING_UPLOAD"), DropletJson("new", "PROCESSING_UPLOAD")},
           {Created("lost", kOurClient), Created("new", kOurClient)});
  };
  ASSERT_THAT(Upload(), IsOk());
  EXPECT_THAT(Changes(), Contains("DELETE /v3/droplets/lost"));
  EXPECT_EQ(prod_->Count("DELETE", ""), 1U);
}

TEST_F(StrayDropletTest, WhatOthersOrOtherPromotionsMadeMeanwhileIsLeftAlone) {
  ExpectStartedApp({}, {});
  ExpectUpload();
  DieWhileItIsMade();
  json of_another = DropletJson("of-another", "AWAITING_UPLOAD");
  of_another["metadata"]["annotations"][kPromotionAnnotation] = "promotion-2";
  AppHas({DropletJson("uploaded", "AWAITING_UPLOAD"), DropletJson("staged", "STAGED"), of_another,
          DropletJson("unknown", "STAGED")},
         {Created("uploaded", "somebody"),
          Created("staged", kOurClient, {{"package_guid", "package"}}),
          Created("of-another", kOurClient)});
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(facts_.warnings, IsEmpty());
}

TEST_F(StrayDropletTest, WhoseADropletIsThatNobodyCanTellIsSaid) {
  ExpectStartedApp({}, {});
  ExpectUpload();
  DieWhileItIsMade();
  On("GET", kAppPath + "/droplets", PageReply({DropletJson("lost", "AWAITING_UPLOAD")}));
  On("GET", "/v3/audit_events", kForbidden);
  EXPECT_THAT(Undo(), IsOk());
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(facts_.warnings, ElementsAre(AllOf(HasSubstr("not-authorized"), HasSubstr("lost"))));
}

TEST_F(StrayDropletTest, WhileOneJobMakesADropletNoOtherLooksForStraysInThatApp) {
  // Who has to wait for its turn gives up.
  struct GivesUp final : http::Waiter {
    Status Wait(absl::Duration, std::stop_token) override { return absl::CancelledError("waits"); }
  } waiter;
  DropletMaker maker(prod_->client(), waiter);
  facts_.app_guid = AppGuid(kApp);
  TargetFacts other = facts_;
  other.droplet_asked = true;
  AppHas({}, {});
  On("PATCH", "/v3/droplets/new", ADroplet("new", "AWAITING_UPLOAD"));
  const auto ask = [&]() -> StatusOr<foundation::Droplet> {
    AppHas({DropletJson("new", "AWAITING_UPLOAD")}, {Created("new", kOurClient)});
    EXPECT_TRUE(absl::IsCancelled(maker.RemoveStrays("promotion-2", other, checkpoint_, {})));
    foundation::Droplet droplet;
    droplet.guid = DropletGuid("new");
    return droplet;
  };
  const DropletMaker::Annotations marks = {{kPromotionAnnotation, "promotion-1"}};
  ASSERT_THAT(maker.Make(ask, marks, facts_, checkpoint_, {}), IsOk());
  EXPECT_THAT(Changes(), Not(Contains("DELETE /v3/droplets/new")));
  // Then it bears its mark.
  json marked = DropletJson("new", "AWAITING_UPLOAD");
  marked["metadata"]["annotations"] = marks;
  AppHas({marked}, {Created("new", kOurClient)});
  AppHas({marked}, {Created("new", kOurClient)});
  EXPECT_THAT(maker.RemoveStrays("promotion-2", other, checkpoint_, {}), IsOk());
  EXPECT_THAT(Changes(), ElementsAre("PATCH /v3/droplets/new"));
}

}  // namespace
}  // namespace sluice::agent
