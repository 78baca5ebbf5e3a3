// Each call: the request it makes, what it makes of the answer, and its errors by name.
#include <gmock/gmock.h>

#include <stop_token>

#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using http::SeenRequest;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const AppGuid kApp("app-1");
const DropletGuid kDroplet("droplet-1");
const SpaceGuid kSpace("space-1");
constexpr std::string_view kSha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

http::FakeReply NotFound(std::string_view what) {
  return ErrorReply(404, 10010, "CF-ResourceNotFound", std::string(what) + " not found");
}

http::FakeReply Accepted(std::string_view job) {
  return {.status = 202,
          .headers = {{"Location", "https://api.test/v3/jobs/" + std::string(job)}},
          .body = "",
          .then_fail = {}};
}

Droplet Source() {
  Droplet droplet;
  droplet.guid = kDroplet;
  return droplet;
}

class CallsTest : public testing::Test {
 protected:
  json BodyOf(std::string_view method, std::string_view part) {
    return json::parse(foundation_.Only(method, part).body);
  }
  ScriptedFoundation foundation_;
  CloudController& client_ = foundation_.client();
};

// --- Lookups

TEST_F(CallsTest, EncodesNamesTwiceInAFilter) {
  foundation_.On("GET", "/v3/organizations",
                 PageReply({OrganizationJson("org-1", "a,b 100%+\xC3\xA4")}));
  const auto found = client_.FindOrganization("a,b 100%+\xC3\xA4", {});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->guid, OrganizationGuid("org-1"));
  EXPECT_EQ(foundation_.Only("GET", "/v3/organizations").url,
            "https://api.test/v3/organizations"
            "?names=a%252Cb%2520100%2525%252B%25C3%25A4&per_page=200");
}

TEST_F(CallsTest, TakesTheNameThatIsWrittenExactlySoAndSaysWhenOnlyTheCaseDiffers) {
  foundation_.On("GET", "/v3/organizations",
                 PageReply({OrganizationJson("org-1", "ACME"), OrganizationJson("org-2", "acme")}));
  EXPECT_EQ(client_.FindOrganization("acme", {})->guid, OrganizationGuid("org-2"));
  const Status failure = client_.FindOrganization("Acme", {}).status();
  EXPECT_THAT(failure, AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("no-org")));
  EXPECT_THAT(std::string(failure.message()),
              AllOf(HasSubstr("prod"), HasSubstr("\"Acme\""), HasSubstr("only in case")));
}

TEST_F(CallsTest, NamesWhatIsMissingOnTheWayToAnAppAndWhere) {
  const auto find = [this] {
    return client_.FindAppPlace("acme", "payments", "checkout", {}).status();
  };
  foundation_.On("GET", "/v3/organizations", PageReply(json::array()));
  EXPECT_THAT(find(), HasErrorName("no-org"));
  EXPECT_THAT(std::string(find().message()), HasSubstr("sluice-agent doctor --grants"));
  foundation_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org-1", "acme")}));
  foundation_.On("GET", "/v3/spaces", PageReply(json::array()));
  EXPECT_THAT(find(), HasErrorName("no-space"));
  EXPECT_THAT(std::string(find().message()), HasSubstr("no space \"payments\" in acme that"));
  foundation_.On("GET", "/v3/spaces", PageReply({SpaceJson("space-1", "payments", "org-1")}));
  foundation_.On("GET", "/v3/apps", PageReply(json::array()));
  EXPECT_THAT(find(), HasErrorName("no-app"));
  EXPECT_THAT(std::string(find().message()),
              AllOf(HasSubstr("no app \"checkout\" in acme/payments that"),
                    HasSubstr("sluice apps prod:acme/payments")));
}

TEST_F(CallsTest, FindsAnAppInItsSpaceOnly) {
  foundation_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org-1", "acme")}));
  foundation_.On("GET", "/v3/spaces", PageReply({SpaceJson("space-1", "payments", "org-1")}));
  foundation_.On("GET", "/v3/apps", PageReply({AppJson("app-1", "checkout", "space-1")}));
  const auto place = client_.FindAppPlace("acme", "payments", "checkout", {});
  ASSERT_THAT(place, IsOk());
  EXPECT_EQ(place->app.guid, kApp);
  EXPECT_EQ(place->app.stack, "cflinuxfs4");
  EXPECT_EQ(place->app.current_droplet_guid, std::nullopt);
  EXPECT_EQ(foundation_.Only("GET", "/v3/spaces").url,
            "https://api.test/v3/spaces?names=payments&organization_guids=org-1&per_page=200");
  EXPECT_EQ(foundation_.Only("GET", "/v3/apps").url,
            "https://api.test/v3/apps?names=checkout&space_guids=space-1&per_page=200");
}

TEST_F(CallsTest, CallsTwoAppsOfOneNameAmbiguous) {
  foundation_.On("GET", "/v3/apps",
                 PageReply({AppJson("a", "checkout", "s"), AppJson("b", "checkout", "s")}));
  EXPECT_THAT(client_.FindApp(kSpace, "checkout", {}),
              AllOf(StatusIs(StatusCode::kInvalidArgument), HasErrorName("ambiguous-app")));
}

TEST_F(CallsTest, ListsTheAppsOfAnOrganizationWithTheirSpaces) {
  foundation_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org-1", "acme")}));
  foundation_.On("GET", "/v3/spaces",
                 PageReply({SpaceJson("s-1", "dev", "org-1"), SpaceJson("s-2", "ops", "org-1")}));
  foundation_.On("GET", "/v3/apps",
                 PageReply({AppJson("a", "one", "s-2"), AppJson("b", "two", "s-1"),
                            AppJson("c", "three", "s-of-later")}));
  const auto places = client_.ListApps("acme", std::nullopt, {});
  ASSERT_THAT(places, IsOk());
  ASSERT_EQ(places->size(), 2U);
  EXPECT_EQ((*places)[0].space.name, "ops");
  EXPECT_EQ((*places)[1].space.name, "dev");
  EXPECT_EQ(foundation_.Only("GET", "/v3/apps").url,
            "https://api.test/v3/apps?organization_guids=org-1&order_by=name&per_page=200");
}

TEST_F(CallsTest, ListsTheAppsOfOneSpaceWhenItIsNamed) {
  foundation_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org-1", "acme")}));
  foundation_.On("GET", "/v3/spaces", PageReply({SpaceJson("s-1", "dev", "org-1")}));
  foundation_.On("GET", "/v3/apps", PageReply({AppJson("a", "one", "s-1")}));
  EXPECT_EQ(client_.ListApps("acme", "dev", {})->size(), 1U);
  EXPECT_THAT(foundation_.Only("GET", "/v3/apps").url, HasSubstr("space_guids=s-1"));
}

TEST_F(CallsTest, NamesAnAppThatIsGone) {
  foundation_.On("GET", "/v3/apps/app-1", NotFound("App"));
  EXPECT_THAT(client_.GetApp(kApp, {}),
              AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("no-app")));
}

TEST_F(CallsTest, FindsAStackAndNamesOneThatIsMissing) {
  foundation_.On("GET", "/v3/stacks",
                 PageReply({{{"guid", "s"}, {"name", "cflinuxfs4"}, {"state", "ACTIVE"}}}));
  EXPECT_EQ(client_.FindStack("cflinuxfs4", {})->state, "ACTIVE");
  EXPECT_THAT(client_.FindStack("cflinuxfs3", {}), HasErrorName("no-stack"));
}

TEST_F(CallsTest, ReadsQuotasAndWhatIsUsedOfThem) {
  const auto quota_of = [](std::string_view guid) {
    return json{{"guid", "x"},
                {"name", "x"},
                {"relationships",
                 {{"quota", {{"data", guid.empty() ? json(nullptr) : json{{"guid", guid}}}}}}}};
  };
  foundation_.On("GET", "/v3/organizations/org-1", JsonReply(200, quota_of("q-1")));
  foundation_.On("GET", "/v3/spaces/space-1", JsonReply(200, quota_of("")));
  foundation_.On("GET", "/v3/organization_quotas/q-1",
                 JsonReply(200, {{"guid", "q-1"},
                                 {"name", "small"},
                                 {"apps",
                                  {{"total_memory_in_mb", 2048},
                                   {"per_process_memory_in_mb", nullptr},
                                   {"total_instances", 4}}}}));
  foundation_.On(
      "GET", "/v3/organizations/org-1/usage_summary",
      JsonReply(200, {{"usage_summary", {{"memory_in_mb", 1024}, {"started_instances", 2}}}}));
  foundation_.On("GET", "/v3/spaces/space-1/usage_summary", NotFound("Unknown request"));
  const auto facts = client_.GetQuota(
      {.guid = kSpace, .name = "s", .organization_guid = OrganizationGuid("org-1")}, {});
  ASSERT_THAT(facts, IsOk());
  ASSERT_TRUE(facts->organization.has_value());
  EXPECT_EQ(facts->organization->total_memory_in_mb, 2048);
  EXPECT_EQ(facts->organization->per_process_memory_in_mb, std::nullopt);
  EXPECT_EQ(facts->organization_instances_started, 2);
  EXPECT_EQ(facts->space, std::nullopt);
  EXPECT_EQ(facts->space_memory_used_in_mb, std::nullopt);
}

// --- Droplets

TEST_F(CallsTest, TellsAnAppWithoutADropletFromAnAppThatIsGone) {
  const std::string path = "/v3/apps/app-1/droplets/current";
  foundation_.On("GET", path, NotFound("Droplet"));
  foundation_.On("GET", path, NotFound("App"));
  EXPECT_THAT(client_.GetCurrentDroplet(kApp, {}), HasErrorName("no-droplet"));
  EXPECT_THAT(client_.GetCurrentDroplet(kApp, {}), HasErrorName("no-app"));
}

TEST_F(CallsTest, ListsDropletsNewestFirstByState) {
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply({DropletJson("d", "STAGED")}));
  ASSERT_THAT(client_.ListDroplets(kApp, {"STAGED", "FAILED"}, {}), IsOk());
  EXPECT_EQ(foundation_.Only("GET", "/droplets").url,
            "https://api.test/v3/apps/app-1/droplets"
            "?order_by=-created_at&states=STAGED%2CFAILED&per_page=200");
}

TEST_F(CallsTest, FindsStagedDropletsByTheirDigestOnly) {
  const json found = {DropletJson("other", "STAGED", std::string(64, 'a')),
                      DropletJson("same", "STAGED", kSha256),
                      DropletJson("expired", "EXPIRED", kSha256)};
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply(found));
  foundation_.On("GET", "/v3/droplets", PageReply(found));
  const auto of_app = client_.FindStagedDroplets(kApp, kSha256, {});
  ASSERT_THAT(of_app, IsOk());
  ASSERT_EQ(of_app->size(), 1U);
  EXPECT_EQ(of_app->front().guid, DropletGuid("same"));
  EXPECT_EQ(client_.FindStagedDropletsAnywhere(kSha256, {})->size(), 1U);
}

TEST_F(CallsTest, CreatesADropletWithTheProcessTypesGiven) {
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply(json::array()));
  foundation_.On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "AWAITING_UPLOAD")));
  const auto made = client_.CreateDroplet(kApp, {{"web", ""}, {"worker", "work"}}, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, DropletGuid("new"));
  const SeenRequest post = foundation_.Only("POST", "/v3/droplets");
  EXPECT_EQ(post.headers.Find("Content-Type"), "application/json");
  EXPECT_EQ(json::parse(post.body),
            json::parse(R"({"relationships":{"app":{"data":{"guid":"app-1"}}},
                            "process_types":{"web":"","worker":"work"}})"));
}

TEST_F(CallsTest, AStopWhileADropletIsMadeLosesNoDroplet) {
  std::stop_source stop;
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply(json::array()));
  foundation_.On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "AWAITING_UPLOAD")));
  foundation_.on_request = [&](const SeenRequest& request) {
    if (request.method == "POST" && request.url.ends_with("/v3/droplets")) stop.request_stop();
  };
  const auto made = client_.CreateDroplet(kApp, {{"web", "run"}}, stop.get_token());
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->guid, DropletGuid("new"));
  // Before it, a stop makes none.
  EXPECT_THAT(client_.CreateDroplet(kApp, {{"web", "run"}}, stop.get_token()),
              HasErrorName("cancelled"));
  EXPECT_THAT(client_.CopyDroplet(Source(), kApp, stop.get_token()), HasErrorName("cancelled"));
  EXPECT_EQ(foundation_.Count("POST", "/v3/droplets"), 1U);
}

TEST_F(CallsTest, CopiesADropletToAnotherApp) {
  foundation_.On("GET", "/v3/apps/app-2/droplets", PageReply({}));
  foundation_.On("POST", "/v3/droplets", JsonReply(201, DropletJson("copy", "COPYING")));
  const auto copy = client_.CopyDroplet(Source(), AppGuid("app-2"), {});
  ASSERT_THAT(copy, IsOk());
  EXPECT_EQ(copy->state, "COPYING");
  const SeenRequest post = foundation_.Only("POST", "/v3/droplets");
  EXPECT_EQ(post.url, "https://api.test/v3/droplets?source_guid=droplet-1");
  EXPECT_EQ(json::parse(post.body),
            json::parse(R"({"relationships":{"app":{"data":{"guid":"app-2"}}}})"));
}

TEST_F(CallsTest, WaitsForACopyUntilItIsStagedOrFails) {
  foundation_.On("GET", "/v3/droplets/copy", JsonReply(200, DropletJson("copy", "COPYING")));
  foundation_.On("GET", "/v3/droplets/copy",
                 JsonReply(200, DropletJson("copy", "STAGED", kSha256)));
  EXPECT_EQ(client_.WaitForCopy(DropletGuid("copy"), {})->Sha256(), kSha256);

  json failed = DropletJson("bad", "FAILED");
  failed["error"] = "failed to copy - disk full";
  foundation_.On("GET", "/v3/droplets/bad", JsonReply(200, failed));
  const Status failure = client_.WaitForCopy(DropletGuid("bad"), {}).status();
  EXPECT_THAT(failure,
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("copy-failed")));
  EXPECT_THAT(std::string(failure.message()), HasSubstr("disk full"));
}

TEST_F(CallsTest, ChangesOnlyTheMetadataThatIsNamed) {
  foundation_.On("PATCH", "/v3/droplets/droplet-1",
                 JsonReply(200, DropletJson("droplet-1", "STAGED")));
  ASSERT_THAT(
      client_.UpdateDropletMetadata(
          kDroplet,
          {.labels = {}, .annotations = {{"sluice.dev/a", "1"}, {"sluice.dev/b", std::nullopt}}},
          {}),
      IsOk());
  EXPECT_EQ(BodyOf("PATCH", "/v3/droplets/droplet-1"), json::parse(R"({"metadata":{"labels":{},
                            "annotations":{"sluice.dev/a":"1","sluice.dev/b":null}}})"));
}

TEST_F(CallsTest, WaitsForTheJobThatDeletesADroplet) {
  foundation_.On("DELETE", "/v3/droplets/droplet-1", Accepted("job-1"));
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "PROCESSING")));
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  EXPECT_THAT(client_.DeleteDroplet(kDroplet, {}), IsOk());
  EXPECT_EQ(foundation_.Count("GET", "/v3/jobs/job-1"), 2U);
}

TEST_F(CallsTest, TakesADropletThatIsGoneAlreadyForDeleted) {
  foundation_.On("DELETE", "/v3/droplets/droplet-1", NotFound("Droplet"));
  EXPECT_THAT(client_.DeleteDroplet(kDroplet, {}), IsOk());
}

TEST_F(CallsTest, RefusesToDeleteADropletThatIsInUse) {
  foundation_.On("DELETE", "/v3/droplets/droplet-1",
                 ErrorReply(422, 10008, "CF-UnprocessableEntity", "currently used"));
  EXPECT_THAT(client_.DeleteDroplet(kDroplet, {}), HasErrorName("cc-10008"));
}

TEST_F(CallsTest, LooksForTheDropletWhenItsDeleteJobIsLost) {
  foundation_.On("DELETE", "/v3/droplets/droplet-1", Accepted("job-1"));
  foundation_.On("GET", "/v3/jobs/job-1", NotFound("Job"));
  foundation_.On("GET", "/v3/droplets/droplet-1", NotFound("Droplet"));
  EXPECT_THAT(client_.DeleteDroplet(kDroplet, {}), IsOk());
}

// --- Jobs

TEST_F(CallsTest, PollsAJobAtAGrowingPaceUntilItIsComplete) {
  for (int i = 0; i < 6; ++i) {
    foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "PROCESSING")));
  }
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  ASSERT_THAT(client_.WaitForJob(JobGuid("job-1"), {}), IsOk());
  EXPECT_THAT(foundation_.waiter().Waits(),
              ElementsAre(absl::Seconds(1), absl::Seconds(1.5), absl::Seconds(2.25),
                          absl::Seconds(3.375), absl::Seconds(5), absl::Seconds(5)));
}

TEST_F(CallsTest, NamesAFailedJobWithCloudControllersErrors) {
  json job = JobJson("job-1", "FAILED");
  job["errors"] = {{{"code", 150007}, {"title", "CF-BlobstoreError"}, {"detail", "three retries"}}};
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, job));
  const Status failure = client_.WaitForJob(JobGuid("job-1"), {});
  EXPECT_THAT(failure,
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("job-failed")));
  EXPECT_THAT(
      std::string(failure.message()),
      AllOf(HasSubstr("CF-BlobstoreError"), HasSubstr("150007"), HasSubstr("droplet.upload")));
}

TEST_F(CallsTest, BearsAnUnavailableApiWhileAJobGoesOn) {
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "PROCESSING")));
  for (int i = 0; i < 7; ++i) {  // more than the five attempts of one question
    foundation_.On("GET", "/v3/jobs/job-1",
                   {.status = 503, .headers = {}, .body = "", .then_fail = {}});
  }
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  EXPECT_THAT(client_.WaitForJob(JobGuid("job-1"), {}), IsOk());
}

TEST_F(CallsTest, NamesAJobThatIsLostAndOneThatDoesNotEnd) {
  foundation_.On("GET", "/v3/jobs/lost", NotFound("Job"));
  EXPECT_THAT(client_.WaitForJob(JobGuid("lost"), {}),
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("job-lost")));
  foundation_.On("GET", "/v3/jobs/slow", JsonReply(200, JobJson("slow", "PROCESSING")));
  const absl::Duration before = foundation_.clock().Monotonic();
  EXPECT_THAT(client_.WaitForJob(JobGuid("slow"), {}),
              AllOf(StatusIs(StatusCode::kDeadlineExceeded), HasErrorName("job-timeout")));
  EXPECT_GE(foundation_.clock().Monotonic() - before, client_.options().job_timeout);
}

// --- Apps

TEST_F(CallsTest, CreatesAnAppWithItsStackAndMetadata) {
  foundation_.On("POST", "/v3/apps", JsonReply(201, AppJson("app-1", "checkout", "space-1")));
  ASSERT_THAT(client_.CreateApp({.space = kSpace,
                                 .name = "checkout",
                                 .stack = "cflinuxfs4",
                                 .buildpacks = {},
                                 .metadata = {.labels = {}, .annotations = {{"k", "v"}}}},
                                {}),
              IsOk());
  EXPECT_EQ(BodyOf("POST", "/v3/apps"), json::parse(R"({"name":"checkout",
                            "relationships":{"space":{"data":{"guid":"space-1"}}},
                            "lifecycle":{"type":"buildpack",
                                         "data":{"buildpacks":[],"stack":"cflinuxfs4"}},
                            "metadata":{"labels":{},"annotations":{"k":"v"}}})"));
}

TEST_F(CallsTest, NamesAnAppsNameThatIsTakenAndAQuotaThatIsExceeded) {
  foundation_.On(
      "POST", "/v3/apps",
      ErrorReply(422, 10016, "CF-UniquenessError", "App with the name 'x' already exists."));
  EXPECT_THAT(client_.CreateApp({.space = kSpace, .name = "x", .stack = "s"}, {}),
              HasErrorName("name-taken"));
  foundation_.On("POST", "/v3/apps/app-1/actions/start",
                 ErrorReply(422, 10008, "CF-UnprocessableEntity", "memory quota_exceeded"));
  EXPECT_THAT(client_.StartApp(kApp, {}),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("quota-exceeded")));
}

TEST_F(CallsTest, SetsTheDropletOfAnApp) {
  foundation_.On("PATCH", "/v3/apps/app-1/relationships/current_droplet",
                 JsonReply(200, {{"data", {{"guid", "droplet-1"}}}}));
  ASSERT_THAT(client_.SetCurrentDroplet(kApp, kDroplet, {}), IsOk());
  EXPECT_EQ(BodyOf("PATCH", "/current_droplet"), json::parse(R"({"data":{"guid":"droplet-1"}})"));
}

TEST_F(CallsTest, StartsAndStopsWithoutABody) {
  for (const std::string action : {"start", "stop"}) {
    foundation_.On("POST", "/v3/apps/app-1/actions/" + action,
                   JsonReply(200, AppJson("app-1", "a", "s")));
  }
  EXPECT_THAT(client_.StartApp(kApp, {}), IsOk());
  EXPECT_THAT(client_.StopApp(kApp, {}), IsOk());
  for (const std::string action : {"start", "stop"}) {
    EXPECT_EQ(foundation_.Only("POST", "/actions/" + action).body, "");
  }
}

TEST_F(CallsTest, ReadsEachProcessByItselfBecauseListsAreRedacted) {
  const auto process = [](std::string_view guid, std::string_view command) {
    return json{{"guid", guid}, {"type", "web"}, {"command", command}, {"instances", 2}};
  };
  foundation_.On("GET", "/v3/apps/app-1/processes",
                 PageReply({process("p-1", "[PRIVATE DATA HIDDEN IN LISTS]"),
                            process("p-2", "[PRIVATE DATA HIDDEN IN LISTS]")}));
  foundation_.On("GET", "/v3/processes/p-1", JsonReply(200, process("p-1", "run")));
  foundation_.On("GET", "/v3/processes/p-2", NotFound("Process"));  // its deployment has just ended
  const auto processes = client_.ListProcesses(kApp, {});
  ASSERT_THAT(processes, IsOk());
  ASSERT_EQ(processes->size(), 1U);
  EXPECT_EQ(processes->front().command, "run");
  EXPECT_EQ(processes->front().instances, 2);
}

TEST_F(CallsTest, ScalesAProcessAndReadsItsInstances) {
  foundation_.On("POST", "/v3/processes/p-1/actions/scale",
                 JsonReply(202, {{"guid", "p-1"}, {"type", "worker"}, {"instances", 3}}));
  EXPECT_EQ(client_.ScaleProcess(ProcessGuid("p-1"), 3, {})->instances, 3);
  EXPECT_EQ(BodyOf("POST", "/actions/scale"), json::parse(R"({"instances":3})"));
  foundation_.On(
      "GET", "/v3/processes/p-1/stats",
      JsonReply(200, {{"resources",
                       {{{"type", "web"}, {"index", 0}, {"state", "RUNNING"}, {"uptime", 9}},
                        {{"type", "web"},
                         {"index", 1},
                         {"state", "CRASHED"},
                         {"details", "insufficient resources"}}}}}));
  const auto stats = client_.GetProcessStats(ProcessGuid("p-1"), {});
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ(stats->CountInState("RUNNING"), 1);
  EXPECT_EQ(stats->instances[1].details, "insufficient resources");
}

TEST_F(CallsTest, ReadsRoutesAndSidecars) {
  foundation_.On("GET", "/v3/apps/app-1/routes",
                 PageReply({{{"guid", "r"}, {"url", "checkout.example.org"}}}));
  EXPECT_EQ(client_.ListRoutes(kApp, {})->front().url, "checkout.example.org");
  foundation_.On("GET", "/v3/apps/app-1/sidecars",
                 PageReply({{{"guid", "s"},
                             {"name", "apm"},
                             {"command", "watch"},
                             {"process_types", {"web"}},
                             {"origin", "buildpack"}}}));
  EXPECT_EQ(client_.ListSidecars(kApp, {})->front().origin, "buildpack");
}

TEST_F(CallsTest, ListsTheCrashesOfOneProcessSinceATimeNewestFirst) {
  foundation_.On("GET", "/v3/audit_events",
                 PageReply({{{"guid", "e-old"},
                             {"type", "audit.app.process.crash"},
                             {"actor", {{"guid", "old-process"}, {"type", "process"}}},
                             {"created_at", "2026-01-01T00:00:06Z"}},
                            {{"guid", "e"},
                             {"type", "audit.app.process.crash"},
                             {"actor", {{"guid", "new-process"}, {"type", "process"}}},
                             {"created_at", "2026-01-01T00:00:05Z"},
                             {"data",
                              {{"reason", "CRASHED"},
                               {"exit_status", 7},
                               {"index", 1},
                               {"exit_description", "APP/PROC/WEB: Exited with status 7"}}}}}));
  const auto crashes =
      client_.ListCrashes(kApp, ProcessGuid("new-process"), foundation_.clock().Now(), {});
  ASSERT_THAT(crashes, IsOk());
  ASSERT_EQ(crashes->size(), 1U);
  EXPECT_EQ(crashes->front().exit_status, 7);
  EXPECT_EQ(crashes->front().exit_description, "APP/PROC/WEB: Exited with status 7");
  EXPECT_THAT(foundation_.Only("GET", "/v3/audit_events").url,
              HasSubstr("?types=audit.app.process.crash&target_guids=app-1"
                        "&created_ats%5Bgte%5D=2026-01-01T00%3A00%3A00Z&order_by=-created_at&"));
}

TEST_F(CallsTest, DeletesAnAppAndWaitsForItsJob) {
  foundation_.On("DELETE", "/v3/apps/app-1", Accepted("job-1"));
  foundation_.On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
  EXPECT_THAT(client_.DeleteApp(kApp, {}), IsOk());
  foundation_.On("DELETE", "/v3/apps/gone", NotFound("App"));
  EXPECT_THAT(client_.DeleteApp(AppGuid("gone"), {}), IsOk());
}

// --- Deployments

TEST_F(CallsTest, CreatesADeploymentOfOneDroplet) {
  foundation_.On("GET", "/v3/deployments", PageReply({}));
  foundation_.On("POST", "/v3/deployments",
                 JsonReply(201, DeploymentJson("deployment-1", "ACTIVE", "DEPLOYING")));
  const auto made =
      client_.CreateDeployment({.app = kApp,
                                .droplet = kDroplet,
                                .strategy = "rolling",
                                .max_in_flight = 2,
                                .metadata = {.labels = {}, .annotations = {{"k", "v"}}}},
                               {});
  ASSERT_THAT(made, IsOk());
  EXPECT_FALSE(made->Finalized());
  EXPECT_THAT(made->new_process_guids, ElementsAre(ProcessGuid("process-2")));
  EXPECT_EQ(made->previous_droplet_guid, std::nullopt);
  EXPECT_EQ(BodyOf("POST", "/v3/deployments"),
            json::parse(R"({"relationships":{"app":{"data":{"guid":"app-1"}}},
                            "droplet":{"guid":"droplet-1"},"strategy":"rolling",
                            "options":{"max_in_flight":2},
                            "metadata":{"labels":{},"annotations":{"k":"v"}}})"));
}

TEST_F(CallsTest, ListsTheActiveDeploymentsOfAnApp) {
  foundation_.On("GET", "/v3/deployments",
                 PageReply({DeploymentJson("deployment-1", "ACTIVE", "DEPLOYING")}));
  EXPECT_EQ(client_.ListDeployments(kApp, true, {})->size(), 1U);
  EXPECT_EQ(foundation_.Only("GET", "/v3/deployments").url,
            "https://api.test/v3/deployments"
            "?app_guids=app-1&order_by=-created_at&status_values=ACTIVE&per_page=200");
}

TEST_F(CallsTest, TakesADeploymentThatIsCancelledAlreadyForCancelled) {
  const DeploymentGuid guid("deployment-1");
  foundation_.On("POST", "/v3/deployments/deployment-1/actions/cancel",
                 ErrorReply(422, 10008, "CF-UnprocessableEntity", "Cannot cancel a deployment"));
  foundation_.On("GET", "/v3/deployments/deployment-1",
                 JsonReply(200, DeploymentJson("deployment-1", "FINALIZED", "CANCELED")));
  foundation_.On("GET", "/v3/deployments/deployment-1",
                 JsonReply(200, DeploymentJson("deployment-1", "FINALIZED", "DEPLOYED")));
  EXPECT_THAT(client_.CancelDeployment(guid, {}), IsOk());
  EXPECT_THAT(client_.CancelDeployment(guid, {}), HasErrorName("cc-10008"));
}

TEST_F(CallsTest, NamesADeploymentThatIsGone) {
  foundation_.On("GET", "/v3/deployments/d", NotFound("Deployment"));
  EXPECT_THAT(client_.GetDeployment(DeploymentGuid("d"), {}), HasErrorName("no-deployment"));
}

TEST_F(CallsTest, ReadsWhichRevisionsRun) {
  const json revision = {{"guid", "r-2"},
                         {"version", 2},
                         {"droplet", {{"guid", "droplet-1"}}},
                         {"deployable", true},
                         {"description", "New droplet deployed."}};
  foundation_.On("GET", "/v3/apps/app-1/revisions/deployed", PageReply({revision}));
  const auto deployed = client_.ListDeployedRevisions(kApp, {});
  ASSERT_THAT(deployed, IsOk());
  EXPECT_EQ(deployed->front().droplet_guid, kDroplet);
  EXPECT_TRUE(deployed->front().deployable);
  foundation_.On("GET", "/v3/apps/none/revisions/deployed", PageReply(json::array()));
  EXPECT_THAT(*client_.ListDeployedRevisions(AppGuid("none"), {}), IsEmpty());
}

}  // namespace
}  // namespace sluice::foundation
