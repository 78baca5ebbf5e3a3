// The client against a foundation that is really there: TLS, UAA, Cloud Controller, nginx with
// signed URLs, apps that run, and everything that the box can be told to do wrong.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/testing/box_process.h"
#include "common/base/files.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/http/curl_transport.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr size_t kFileBytesMax = size_t{16} << 20;
const ProcessTypes kProcessTypes = {{"web", "exec sleep infinity"},
                                    {"worker", "exec sleep infinity"}};

std::string Sha256Of(std::string_view bytes) {
  crypto::Sha256 hash;
  hash.Update(bytes);
  return hash.Finish().hex();
}

class StringSink final : public http::ByteSink {
 public:
  Status Write(std::string_view bytes) override {
    text.append(bytes);
    return absl::OkStatus();
  }
  std::string text;
};

class StringSource final : public http::BodySource {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  uint64_t ContentLength() const override { return text_.size(); }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(text_.data() + at_, count, buffer.data());
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

// Everything that a client needs, real but for what a test replaces.
struct Agent {
  Agent(const BoxProcess& box, std::string id, std::string secret,
        const std::function<void(CloudController::Options&)>& adjust = {})
      : transport({.ca_file = box.ca_file(), .plain_http_hosts = {}, .user_agent = "box-test"},
                  system_clock),
        credentials{std::move(id), Secret(std::move(secret))} {
    CloudController::Options options;
    options.foundation = "prod";
    options.api_url = box.api_url();
    options.job_poll_first = absl::Milliseconds(20);
    options.job_poll_max = absl::Milliseconds(100);
    options.download_idle_timeout = absl::Seconds(1);
    options.retry.backoff_first = absl::Milliseconds(5);
    options.retry.backoff_max = absl::Milliseconds(20);
    if (adjust) adjust(options);
    client = std::make_unique<CloudController>(
        options, [this]() -> StatusOr<ClientCredentials> { return credentials; }, transport, clock,
        waiter, /*jitter_seed=*/1);
  }
  SystemClock system_clock;
  FakeClock clock;  // stands still: a test says when a token grows old
  http::RealWaiter waiter;
  http::CurlTransport transport;
  ClientCredentials credentials;
  std::unique_ptr<CloudController> client;
};

class BoxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = BoxProcess::Start();
    ASSERT_THAT(started, IsOk());
    box_ = started->release();
    const json space =
        *box_->Admin("POST", "/spaces", {{"organization", "acme"}, {"space", "payments"}});
    space_ = SpaceGuid(space["space_guid"]);
    organization_ = OrganizationGuid(space["organization_guid"]);
    AddClient("sluice", "s3cret+&% ", "space_developer");
    droplet_file_ = box_->MakeDroplet(1);
    bytes_ = *SystemFiles().Read(droplet_file_, kFileBytesMax);
    agent_ = new Agent(*box_, "sluice", "s3cret+&% ");
  }
  static void TearDownTestSuite() {
    delete agent_;
    delete box_;
  }
  void SetUp() override { ASSERT_NE(agent_, nullptr) << "the box did not start"; }
  void TearDown() override { EXPECT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk()); }

  static void AddClient(const std::string& id, const std::string& secret, const std::string& role,
                        const json& scopes = {"cloud_controller.read", "cloud_controller.write"}) {
    ASSERT_THAT(
        box_->Admin(
            "POST", "/clients",
            {{"id", id},
             {"secret", secret},
             {"scopes", scopes},
             {"roles", {{{"type", role}, {"organization", "acme"}, {"space", "payments"}}}}}),
        IsOk());
  }
  // An app with the droplet, as somebody has pushed it.
  static json AddApp(const std::string& name, bool start = false, const json& more = {}) {
    json app = {{"organization", "acme"},
                {"space", "payments"},
                {"name", name},
                {"droplet", droplet_file_},
                {"process_types", kProcessTypes},
                {"start", start},
                {"health_check", "process"}};
    if (!more.is_null()) app.update(more);
    if (app["droplet"].is_null()) app.erase("droplet");
    auto added = box_->Admin("POST", "/apps", app);
    EXPECT_THAT(added, IsOk());
    return added.value_or(json::object());
  }
  static void Misbehave(const std::string& name, const json& how = json::object()) {
    ASSERT_THAT(box_->Admin("PUT", "/misbehaviours/" + name, how), IsOk());
  }
  static CloudController& client() { return *agent_->client; }

  static StatusOr<std::string> Download(const DropletGuid& droplet) {
    StringSink sink;
    SLUICE_RETURN_IF_ERROR(client().DownloadDroplet(droplet, 0, bytes_.size(), sink, {}));
    return sink.text;
  }
  // A droplet of the app that awaits its bits.
  static DropletGuid NewDroplet(const AppGuid& app) {
    auto droplet = client().CreateDroplet(app, kProcessTypes, {});
    EXPECT_THAT(droplet, IsOk());
    return droplet.ok() ? droplet->guid : DropletGuid("none");
  }
  static StatusOr<JobGuid> Upload(const DropletGuid& droplet) {
    StringSource bits(bytes_);
    return client().UploadDroplet(droplet, bits, {});
  }
  // The status of the whole way to STAGED.
  static StatusOr<Droplet> Store(const DropletGuid& droplet) {
    SLUICE_ASSIGN_OR_RETURN(const JobGuid job, Upload(droplet));
    SLUICE_RETURN_IF_ERROR(client().WaitForJob(job, {}));
    return client().GetDroplet(droplet, {});
  }
  // Asks until the deployment is final; the test's own time limit ends a deployment that hangs.
  static Deployment WaitForDeployment(const DeploymentGuid& guid) {
    while (true) {
      auto now = client().GetDeployment(guid, {});
      EXPECT_THAT(now, IsOk());
      if (!now.ok() || now->Finalized()) return now.value_or(Deployment{});
      agent_->waiter.Wait(absl::Milliseconds(50), {}).IgnoreError();
    }
  }

  static inline BoxProcess* box_ = nullptr;
  static inline Agent* agent_ = nullptr;
  static inline SpaceGuid space_;
  static inline OrganizationGuid organization_;
  static inline std::string droplet_file_;
  static inline std::string bytes_;
};

// --- Login

TEST_F(BoxTest, ProbesAFoundationThatWorks) {
  const ProbeFacts facts = client().Probe({});
  EXPECT_THAT(facts.discovery, IsOk());
  EXPECT_THAT(facts.login, IsOk());
  EXPECT_THAT(facts.roles_read, IsOk());
  EXPECT_EQ(facts.api_version, "3.228.0");
  EXPECT_TRUE(facts.MayRead());
  EXPECT_TRUE(facts.MayWrite());
  EXPECT_TRUE(facts.HasSpaceRole("space_developer", space_));
  EXPECT_TRUE(facts.clock_skew.has_value());
}

TEST_F(BoxTest, NamesARefusedLoginAndUsesASecretThatWasMendedMeanwhile) {
  AddClient("rotated", "right", "space_developer");
  Agent agent(*box_, "rotated", "wrong");
  const Status failure = agent.client->FindOrganization("acme", {}).status();
  EXPECT_THAT(failure,
              AllOf(StatusIs(StatusCode::kUnauthenticated), HasErrorName("login-refused")));
  EXPECT_THAT(std::string(failure.message()), Not(HasSubstr("wrong")));
  agent.credentials.client_secret = Secret("right");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
}

TEST_F(BoxTest, LogsInAgainWhenAQuarterOfTheTokensLifeIsLeft) {
  Agent agent(*box_, "sluice", "s3cret+&% ");
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  ASSERT_THAT(box_->Admin("DELETE", "/requests"), IsOk());
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  EXPECT_EQ((*box_->Admin("GET", "/requests"))["token"], 0);
  agent.clock.Advance(absl::Seconds(900));
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  EXPECT_EQ((*box_->Admin("GET", "/requests"))["token"], 1);
}

TEST_F(BoxTest, RenewsATokenThatCloudControllerNoLongerTakes) {
  Misbehave("invalid-token-once", {{"count", 1}});
  EXPECT_THAT(client().FindOrganization("acme", {}), IsOk());
  Misbehave("expired-token", {{"count", 1}});
  Agent agent(*box_, "sluice", "s3cret+&% ");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
}

TEST_F(BoxTest, NamesAUaaThatIsAway) {
  Misbehave("uaa-down");
  Agent agent(*box_, "sluice", "s3cret+&% ");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}),
              AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("uaa-unavailable")));
}

TEST_F(BoxTest, TrustsNoCertificateButThoseOfTheFileItWasGiven) {
  SystemClock clock;
  http::RealWaiter waiter;
  http::CurlTransport transport({}, clock);
  CloudController stranger(
      {.foundation = "prod", .api_url = box_->api_url(), .retry = {}},
      [] {
        return ClientCredentials{"sluice", Secret("x")};
      },
      transport, clock, waiter, 1);
  EXPECT_THAT(stranger.Discover({}), HasErrorName("tls-untrusted"));
}

TEST_F(BoxTest, NamesWhatAReaderIsNotAllowed) {
  AddClient("reader", "r", "space_auditor", {"cloud_controller.read"});
  const json app = AddApp("readable");
  Agent agent(*box_, "reader", "r");
  EXPECT_THAT(agent.client->CreateDroplet(AppGuid(app["app_guid"]), kProcessTypes, {}),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("not-authorized")));
  const auto droplet = agent.client->GetDroplet(DropletGuid(app["droplet_guid"]), {});
  ASSERT_THAT(droplet, IsOk());
  EXPECT_TRUE(droplet->process_types_redacted);
  const auto current = agent.client->GetCurrentDroplet(AppGuid(app["app_guid"]), {});
  ASSERT_THAT(current, IsOk());
  EXPECT_EQ(current->process_types, kProcessTypes);
}

// --- Lookups

TEST_F(BoxTest, FindsNamesWithEveryOddCharacter) {
  const std::string organization = "odd, 100% + \xC3\xA4/&=?#";
  const std::string space = "  a%2Cb, c  \xE6\x97\xA5";
  const std::string app = "app,with%25 \"quotes\" & 'more'";
  ASSERT_THAT(box_->Admin("POST", "/apps",
                          {{"organization", organization}, {"space", space}, {"name", app}}),
              IsOk());
  ASSERT_THAT(
      box_->Admin(
          "POST", "/clients",
          {{"id", "odd"},
           {"secret", "o"},
           {"roles",
            {{{"type", "space_developer"}, {"organization", organization}, {"space", space}}}}}),
      IsOk());
  Agent agent(*box_, "odd", "o");
  const auto place = agent.client->FindAppPlace(organization, space, app, {});
  ASSERT_THAT(place, IsOk());
  EXPECT_EQ(place->app.name, app);
  EXPECT_EQ(place->space.name, space);
  EXPECT_THAT(agent.client->FindAppPlace(organization, space, "app", {}), HasErrorName("no-app"));
}

TEST_F(BoxTest, NamesWhatIsMissingAndMindsTheCase) {
  AddApp("cased");
  EXPECT_THAT(client().FindAppPlace("acme", "payments", "cased", {}), IsOk());
  EXPECT_THAT(client().FindAppPlace("acme", "payments", "Cased", {}), HasErrorName("no-app"));
  EXPECT_THAT(client().FindAppPlace("acme", "nowhere", "cased", {}), HasErrorName("no-space"));
  EXPECT_THAT(client().FindAppPlace("nobody", "payments", "cased", {}), HasErrorName("no-org"));
  EXPECT_THAT(client().GetApp(AppGuid("none"), {}), HasErrorName("no-app"));
  EXPECT_THAT(client().GetDroplet(DropletGuid("none"), {}), HasErrorName("no-droplet"));
  EXPECT_THAT(client().FindStack("cflinuxfs4", {}), IsOk());
  EXPECT_THAT(client().FindStack("windows", {}), HasErrorName("no-stack"));
}

TEST_F(BoxTest, ListsMoreAppsThanOnePageHolds) {
  constexpr int kApps = 230;  // a page has 200
  ASSERT_THAT(box_->Admin("POST", "/spaces", {{"organization", "big"}, {"space", "many"}}), IsOk());
  for (int i = 0; i < kApps; ++i) {
    ASSERT_THAT(
        box_->Admin(
            "POST", "/apps",
            {{"organization", "big"}, {"space", "many"}, {"name", absl::StrCat("app-", 1000 + i)}}),
        IsOk());
  }
  ASSERT_THAT(
      box_->Admin(
          "POST", "/clients",
          {{"id", "counter"},
           {"secret", "c"},
           {"roles", {{{"type", "space_developer"}, {"organization", "big"}, {"space", "many"}}}}}),
      IsOk());
  Agent agent(*box_, "counter", "c");
  const auto places = agent.client->ListApps("big", std::nullopt, {});
  ASSERT_THAT(places, IsOk());
  ASSERT_EQ(places->size(), static_cast<size_t>(kApps));
  for (int i = 0; i < kApps; ++i) {
    EXPECT_EQ((*places)[static_cast<size_t>(i)].app.name, absl::StrCat("app-", 1000 + i));
  }
  EXPECT_EQ(agent.client->ListApps("big", "many", {})->size(), static_cast<size_t>(kApps));
}

TEST_F(BoxTest, ReadsTheQuotaOfASpaceThatHasNone) {
  const auto quota = client().GetQuota(
      {.guid = space_, .name = "payments", .organization_guid = organization_}, {});
  ASSERT_THAT(quota, IsOk());
  EXPECT_EQ(quota->space, std::nullopt);
}

// --- Downloads

class DownloadBoxTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    const json app = AddApp("downloaded");
    droplet_ = DropletGuid(app["droplet_guid"]);
    sha256_ = app["sha256"];
  }
  DropletGuid droplet_;
  std::string sha256_;
};

TEST_F(DownloadBoxTest, BringsExactlyTheBytesThatCloudControllerPublished) {
  const auto droplet = client().GetDroplet(droplet_, {});
  ASSERT_THAT(droplet, IsOk());
  EXPECT_EQ(droplet->Sha256(), sha256_);
  const auto size = client().GetDropletSize(droplet_, {});
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(*size, bytes_.size());
  const auto got = Download(droplet_);
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(Sha256Of(*got), sha256_);
  StringSink rest;
  ASSERT_THAT(client().DownloadDroplet(droplet_, 1000, bytes_.size(), rest, {}), IsOk());
  EXPECT_EQ(rest.text, bytes_.substr(1000));
}

TEST_F(DownloadBoxTest, TakesUpADownloadThatBreaksOffOrStalls) {
  for (const std::string fault : {"download-truncated", "download-reset", "blobstore-idle"}) {
    Misbehave(fault, {{"count", 1}});
    const auto got = Download(droplet_);
    ASSERT_THAT(got, IsOk()) << fault;
    EXPECT_EQ(Sha256Of(*got), sha256_) << fault;
  }
}

TEST_F(DownloadBoxTest, NamesWhatIsNotTheDroplet) {
  for (const auto& [fault, name] : std::vector<std::pair<std::string, std::string>>{
           {"download-truncated", "download-truncated"},
           {"download-reset", "download-truncated"},
           {"download-html-200", "download-not-a-droplet"},
           {"download-empty", "download-empty"},
           {"download-wrong-content-length", "download-wrong-size"},
           {"download-blob-missing-502", "blobstore-unavailable"}}) {
    Misbehave(fault);
    EXPECT_THAT(Download(droplet_).status(), HasErrorName(name)) << fault;
    ASSERT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk());
  }
}

TEST_F(DownloadBoxTest, NamesWhatHasNoSize) {
  for (const auto& [fault, name] : std::vector<std::pair<std::string, std::string>>{
           {"download-html-200", "download-not-a-droplet"},
           {"download-empty", "download-empty"},
           {"download-wrong-content-length", "download-wrong-size"},
           {"download-blob-missing-502", "blobstore-unavailable"}}) {
    Misbehave(fault);
    EXPECT_THAT(client().GetDropletSize(droplet_, {}), HasErrorName(name)) << fault;
    ASSERT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk());
  }
}

TEST_F(DownloadBoxTest, PassesOnACorruptByteForTheCallersDigestToFind) {
  Misbehave("download-corrupt-byte");
  const auto got = Download(droplet_);
  ASSERT_THAT(got, IsOk());
  EXPECT_NE(Sha256Of(*got), sha256_);
}

TEST_F(DownloadBoxTest, TakesBytesFromCloudControllerItself) {
  Misbehave("download-direct-200");
  const auto got = Download(droplet_);
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(Sha256Of(*got), sha256_);
  EXPECT_EQ(*client().GetDropletSize(droplet_, {}), bytes_.size());
}

// --- Uploads, copies, deletions

TEST_F(BoxTest, StoresADropletWithTheSameDigestAndProcessTypes) {
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

TEST_F(BoxTest, LeavesADropletAwaitingItsUploadWhenTheSourceOfTheBitsFails) {
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

TEST_F(BoxTest, UploadsAgainToTheSameDropletAfterACut) {
  const DropletGuid guid = NewDroplet(AppGuid(AddApp("cut")["app_guid"]));
  Misbehave("upload-connection-cut", {{"count", 1}});
  EXPECT_THAT(Upload(guid), StatusIs(StatusCode::kUnavailable));
  ASSERT_EQ(client().GetDroplet(guid, {})->state, "AWAITING_UPLOAD");
  const auto stored = Store(guid);
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(stored->Staged());
}

TEST_F(BoxTest, NamesWhatGoesWrongAfterTheUpload) {
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

TEST_F(BoxTest, NamesAJobThatDoesNotEnd) {
  Agent impatient(*box_, "sluice", "s3cret+&% ", [](CloudController::Options& options) {
    options.job_timeout = absl::ZeroDuration();
  });
  Misbehave("job-never-ends");
  const auto job = Upload(NewDroplet(AppGuid(AddApp("endless")["app_guid"])));
  ASSERT_THAT(job, IsOk());
  EXPECT_THAT(impatient.client->WaitForJob(*job, {}),
              AllOf(StatusIs(StatusCode::kDeadlineExceeded), HasErrorName("job-timeout")));
}

TEST_F(BoxTest, CopiesADropletToAnotherApp) {
  const json source = AddApp("copied");
  const AppGuid target(AddApp("copy-target", false, {{"droplet", nullptr}})["app_guid"]);
  const auto copy = client().CopyDroplet(DropletGuid(source["droplet_guid"]), target, {});
  ASSERT_THAT(copy, IsOk());
  const auto staged = client().WaitForCopy(copy->guid, {});
  ASSERT_THAT(staged, IsOk());
  EXPECT_EQ(staged->Sha256(), std::string(source["sha256"]));
  EXPECT_EQ(staged->app_guid, target);
  const auto everywhere = client().FindStagedDropletsAnywhere(staged->Sha256(), {});
  ASSERT_THAT(everywhere, IsOk());
  EXPECT_GE(everywhere->size(), 2U);
}

TEST_F(BoxTest, DeletesDropletsAndAppsAndWhatIsGoneAlready) {
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

TEST_F(BoxTest, CreatesAnAppSetsItsDropletAndStartsIt) {
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
  ASSERT_THAT(client().SetAppStack(app->guid, "cflinuxfs3", {}), IsOk());
  EXPECT_EQ(client().GetApp(app->guid, {})->stack, "cflinuxfs3");
  ASSERT_THAT(client().SetCurrentDroplet(app->guid, droplet->guid, {}), IsOk());
  EXPECT_EQ(client().GetCurrentDroplet(app->guid, {})->guid, droplet->guid);
  EXPECT_EQ(client().StartApp(app->guid, {})->state, "STARTED");
  const auto processes = client().ListProcesses(app->guid, {});
  ASSERT_THAT(processes, IsOk());
  EXPECT_EQ(processes->size(), 2U);  // web, and the worker that the droplet brought
  EXPECT_EQ(client().StopApp(app->guid, {})->state, "STOPPED");
  EXPECT_THAT(client().ListSidecars(app->guid, {}), IsOk());
  EXPECT_THAT(client().ListRoutes(app->guid, {}), IsOk());
  EXPECT_TRUE(*client().GetAppFeature(app->guid, "revisions", {}));
}

TEST_F(BoxTest, DeploysADropletAndReadsBackWhatRuns) {
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
    EXPECT_EQ(client().GetRevision(process.revision_guid, {})->droplet_guid, droplet->guid);
  }
  EXPECT_TRUE(client().ListDeployments(app, /*active_only=*/true, {})->empty());
  EXPECT_EQ(client().ListDeployments(app, /*active_only=*/false, {})->size(), 1U);
}

TEST_F(BoxTest, CancelsADeploymentThatDoesNotEnd) {
  const json added = AddApp("stuck", /*start=*/true);
  const AppGuid app(added["app_guid"]);
  const auto droplet = Store(NewDroplet(app));
  ASSERT_THAT(droplet, IsOk());
  Misbehave("deployment-never-ends");
  const auto made = client().CreateDeployment({.app = app, .droplet = droplet->guid}, {});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(client().ContinueDeployment(made->guid, {}), HasErrorName("cc-10008"));
  ASSERT_THAT(client().CancelDeployment(made->guid, {}), IsOk());
  EXPECT_EQ(WaitForDeployment(made->guid).status_reason, "CANCELED");
  EXPECT_THAT(client().CancelDeployment(made->guid, {}), IsOk());
  EXPECT_EQ(client().GetCurrentDroplet(app, {})->guid,
            DropletGuid(std::string(added["droplet_guid"])));
}

TEST_F(BoxTest, NamesARefusedDeploymentAppAndOrganization) {
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

TEST_F(BoxTest, ListsTheCrashesOfAnApp) {
  const AppGuid app(
      AddApp("crashing", /*start=*/true, {{"process_types", {{"web", "exit 7"}}}})["app_guid"]);
  std::vector<AuditEvent> crashes;
  while (crashes.empty()) {
    auto listed = client().ListCrashes(app, absl::UnixEpoch(), {});
    ASSERT_THAT(listed, IsOk());
    crashes = *std::move(listed);
    agent_->waiter.Wait(absl::Milliseconds(50), {}).IgnoreError();
  }
  EXPECT_EQ(crashes.front().exit_status, 7);
  EXPECT_EQ(crashes.front().reason, "CRASHED");
  EXPECT_NE(crashes.front().exit_description, "");
}

// --- What stands between

TEST_F(BoxTest, RepeatsReadingCallsUntilTheApiAnswers) {
  for (const std::string fault :
       {"bad-gateway-502", "maintenance-503", "api-connection-cut", "api-answer-lost"}) {
    Misbehave(fault, {{"count", 2}});
    EXPECT_THAT(client().FindOrganization("acme", {}), IsOk()) << fault;
  }
  Misbehave("rate-limited-429", {{"count", 1}, {"parameters", {{"retry_after", 0}}}});
  EXPECT_THAT(client().FindOrganization("acme", {}), IsOk());
}

TEST_F(BoxTest, RepeatsChangesThatMayHappenTwice) {
  const json added = AddApp("repeated");
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "PATCH "}}}});
  EXPECT_THAT(client().SetCurrentDroplet(AppGuid(added["app_guid"]),
                                         DropletGuid(std::string(added["droplet_guid"])), {}),
              IsOk());
}

TEST_F(BoxTest, MakesOneDropletOnlyWhenTheAnswerIsLost) {
  const AppGuid app(AddApp("made-once")["app_guid"]);
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/droplets"}}}});
  const auto made = client().CreateDroplet(app, kProcessTypes, {});
  ASSERT_THAT(made, IsOk());
  const auto waiting = client().ListDroplets(app, {"AWAITING_UPLOAD"}, {});
  ASSERT_THAT(waiting, IsOk());
  ASSERT_EQ(waiting->size(), 1U);
  EXPECT_EQ(waiting->front().guid, made->guid);
}

TEST_F(BoxTest, DoesNotDeployTwiceWhenTheAnswerIsLost) {
  const json added = AddApp("deployed-once", /*start=*/true);
  const AppGuid app(added["app_guid"]);
  Misbehave("api-answer-lost", {{"count", 1}, {"parameters", {{"path", "POST /v3/deployments"}}}});
  EXPECT_THAT(client().CreateDeployment(
                  {.app = app, .droplet = DropletGuid(std::string(added["droplet_guid"]))}, {}),
              AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("outcome-unknown")));
  EXPECT_EQ(client().ListDeployments(app, false, {})->size(), 1U);
}

TEST_F(BoxTest, ShowsBothRequestIdsInAnError) {
  Misbehave("doubled-request-id");
  const Status failure = client().GetApp(AppGuid("none"), {}).status();
  EXPECT_THAT(std::string(failure.message()), AllOf(HasSubstr("request id"), HasSubstr(", ")));
}

TEST_F(BoxTest, GivesUpOnAnApiThatIsTooSlow) {
  Agent hasty(*box_, "sluice", "s3cret+&% ", [](CloudController::Options& options) {
    options.call_timeout = absl::Milliseconds(500);
  });
  ASSERT_THAT(hasty.client->FindOrganization("acme", {}), IsOk());
  Misbehave("slow-api", {{"parameters", {{"seconds", 3}}}});
  EXPECT_THAT(hasty.client->FindOrganization("acme", {}), HasErrorName("http-timeout"));
}

}  // namespace
}  // namespace sluice::foundation
