// The client that changes a foundation that is really there: uploads, copies, apps that run,
// deployments, and everything that the box can do wrong to one who writes.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/foundation/testing/box_fixture.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class ChangingBoxTest : public BoxTest {};

// --- Uploads, copies, deletions

TEST_F(ChangingBoxTest, StoresADropletWithTheSameDigestAndProcessTypes) {
  const AppGuid app(AddApp("uploaded", false, {{"droplet", nullptr}})["app_guid"]);
  const DropletGuid guid = NewDroplet(app);
  const auto stored = Store(guid);
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(stored->Staged());
  EXPECT_EQ(stored->Sha256(), Sha256Of(bytes_));
  EXPECT_EQ(stored->process_types, kProcessTypes);
  EXPECT_EQ(stored->app_guid, app);
  const auto found = client().FindStagedDroplets(app, stored->Sha256(), {});
  ASSERT_THAT(found, IsOk());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().guid, guid);
  EXPECT_THAT(Upload(guid), HasErrorName("droplet-not-awaiting-upload"));
  const auto described = client().UpdateDropletMetadata(
      guid, {.labels = {}, .annotations = {{"sluice.dev/origin", "dev"}}}, {});
  ASSERT_THAT(described, IsOk());
  EXPECT_EQ(described->metadata.annotations.at("sluice.dev/origin"), "dev");
}

TEST_F(ChangingBoxTest, LeavesADropletAwaitingItsUploadWhenTheSourceOfTheBitsFails) {
  class Failing final : public http::BodySource {
   public:
    uint64_t ContentLength() const override { return 1 << 20; }
    StatusOr<size_t> Read(std::span<char> buffer) override {
      if (given_) return NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes");
      given_ = true;
      return buffer.size();
    }

   private:
    bool given_ = false;
  } bits;
  const DropletGuid guid = NewDroplet(AppGuid(AddApp("held-back")["app_guid"]));
  EXPECT_THAT(client().UploadDroplet(guid, bits, {}),
              AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("digest-mismatch")));
  EXPECT_EQ(client().GetDroplet(guid, {})->state, "AWAITING_UPLOAD");
  EXPECT_THAT(Store(guid), IsOk());  // and takes one still
}

TEST_F(ChangingBoxTest, UploadsAgainToTheSameDropletAfterACut) {
  const DropletGuid guid = NewDroplet(AppGuid(AddApp("cut")["app_guid"]));
  Misbehave("upload-connection-cut", {{"count", 1}});
  EXPECT_THAT(Upload(guid), StatusIs(StatusCode::kUnavailable));
  ASSERT_EQ(client().GetDroplet(guid, {})->state, "AWAITING_UPLOAD");
  const auto stored = Store(guid);
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(stored->Staged());
}

// Many times what the sockets between client and box hold; stops the upload on the way if told so.
class LargeSource final : public http::BodySource {
 public:
  explicit LargeSource(std::function<void()> halfway) : halfway_(std::move(halfway)) {}
  uint64_t ContentLength() const override { return kBytes; }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(buffer.size(), kBytes - given_));
    const bool before = given_ < kBytes / 2;
    given_ += count;
    if (before && given_ >= kBytes / 2) halfway_();
    return count;
  }

 private:
  static constexpr uint64_t kBytes = uint64_t{64} << 20;
  const std::function<void()> halfway_;
  uint64_t given_ = 0;
};

TEST_F(ChangingBoxTest, EndsAnUploadInTheMiddleWhenStopped) {
  const DropletGuid guid = NewDroplet(AppGuid(AddApp("stopped")["app_guid"]));
  std::stop_source stop;
  LargeSource bits([&] { stop.request_stop(); });
  EXPECT_THAT(client().UploadDroplet(guid, bits, stop.get_token()),
              AllOf(StatusIs(StatusCode::kCancelled), HasErrorName("cancelled")));
  EXPECT_EQ(client().GetDroplet(guid, {})->state, "AWAITING_UPLOAD");
}

TEST_F(ChangingBoxTest, GivesUpAnUploadThatStallsAndKnowsThatItTookNoEffect) {
  Agent hasty(*box_, "sluice", "s3cret+&% ", [](CloudController::Options& options) {
    options.upload_limit = absl::Milliseconds(500);
  });
  const DropletGuid guid = NewDroplet(AppGuid(AddApp("stalled")["app_guid"]));
  Misbehave("upload-stalled", {{"count", 1}, {"parameters", {{"seconds", 5}}}});
  LargeSource bits([] {});
  EXPECT_THAT(hasty.client->UploadDroplet(guid, bits, {}), HasErrorName("http-timeout"));
  EXPECT_EQ(client().GetDroplet(guid, {})->state, "AWAITING_UPLOAD");
}

TEST_F(ChangingBoxTest, UploadsAsSlowlyAsItIsRead) {
  Misbehave("upload-slow", {{"count", 1}, {"parameters", {{"bytes_per_second", 2'000'000}}}});
  const auto stored = Store(NewDroplet(AppGuid(AddApp("slow")["app_guid"])));
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->Sha256(), Sha256Of(bytes_));
}

TEST_F(ChangingBoxTest, NamesWhatGoesWrongAfterTheUpload) {
  const AppGuid app(AddApp("unlucky")["app_guid"]);
  Misbehave("upload-500", {{"count", 1}});
  EXPECT_THAT(Upload(NewDroplet(app)), StatusIs(StatusCode::kUnavailable));
  Misbehave("job-fails", {{"count", 1}});
  const Status failed = Store(NewDroplet(app)).status();
  EXPECT_THAT(failed, HasErrorName("job-failed"));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("150007"));
  Misbehave("job-lost", {{"count", 1}});
  EXPECT_THAT(Store(NewDroplet(app)), HasErrorName("job-lost"));
  Misbehave("checksum-lies");
  EXPECT_NE(Store(NewDroplet(app))->Sha256(), Sha256Of(bytes_));
  ASSERT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk());
  Misbehave("droplet-failed-after-complete", {{"count", 1}});
  EXPECT_EQ(Store(NewDroplet(app))->state, "FAILED");
}

TEST_F(ChangingBoxTest, NamesAJobThatDoesNotEnd) {
  Agent impatient(*box_, "sluice", "s3cret+&% ", [](CloudController::Options& options) {
    options.job_timeout = absl::ZeroDuration();
  });
  Misbehave("job-never-ends");
  const auto job = Upload(NewDroplet(AppGuid(AddApp("endless")["app_guid"])));
  ASSERT_THAT(job, IsOk());
  EXPECT_THAT(impatient.client->WaitForJob(*job, {}),
              AllOf(StatusIs(StatusCode::kDeadlineExceeded), HasErrorName("job-timeout")));
}

TEST_F(ChangingBoxTest, CopiesADropletToAnotherApp) {
  const json source = AddApp("copied");
  const AppGuid target(AddApp("copy-target", false, {{"droplet", nullptr}})["app_guid"]);
  const auto copy = client().CopyDroplet(
      *client().GetDroplet(DropletGuid(source["droplet_guid"]), {}), target, {});
  ASSERT_THAT(copy, IsOk());
  const auto staged = client().WaitForCopy(copy->guid, {});
  ASSERT_THAT(staged, IsOk());
  EXPECT_EQ(staged->Sha256(), std::string(source["sha256"]));
  EXPECT_EQ(staged->app_guid, target);
  const auto everywhere = client().FindStagedDropletsAnywhere(staged->Sha256(), {});
  ASSERT_THAT(everywhere, IsOk());
  EXPECT_GE(everywhere->size(), 2U);
}

TEST_F(ChangingBoxTest, DeletesDropletsAndAppsAndWhatIsGoneAlready) {
  const json app = AddApp("deleted");
  const AppGuid guid(app["app_guid"]);
  const DropletGuid spare = NewDroplet(guid);
  EXPECT_THAT(client().DeleteDroplet(DropletGuid(app["droplet_guid"]), {}),
              HasErrorName("cc-10008"));  // it is the current one
  EXPECT_THAT(client().DeleteDroplet(spare, {}), IsOk());
  EXPECT_THAT(client().GetDroplet(spare, {}), HasErrorName("no-droplet"));
  EXPECT_THAT(client().DeleteDroplet(spare, {}), IsOk());
  EXPECT_THAT(client().DeleteApp(guid, {}), IsOk());
  EXPECT_THAT(client().GetApp(guid, {}), HasErrorName("no-app"));
  EXPECT_THAT(client().DeleteApp(guid, {}), IsOk());
}

// --- Apps and deployments

TEST_F(ChangingBoxTest, CreatesAnAppSetsItsDropletAndStartsIt) {
  const auto app = client().CreateApp({.space = space_,
                                       .name = "created",
                                       .stack = "cflinuxfs4",
                                       .metadata = {.labels = {}, .annotations = {{"k", "v"}}}},
                                      {});
  ASSERT_THAT(app, IsOk());
  EXPECT_EQ(app->state, "STOPPED");
  EXPECT_EQ(app->metadata.annotations.at("k"), "v");
  EXPECT_THAT(client().GetCurrentDroplet(app->guid, {}), HasErrorName("no-droplet"));
  EXPECT_THAT(client().CreateApp({.space = space_, .name = "created", .stack = "cflinuxfs4"}, {}),
              HasErrorName("name-taken"));
  const auto droplet = Store(NewDroplet(app->guid));
  ASSERT_THAT(droplet, IsOk());
  ASSERT_THAT(client().SetCurrentDroplet(app->guid, droplet->guid, {}), IsOk());
  EXPECT_EQ(client().GetCurrentDroplet(app->guid, {})->guid, droplet->guid);
  EXPECT_EQ(client().StartApp(app->guid, {})->state, "STARTED");
  const auto processes = client().ListProcesses(app->guid, {});
  ASSERT_THAT(processes, IsOk());
  EXPECT_EQ(processes->size(), 2U);  // web, and the worker that the droplet brought
  EXPECT_EQ(client().StopApp(app->guid, {})->state, "STOPPED");
  EXPECT_THAT(client().ListSidecars(app->guid, {}), IsOk());
  EXPECT_THAT(client().ListRoutes(app->guid, {}), IsOk());
}

TEST_F(ChangingBoxTest, DeploysADropletAndReadsBackWhatRuns) {
  const AppGuid app(AddApp("deployed", /*start=*/true)["app_guid"]);
  const auto droplet = Store(NewDroplet(app));
  ASSERT_THAT(droplet, IsOk());
  const auto made = client().CreateDeployment({.app = app, .droplet = droplet->guid}, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_TRUE(WaitForDeployment(made->guid).Deployed());
  const auto revisions = client().ListDeployedRevisions(app, {});
  ASSERT_THAT(revisions, IsOk());
  ASSERT_FALSE(revisions->empty());
  EXPECT_EQ(revisions->front().droplet_guid, droplet->guid);
  const auto processes = client().ListProcesses(app, {});
  ASSERT_THAT(processes, IsOk());
  for (const Process& process : *processes) {
    if (process.type != "web") continue;
    EXPECT_EQ(client().GetProcessStats(process.guid, {})->CountInState("RUNNING"), 1);
    EXPECT_EQ(process.revision_guid, revisions->front().guid);
  }
  EXPECT_TRUE(client().ListDeployments(app, /*active_only=*/true, {})->empty());
  EXPECT_EQ(client().ListDeployments(app, /*active_only=*/false, {})->size(), 1U);
}

TEST_F(ChangingBoxTest, CancelsADeploymentThatDoesNotEnd) {
  const json added = AddApp("stuck", /*start=*/true);
  const AppGuid app(added["app_guid"]);
  const auto droplet = Store(NewDroplet(app));
  ASSERT_THAT(droplet, IsOk());
  Misbehave("deployment-never-ends");
  const auto made = client().CreateDeployment({.app = app, .droplet = droplet->guid}, {});
  ASSERT_THAT(made, IsOk());
  ASSERT_THAT(client().CancelDeployment(made->guid, {}), IsOk());
  EXPECT_EQ(WaitForDeployment(made->guid).status_reason, "CANCELED");
  EXPECT_THAT(client().CancelDeployment(made->guid, {}), IsOk());
  EXPECT_EQ(client().GetCurrentDroplet(app, {})->guid,
            DropletGuid(std::string(added["droplet_guid"])));
}

TEST_F(ChangingBoxTest, NamesARefusedDeploymentAppAndOrganization) {
  const json added = AddApp("refused", /*start=*/true);
  const AppGuid app(added["app_guid"]);
  Misbehave("deployment-create-422-quota", {{"count", 1}});
  EXPECT_THAT(client().CreateDeployment(
                  {.app = app, .droplet = DropletGuid(std::string(added["droplet_guid"]))}, {}),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("quota-exceeded")));
  Misbehave("app-create-restricted-stack", {{"count", 1}});
  EXPECT_THAT(
      client().CreateApp({.space = space_, .name = "restricted", .stack = "cflinuxfs4"}, {}),
      HasErrorName("cc-10008"));
  Misbehave("org-suspended");
  EXPECT_THAT(client().CreateApp({.space = space_, .name = "suspended", .stack = "cflinuxfs4"}, {}),
              HasErrorName("org-suspended"));
  ASSERT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk());
  Misbehave("stats-unavailable-503");
  const auto processes = client().ListProcesses(app, {});
  ASSERT_THAT(processes, IsOk());
  EXPECT_THAT(client().GetProcessStats(processes->front().guid, {}),
              StatusIs(StatusCode::kUnavailable));
}

TEST_F(ChangingBoxTest, ListsTheCrashesOfAnApp) {
  const AppGuid app(
      AddApp("crashing", /*start=*/true, {{"process_types", {{"web", "exit 7"}}}})["app_guid"]);
  const ProcessGuid web = client().ListProcesses(app, {})->front().guid;
  std::vector<AuditEvent> crashes;
  while (crashes.empty()) {
    auto listed = client().ListCrashes(app, web, absl::UnixEpoch(), {});
    ASSERT_THAT(listed, IsOk());
    crashes = *std::move(listed);
    agent_->waiter.Wait(absl::Milliseconds(50), {}).IgnoreError();
  }
  EXPECT_EQ(crashes.front().exit_status, 7);
  EXPECT_EQ(crashes.front().reason, "CRASHED");
  EXPECT_NE(crashes.front().exit_description, "");
}

// --- What stands between

TEST_F(ChangingBoxTest, RepeatsChangesThatMayHappenTwice) {
  const json added = AddApp("repeated");
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "PATCH "}}}});
  EXPECT_THAT(client().SetCurrentDroplet(AppGuid(added["app_guid"]),
                                         DropletGuid(std::string(added["droplet_guid"])), {}),
              IsOk());
}

TEST_F(ChangingBoxTest, MakesOneDropletOnlyWhenTheAnswerIsLost) {
  const AppGuid app(AddApp("made-once")["app_guid"]);
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/droplets"}}}});
  const auto made = client().CreateDroplet(app, kProcessTypes, {});
  ASSERT_THAT(made, IsOk());
  const auto waiting = client().ListDroplets(app, {"AWAITING_UPLOAD"}, {});
  ASSERT_THAT(waiting, IsOk());
  ASSERT_EQ(waiting->size(), 1U);
  EXPECT_EQ(waiting->front().guid, made->guid);
}

TEST_F(ChangingBoxTest, TellsItsOwnNewDropletsFromThoseThatOthersMade) {
  const json added = AddApp("made-by-whom");
  const AppGuid app(added["app_guid"]);
  const DropletGuid pushed(added["droplet_guid"].get<std::string>());
  const DropletGuid made = NewDroplet(app);
  const auto source = client().GetDroplet(pushed, {});
  ASSERT_THAT(source, IsOk());
  const auto copy = client().CopyDroplet(*source, app, {});
  ASSERT_THAT(copy, IsOk());
  const auto own = client().FindOwnDroplets(app, {pushed, made, copy->guid}, {});
  ASSERT_THAT(own, IsOk());
  EXPECT_THAT(*own, testing::UnorderedElementsAre(made, copy->guid));
}

TEST_F(ChangingBoxTest, DoesNotDeployTwiceWhenTheAnswerIsLost) {
  const json added = AddApp("deployed-once", /*start=*/true);
  const AppGuid app(added["app_guid"]);
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/deployments"}}}});
  const auto made = client().CreateDeployment(
      {.app = app,
       .droplet = DropletGuid(std::string(added["droplet_guid"])),
       .metadata = {.labels = {}, .annotations = {{"sluice.dev/promotion", "p1"}}}},
      {});
  ASSERT_THAT(made, IsOk());
  const auto deployments = client().ListDeployments(app, false, {});
  ASSERT_EQ(deployments->size(), 1U);
  EXPECT_EQ(deployments->front().guid, made->guid);
}

TEST_F(ChangingBoxTest, MakesOneAppAndOneCopyOnlyWhenTheAnswersAreLost) {
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/apps"}}}});
  const auto app = client().CreateApp({.space = space_,
                                       .name = "app-made-once",
                                       .stack = "cflinuxfs4",
                                       .metadata = {.labels = {}, .annotations = {{"k", "v"}}}},
                                      {});
  ASSERT_THAT(app, IsOk());
  const auto source =
      client().GetDroplet(DropletGuid(std::string(AddApp("copied-once")["droplet_guid"])), {});
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/droplets"}}}});
  const auto copy = client().CopyDroplet(*source, app->guid, {});
  ASSERT_THAT(copy, IsOk());
  ASSERT_THAT(client().WaitForCopy(copy->guid, {}), IsOk());
  EXPECT_EQ(client().ListDroplets(app->guid, {}, {})->size(), 1U);
}

}  // namespace
}  // namespace sluice::foundation
