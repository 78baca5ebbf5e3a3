// Token, discovery, repeats, pages and errors: what every call has in common.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using http::FakeReply;
using http::SeenRequest;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTokenUrl = ScriptedFoundation::kTokenUrl;

std::string Authorization(const SeenRequest& request) {
  return request.headers.Find("Authorization").value_or("");
}

Status Failure(std::string_view name) {
  return NamedError(StatusCode::kUnavailable, name, "GET https://api.test/: broken");
}

constexpr std::string_view kOnce = "/v3/apps/app-1/actions/once";

class SessionTest : public testing::Test {
 protected:
  // A call that must not happen twice and makes nothing that could be looked for.
  static Status CallOnce(ScriptedFoundation& foundation, std::stop_token stop = {}) {
    ApiSession session(
        {.foundation = "prod", .api_url = std::string(ScriptedFoundation::kApi), .client = {}},
        [&foundation]() -> StatusOr<ClientCredentials> { return foundation.credentials; },
        foundation.transport(), foundation.clock(), foundation.waiter(), /*seed=*/7);
    const ApiCall call{.method = "POST",
                       .path = std::string(kOnce),
                       .query = "",
                       .body = nullptr,
                       .repeat = http::Repeat::kIfNotTaken};
    return session.Call(call, std::move(stop)).status();
  }
  Status GetApp() { return client_.GetApp(AppGuid("app-1"), {}).status(); }
  void AnswerApp() {
    foundation_.On("GET", "/v3/apps/app-1", JsonReply(200, AppJson("app-1", "a", "space-1")));
  }
  ScriptedFoundation foundation_;
  CloudController& client_ = foundation_.client();
};

TEST_F(SessionTest, LogsInWhereTheRootDocumentSaysWithTheClientsCredentialsAsAForm) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  const SeenRequest login = foundation_.Only("POST", kTokenUrl);
  EXPECT_EQ(login.body,
            "grant_type=client_credentials&client_id=sluice"
            "&client_secret=s3cret%20%2B%26%3D%25%2F");
  EXPECT_EQ(login.headers.Find("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_FALSE(login.headers.Has("Authorization"));
}

TEST_F(SessionTest, SendsTheTokenAndARequestIdOfItsOwnWithEachCall) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  ASSERT_THAT(GetApp(), IsOk());
  const auto seen = foundation_.transport().Seen("GET", "/v3/apps/app-1");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(Authorization(seen[0]), "bearer token-1");
  EXPECT_EQ(Authorization(seen[1]), "bearer token-1");
  const auto id = seen[0].headers.Find("X-Vcap-Request-Id").value_or("");
  EXPECT_THAT(id, testing::MatchesRegex("sluice-[0-9a-f]{16}"));
  EXPECT_NE(id, seen[1].headers.Find("X-Vcap-Request-Id").value_or(""));
}

TEST_F(SessionTest, KeepsTheTokenUntilAQuarterOfItsLifeIsLeftAndRenewsItThen) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  foundation_.clock().Advance(absl::Seconds(899));
  ASSERT_THAT(GetApp(), IsOk());
  EXPECT_EQ(foundation_.Count("POST", kTokenUrl), 1U);
  foundation_.clock().Advance(absl::Seconds(1));
  ASSERT_THAT(GetApp(), IsOk());
  EXPECT_EQ(foundation_.Count("POST", kTokenUrl), 2U);
  EXPECT_EQ(Authorization(foundation_.transport().Seen("GET", "/v3/apps/app-1").back()),
            "bearer token-2");
}

TEST_F(SessionTest, UsesATokenThatStillLivesWhenUaaIsAwayAndAsksUaaAgainOnlyAfterAPause) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  foundation_.On("POST", kTokenUrl,
                 {.status = 503, .headers = {}, .body = "<html>", .then_fail = {}});
  foundation_.clock().Advance(absl::Seconds(900));
  ASSERT_THAT(GetApp(), IsOk());
  const size_t asked = foundation_.Count("POST", kTokenUrl);
  ASSERT_THAT(GetApp(), IsOk());
  EXPECT_EQ(foundation_.Count("POST", kTokenUrl), asked);
  foundation_.clock().Advance(absl::Seconds(300));
  EXPECT_THAT(GetApp(), AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("uaa-unavailable")));
}

TEST_F(SessionTest, RenewsATokenThatIsRefusedAndRepeatsTheCallOnce) {
  foundation_.On("GET", "/v3/apps/app-1",
                 ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  AnswerApp();
  EXPECT_THAT(GetApp(), IsOk());
  const auto seen = foundation_.transport().Seen("GET", "/v3/apps/app-1");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(Authorization(seen[1]), "bearer token-2");
}

TEST_F(SessionTest, GivesUpWhenTheRenewedTokenIsRefusedToo) {
  foundation_.On("GET", "/v3/apps/app-1",
                 ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  EXPECT_THAT(GetApp(),
              AllOf(StatusIs(StatusCode::kUnauthenticated), HasErrorName("invalid-token")));
  EXPECT_EQ(foundation_.Count("GET", "/v3/apps/app-1"), 2U);
}

TEST_F(SessionTest, RepeatsEvenACreationAfterARefusedTokenBecauseNothingHasHappened) {
  foundation_.On("GET", "/v3/deployments", PageReply({}));
  foundation_.On("POST", "/v3/deployments",
                 ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  foundation_.On("POST", "/v3/deployments",
                 JsonReply(201, DeploymentJson("deployment-1", "ACTIVE", "DEPLOYING")));
  EXPECT_THAT(client_.CreateDeployment({.app = AppGuid("app-1"), .droplet = DropletGuid("d")}, {}),
              IsOk());
}

TEST_F(SessionTest, NamesARefusedLoginAndShowsNothingThatUaaEchoes) {
  foundation_.On("POST", kTokenUrl,
                 JsonReply(401, {{"error", "invalid_client"},
                                 {"error_description", ScriptedFoundation::kSecret}}));
  const Status failure = GetApp();
  EXPECT_THAT(failure,
              AllOf(StatusIs(StatusCode::kUnauthenticated), HasErrorName("login-refused")));
  EXPECT_THAT(
      std::string(failure.message()),
      AllOf(HasSubstr("prod: POST https://login.test/oauth/token"), HasSubstr("invalid_client"),
            HasSubstr("client sluice"), Not(HasSubstr("s3cret"))));
  EXPECT_EQ(foundation_.Count("GET", "/v3/"), 0U);
}

TEST_F(SessionTest, ReadsTheCredentialsAgainAtARefusedLoginAndTriesChangedOnesOnce) {
  AnswerApp();
  foundation_.On("POST", kTokenUrl, JsonReply(401, {{"error", "invalid_client"}}));
  foundation_.On("POST", kTokenUrl,
                 JsonReply(200, {{"access_token", "fresh"}, {"expires_in", 100}, {"scope", ""}}));
  foundation_.on_request = [&](const SeenRequest& request) {
    if (request.url == kTokenUrl) foundation_.credentials.client_secret = Secret("rotated");
  };
  ASSERT_THAT(GetApp(), IsOk());
  const auto logins = foundation_.transport().Seen("POST", kTokenUrl);
  ASSERT_EQ(logins.size(), 2U);
  EXPECT_THAT(logins[1].body, HasSubstr("client_secret=rotated"));
}

TEST_F(SessionTest, DoesNotRepeatARefusedLoginWithTheSameCredentials) {
  foundation_.On("POST", kTokenUrl, JsonReply(401, {{"error", "invalid_client"}}));
  EXPECT_THAT(GetApp(), HasErrorName("login-refused"));
  EXPECT_EQ(foundation_.Count("POST", kTokenUrl), 1U);
  EXPECT_EQ(foundation_.credentials_read, 2);
}

TEST_F(SessionTest, ReadsTheCredentialsAgainAfterAReload) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  foundation_.credentials.client_id = "other";
  client_.Reload();
  ASSERT_THAT(GetApp(), IsOk());
  EXPECT_THAT(foundation_.transport().Seen("POST", kTokenUrl).back().body,
              HasSubstr("client_id=other"));
}

TEST_F(SessionTest, RefusesATokenAnswerWithoutALifetime) {
  foundation_.On("POST", kTokenUrl, JsonReply(200, {{"access_token", "t"}}));
  EXPECT_THAT(GetApp(), AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("bad-answer")));
}

TEST_F(SessionTest, WaitsAsLongAsA429AsksAndRepeatsTheCall) {
  FakeReply limited = ErrorReply(429, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded");
  limited.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Retry-After", "7"}};
  foundation_.On("GET", "/v3/apps/app-1", limited);
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  ASSERT_EQ(foundation_.waiter().Waits().size(), 1U);
  EXPECT_GE(foundation_.waiter().Waits()[0], absl::Seconds(7));
  EXPECT_LE(foundation_.waiter().Waits()[0], absl::Seconds(8));
}

TEST_F(SessionTest, ReturnsA429ThatAsksForLongerThanIsWaitedFor) {
  FakeReply limited = ErrorReply(429, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded");
  limited.headers.Add("Retry-After", "3600");
  foundation_.On("GET", "/v3/apps/app-1", limited);
  EXPECT_THAT(GetApp(), AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("rate-limited")));
  EXPECT_TRUE(foundation_.waiter().Waits().empty());
}

TEST_F(SessionTest, RepeatsAReadingCallAfterACutConnectionAndA502) {
  foundation_.Fail("GET", "/v3/apps/app-1", Failure("connection-cut"));
  foundation_.On("GET", "/v3/apps/app-1",
                 {.status = 502, .headers = {}, .body = "", .then_fail = {}});
  AnswerApp();
  EXPECT_THAT(GetApp(), IsOk());
  EXPECT_EQ(foundation_.Count("GET", "/v3/apps/app-1"), 3U);
}

TEST_F(SessionTest, BoundsTheAttemptsOfAReadingCall) {
  foundation_.Fail("GET", "/v3/apps/app-1", Failure("connection-cut"));
  EXPECT_THAT(GetApp(), HasErrorName("connection-cut"));
  EXPECT_EQ(foundation_.Count("GET", "/v3/apps/app-1"), 5U);
}

TEST_F(SessionTest, SaysOutcomeUnknownWhenTheAnswerToACreationIsLost) {
  for (const std::string_view name : {"connection-cut", "idle-timeout", "http-timeout"}) {
    ScriptedFoundation foundation;
    foundation.Fail("POST", kOnce, Failure(name));
    EXPECT_THAT(CallOnce(foundation),
                AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("outcome-unknown")));
    EXPECT_EQ(foundation.Count("POST", kOnce), 1U) << name;
  }
}

TEST_F(SessionTest, SaysOutcomeUnknownAfterARoutersGatewayErrorToACreation) {
  foundation_.On("POST", kOnce,
                 {.status = 502, .headers = {}, .body = "502 Bad Gateway", .then_fail = {}});
  EXPECT_THAT(CallOnce(foundation_), HasErrorName("outcome-unknown"));
}

TEST_F(SessionTest, SaysOutcomeUnknownWhenACreationSucceededWithoutSayingWhatItMade) {
  foundation_.On("POST", "/v3/apps", JsonReply(201, json::object()));
  EXPECT_THAT(client_.CreateApp({.space = SpaceGuid("s"), .name = "x", .stack = "y"}, {}),
              HasErrorName("outcome-unknown"));
}

TEST_F(SessionTest, TakesCloudControllersOwn502ForARefusalAndNotForAnOpenOutcome) {
  foundation_.On("POST", kOnce,
                 ErrorReply(502, 150006, "CF-BlobstoreUnavailable", "blobstore unavailable"));
  EXPECT_THAT(CallOnce(foundation_), HasErrorName("blobstore-unavailable"));
}

TEST_F(SessionTest, RepeatsACreationThatCertainlyDidNotArrive) {
  foundation_.Fail("POST", kOnce, Failure("connect-failed"));
  foundation_.On("POST", kOnce,
                 JsonReply(201, DeploymentJson("deployment-1", "ACTIVE", "DEPLOYING")));
  EXPECT_THAT(CallOnce(foundation_), IsOk());
}

TEST_F(SessionTest, FollowsAListPageByPageOnTheConfiguredApiOnly) {
  foundation_.On("GET", "/v3/apps/app-1/droplets",
                 PageReply({DropletJson("d-3", "STAGED"), DropletJson("d-2", "STAGED")},
                           "https://elsewhere.test/v3/apps/app-1/droplets?page=2&per_page=200"));
  foundation_.On("GET", "/v3/apps/app-1/droplets", PageReply({DropletJson("d-1", "STAGED")}));
  const auto droplets = client_.ListDroplets(AppGuid("app-1"), {}, {});
  ASSERT_THAT(droplets, IsOk());
  ASSERT_EQ(droplets->size(), 3U);
  EXPECT_EQ(droplets->back().guid, DropletGuid("d-1"));
  const auto seen = foundation_.transport().Seen("GET", "/v3/apps/app-1/droplets");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].url, "https://api.test/v3/apps/app-1/droplets?page=2&per_page=200");
  EXPECT_EQ(foundation_.Count("GET", "elsewhere.test"), 0U);
}

TEST_F(SessionTest, EndsAListThatAlwaysNamesANextPage) {
  foundation_.On("GET", "/v3/apps/app-1/droplets",
                 PageReply(json::array(), "https://api.test/v3/apps/app-1/droplets?page=2"));
  EXPECT_THAT(client_.ListDroplets(AppGuid("app-1"), {}, {}),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("too-many-pages")));
  EXPECT_EQ(foundation_.Count("GET", "/v3/apps/app-1/droplets"), 1000U);
}

TEST_F(SessionTest, NamesAPageThatIsNoListABadAnswer) {
  foundation_.On("GET", "/v3/apps/app-1/droplets", JsonReply(200, {{"resources", "none"}}));
  EXPECT_THAT(client_.ListDroplets(AppGuid("app-1"), {}, {}),
              AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("bad-answer")));
}

TEST_F(SessionTest, NamesAPageOfHtmlABadAnswerAndDoesNotShowIt) {
  foundation_.On("GET", "/v3/apps/app-1",
                 {.status = 200, .headers = {}, .body = "<html>Please log in", .then_fail = {}});
  const Status failure = GetApp();
  EXPECT_THAT(failure, HasErrorName("bad-answer"));
  EXPECT_THAT(std::string(failure.message()),
              AllOf(HasSubstr("prod: GET /v3/apps/app-1"), Not(HasSubstr("Please"))));
}

TEST_F(SessionTest, ShowsCloudControllersCodeTitleDetailAndEveryRequestId) {
  FakeReply reply = ErrorReply(422, 10008, "CF-UnprocessableEntity", "Droplet is broken");
  reply.headers.Add("X-Vcap-Request-Id", "gorouter-7");
  foundation_.On("GET", "/v3/apps/app-1", reply);
  const Status failure = GetApp();
  EXPECT_THAT(failure, AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("cc-10008")));
  EXPECT_THAT(std::string(failure.message()),
              AllOf(HasSubstr("prod: GET /v3/apps/app-1: 422"), HasSubstr("CF-UnprocessableEntity"),
                    HasSubstr("10008"), HasSubstr("Droplet is broken"), HasSubstr("theirs::42"),
                    HasSubstr("gorouter-7")));
}

TEST_F(SessionTest, ShowsNoQueryInAnError) {
  foundation_.On("GET", "/v3/organizations",
                 ErrorReply(400, 10005, "CF-BadQueryParameter", "The query parameter is invalid"));
  const Status failure = client_.FindOrganization("acme", {}).status();
  EXPECT_THAT(std::string(failure.message()), Not(HasSubstr("names=")));
}

TEST_F(SessionTest, RefusesAGuidThatWouldLeadToAnotherPath) {
  for (const std::string_view guid : {"..", ".", ""}) {
    EXPECT_THAT(client_.GetApp(AppGuid(std::string(guid)), {}),
                AllOf(StatusIs(StatusCode::kInvalidArgument), HasErrorName("bad-guid")))
        << guid;
  }
  EXPECT_EQ(foundation_.Count("GET", "/v3/"), 0U);
}

TEST_F(SessionTest, EncodesAGuidAsOneSegmentOfThePath) {
  client_.GetApp(AppGuid("a/b?c"), {}).IgnoreError();
  EXPECT_EQ(foundation_.Only("GET", "/v3/apps/").url, "https://api.test/v3/apps/a%2Fb%3Fc");
}

TEST_F(SessionTest, EndsWithCancelledWhenStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(client_.GetApp(AppGuid("app-1"), stop.get_token()),
              AllOf(StatusIs(StatusCode::kCancelled), HasErrorName("cancelled")));
}

TEST_F(SessionTest, DoesNotCallAStoppedCreationAnOpenOutcome) {
  std::stop_source stop;
  foundation_.on_request = [&](const SeenRequest& request) {
    if (request.url.ends_with(kOnce)) stop.request_stop();
  };
  EXPECT_THAT(CallOnce(foundation_, stop.get_token()), HasErrorName("cancelled"));
}

TEST_F(SessionTest, RefusesToSendANameThatIsNotUtf8) {
  EXPECT_THAT(client_.CreateApp({.space = SpaceGuid("s"), .name = "\xff", .stack = "x"}, {}),
              HasErrorName("not-utf8"));
}

TEST_F(SessionTest, DiscoversTheFoundationWithoutAToken) {
  const auto endpoints = client_.Discover({});
  ASSERT_THAT(endpoints, IsOk());
  EXPECT_EQ(endpoints->api_url, "https://api.test");
  EXPECT_EQ(endpoints->login_url, "https://login.test");
  EXPECT_EQ(endpoints->uaa_url, "https://uaa.test");
  EXPECT_EQ(endpoints->api_version, "3.228.0");
  EXPECT_EQ(foundation_.Count("POST", kTokenUrl), 0U);
}

TEST_F(SessionTest, SaysOfAnAddressThatIsNoCloudControllersWhatBelongsThere) {
  const std::vector<FakeReply> answers = {
      {.status = 404, .headers = {}, .body = "", .then_fail = {}},
      JsonReply(200, {{"app", {{"version", "77"}}}}),
      {.status = 200, .headers = {}, .body = "<html>", .then_fail = {}}};
  for (const FakeReply& answer : answers) {
    foundation_.On("GET", "/", answer);
    const Status failure = client_.Discover({}).status();
    EXPECT_THAT(failure,
                AllOf(StatusIs(StatusCode::kInvalidArgument), HasErrorName("no-cloud-controller")));
    EXPECT_THAT(std::string(failure.message()), HasSubstr("cloud_controller.api is what 'cf api'"));
  }
}

TEST_F(SessionTest, ProbesDiscoveryLoginRolesScopesAndClockSkew) {
  FakeReply root =
      JsonReply(200, {{"links",
                       {{"login", {{"href", "https://login.test"}}},
                        {"cloud_controller_v3", {{"meta", {{"version", "3.1.0"}}}}}}}});
  root.headers.Add("Date", "Thu, 01 Jan 2026 00:00:30 GMT");
  foundation_.On("GET", "/", root);
  foundation_.On("GET", "/v3/roles",
                 PageReply({{{"guid", "r"},
                             {"type", "space_developer"},
                             {"relationships", {{"space", {{"data", {{"guid", "space-1"}}}}}}}}}));
  const ProbeFacts facts = client_.Probe({});
  EXPECT_THAT(facts.discovery, IsOk());
  EXPECT_THAT(facts.login, IsOk());
  EXPECT_THAT(facts.roles_read, IsOk());
  EXPECT_EQ(facts.api_version, "3.1.0");
  EXPECT_EQ(facts.client_id, "sluice");
  EXPECT_THAT(facts.scopes, ElementsAre("cloud_controller.read", "cloud_controller.write"));
  EXPECT_EQ(facts.clock_skew, absl::Seconds(30));
  EXPECT_TRUE(facts.HasSpaceRole("space_developer", SpaceGuid("space-1")));
  EXPECT_FALSE(facts.HasSpaceRole("space_developer", SpaceGuid("space-2")));
  EXPECT_THAT(foundation_.Only("GET", "/v3/roles").url, HasSubstr("user_guids=sluice&"));
}

TEST_F(SessionTest, ProbesAgainWithANewLoginAlthoughATokenIsHeld) {
  AnswerApp();
  ASSERT_THAT(GetApp(), IsOk());
  foundation_.On("POST", kTokenUrl, JsonReply(401, {{"error", "invalid_client"}}));
  const ProbeFacts facts = client_.Probe({});
  EXPECT_THAT(facts.discovery, IsOk());
  EXPECT_THAT(facts.login, HasErrorName("login-refused"));
  EXPECT_THAT(facts.roles_read, HasErrorName("login-refused"));
}

TEST_F(SessionTest, PutsAFoundationThatCannotBeReachedIntoTheFacts) {
  foundation_.Fail("GET", "/", Failure("connect-failed"));
  const ProbeFacts facts = client_.Probe({});
  EXPECT_THAT(facts.discovery, HasErrorName("connect-failed"));
  EXPECT_THAT(facts.login, HasErrorName("connect-failed"));
}

// Whatever goes wrong and whatever a server echoes: no error shows a secret or a token.
TEST_F(SessionTest, ShowsNeitherSecretNorTokenInAnyError) {
  const std::string echo = absl::StrCat("s3cret +&=%/ s3cret%20%2B%26%3D%25%2F token-1");
  for (int status = 400; status < 600; ++status) {
    for (const bool at_login : {false, true}) {
      ScriptedFoundation foundation;
      const FakeReply page{.status = status,
                           .headers = {{"X-Odd", echo}},
                           .body = absl::StrCat("<html>", echo),
                           .then_fail = {}};
      foundation.On(at_login ? "POST" : "GET", at_login ? kTokenUrl : "/v3/apps/app-1", page);
      const Status failure = foundation.client().GetApp(AppGuid("app-1"), {}).status();
      ASSERT_FALSE(failure.ok());
      EXPECT_THAT(std::string(failure.message()),
                  AllOf(Not(HasSubstr("s3cret")), Not(HasSubstr("token-1"))));
    }
  }
}

}  // namespace
}  // namespace sluice::foundation
