// The client against a foundation that is really there: TLS, UAA, lookups, nginx with signed URLs,
// and everything that the box can do wrong to one who reads.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "agent/foundation/testing/box_fixture.h"

namespace sluice::foundation {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ReadingBoxTest : public BoxTest {};

// --- Login

TEST_F(ReadingBoxTest, ProbesAFoundationThatWorks) {
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

TEST_F(ReadingBoxTest, NamesARefusedLoginAndUsesASecretThatWasMendedMeanwhile) {
  AddClient("rotated", "right", "space_developer");
  Agent agent(*box_, "rotated", "wrong");
  const Status failure = agent.client->FindOrganization("acme", {}).status();
  EXPECT_THAT(failure,
              AllOf(StatusIs(StatusCode::kUnauthenticated), HasErrorName("login-refused")));
  EXPECT_THAT(std::string(failure.message()), Not(HasSubstr("wrong")));
  agent.credentials.client_secret = Secret("right");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
}

TEST_F(ReadingBoxTest, LogsInAgainWhenAQuarterOfTheTokensLifeIsLeft) {
  Agent agent(*box_, "sluice", "s3cret+&% ");
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  ASSERT_THAT(box_->Admin("DELETE", "/requests"), IsOk());
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  EXPECT_EQ((*box_->Admin("GET", "/requests"))["token"], 0);
  agent.clock.Advance(absl::Seconds(900));
  ASSERT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
  EXPECT_EQ((*box_->Admin("GET", "/requests"))["token"], 1);
}

TEST_F(ReadingBoxTest, RenewsATokenThatCloudControllerNoLongerTakes) {
  Misbehave("invalid-token-once", {{"count", 1}});
  EXPECT_THAT(client().FindOrganization("acme", {}), IsOk());
  Misbehave("expired-token", {{"count", 1}});
  Agent agent(*box_, "sluice", "s3cret+&% ");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}), IsOk());
}

TEST_F(ReadingBoxTest, NamesAUaaThatIsAway) {
  Misbehave("uaa-down");
  Agent agent(*box_, "sluice", "s3cret+&% ");
  EXPECT_THAT(agent.client->FindOrganization("acme", {}),
              AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("uaa-unavailable")));
}

TEST_F(ReadingBoxTest, TrustsNoCertificateButThoseOfTheFileItWasGiven) {
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

TEST_F(ReadingBoxTest, NamesWhatAReaderIsNotAllowed) {
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

TEST_F(ReadingBoxTest, FindsNamesWithEveryOddCharacter) {
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

TEST_F(ReadingBoxTest, NamesWhatIsMissingAndMindsTheCase) {
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

TEST_F(ReadingBoxTest, ListsMoreAppsThanOnePageHolds) {
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

TEST_F(ReadingBoxTest, ReadsTheQuotaOfASpaceThatHasNone) {
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

// Signed by the scheme of newer releases, which signs the method as well.
class HmacBoxTest : public DownloadBoxTest {
 protected:
  static void SetUpTestSuite() { StartBox({"--blobstore-scheme", "hmac"}); }
};

TEST_F(HmacBoxTest, BringsTheBytesAndTheirNumber) {
  EXPECT_EQ(*client().GetDropletSize(droplet_, {}), bytes_.size());
  const auto got = Download(droplet_);
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(Sha256Of(*got), sha256_);
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

// --- What stands between

TEST_F(ReadingBoxTest, RepeatsReadingCallsUntilTheApiAnswers) {
  for (const std::string fault :
       {"bad-gateway-502", "maintenance-503", "api-connection-cut", "api-answer-lost"}) {
    Misbehave(fault, {{"count", 2}});
    EXPECT_THAT(client().FindOrganization("acme", {}), IsOk()) << fault;
  }
  Misbehave("rate-limited-429", {{"count", 1}, {"parameters", {{"retry_after", 0}}}});
  EXPECT_THAT(client().FindOrganization("acme", {}), IsOk());
}

TEST_F(ReadingBoxTest, ShowsBothRequestIdsInAnError) {
  Misbehave("doubled-request-id");
  const Status failure = client().GetApp(AppGuid("none"), {}).status();
  EXPECT_THAT(std::string(failure.message()), AllOf(HasSubstr("request id"), HasSubstr(", ")));
}

TEST_F(ReadingBoxTest, GivesUpOnAnApiThatIsTooSlow) {
  Agent hasty(*box_, "sluice", "s3cret+&% ", [](CloudController::Options& options) {
    options.call_timeout = absl::Milliseconds(500);
  });
  ASSERT_THAT(hasty.client->FindOrganization("acme", {}), IsOk());
  Misbehave("slow-api", {{"parameters", {{"seconds", 3}}}});
  EXPECT_THAT(hasty.client->FindOrganization("acme", {}), HasErrorName("http-timeout"));
}

}  // namespace
}  // namespace sluice::foundation
