#include "common/registry/login.h"

#include <memory>
#include <optional>
#include <string>

#include "common/base/testing/status_matchers.h"
#include "common/registry/registry_client.h"
#include "common/registry/testing/fake_registry.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

using http::FakeReply;
using http::SeenRequest;
using Reply = FakeRegistry::Reply;

Status Ping(RegistryCalls& calls) { return RegistryClient(calls, "team/app").Ping({}); }

// A registry whose 401 carries this challenge, for ever.
Status PingChallenged(const std::string& challenge, RegistryCalls::Options options = {},
                      Credentials credentials = {"ci", Secret("pass"), {}}) {
  FakeRegistry registry;
  registry.FailFirst(1000, "GET", "/v2/",
                     FakeReply{401, {{"WWW-Authenticate", challenge}}, "", {}});
  const auto calls = registry.Calls(std::move(credentials), std::move(options));
  return Ping(*calls);
}

TEST(LoginTest, NothingIsSentBeforeTheRegistryAsksForIt) {
  FakeRegistry registry;
  EXPECT_THAT(Ping(*registry.Calls()), IsOk());
  EXPECT_FALSE(registry.transport.Seen().front().headers.Has("Authorization"));
}

TEST(LoginTest, BasicIsLearntOnceAndSentWithEachRequest) {
  FakeRegistry registry;
  registry.login = FakeRegistry::LoginKind::kBasic;
  const auto calls = registry.Calls();
  EXPECT_THAT(Ping(*calls), IsOk());
  EXPECT_THAT(Ping(*calls), IsOk());
  EXPECT_EQ(registry.transport.Seen().size(), 3u);
}

TEST(LoginTest, AWrongPasswordIsAClearRefusalAndNotTriedForEver) {
  for (const auto kind : {FakeRegistry::LoginKind::kBasic, FakeRegistry::LoginKind::kBearer}) {
    FakeRegistry registry;
    registry.login = kind;
    const auto calls = registry.Calls({"ci", Secret("hunter2"), {}});
    const Status status = Ping(*calls);
    EXPECT_THAT(status, HasErrorName("registry-login-refused"));
    EXPECT_THAT(status, StatusIs(StatusCode::kUnauthenticated));
    EXPECT_EQ(Describe(status).find("hunter2"), std::string::npos);
    EXPECT_LE(registry.transport.Seen().size(), 3u);
  }
}

TEST(LoginTest, WithoutCredentialsALoginIsNeeded) {
  FakeRegistry registry;
  registry.login = FakeRegistry::LoginKind::kBasic;
  EXPECT_THAT(Ping(*registry.Calls(Credentials())), HasErrorName("registry-login-needed"));
}

TEST(LoginTest, ATokenIsForItsScopesAndIsUsedUntilItIsAboutToEnd) {
  FakeRegistry registry;
  registry.login = FakeRegistry::LoginKind::kBearer;
  const auto calls = registry.Calls();
  EXPECT_THAT(Ping(*calls), IsOk());
  EXPECT_THAT(Ping(*calls), IsOk());
  const auto asked = registry.transport.Seen("GET", "auth.example");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked.front().url,
            "https://auth.example/token?x=1&service=r.example&client_id=sluice"
            "&scope=repository%3Ateam%2Fapp%3Apull");
  registry.clock.Advance(absl::Seconds(55));
  EXPECT_THAT(Ping(*calls), IsOk());
  // Renewed in time: no request of ours was refused for it.
  EXPECT_EQ(registry.transport.Seen("GET", "auth.example").size(), 2u);
  EXPECT_EQ(registry.transport.Seen("GET", "r.example/v2/").size(), 4u);
}

TEST(LoginTest, AnIdentityTokenGoesByPostAndNeverIntoAUrl) {
  FakeRegistry registry;
  registry.login = FakeRegistry::LoginKind::kBearer;
  const auto calls = registry.Calls({"", {}, Secret("identity")});
  EXPECT_THAT(Ping(*calls), IsOk());
  const auto asked = registry.transport.Seen("POST", "auth.example");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked.front().url.find("identity"), std::string::npos);
}

TEST(LoginTest, CredentialsGoToNoTokenServerWithoutTlsOrBeyondTheConfiguredOnes) {
  EXPECT_THAT(PingChallenged(R"(Bearer realm="http://auth.example/token")"),
              HasErrorName("token-realm-refused"));
  EXPECT_THAT(PingChallenged(R"(Bearer realm="/token")"), HasErrorName("token-realm-refused"));
  RegistryCalls::Options options;
  options.token_hosts = {"auth.example"};
  EXPECT_THAT(PingChallenged(R"(Bearer realm="https://evil.example/token")", options),
              HasErrorName("token-realm-refused"));
}

TEST(LoginTest, APasswordIsNotSentWithoutTlsBeyondThisMachine) {
  RegistryCalls::Options options;
  options.plain_http_hosts = {"r.example"};
  EXPECT_THAT(PingChallenged("Basic realm=x", options), HasErrorName("plain-login-refused"));
}

TEST(LoginTest, WhatCannotBeAnsweredIsNamed) {
  EXPECT_THAT(PingChallenged("Negotiate"), HasErrorName("unknown-login-scheme"));
  EXPECT_THAT(PingChallenged("Bearer realm=\"x"), HasErrorName("bad-challenge"));
}

TEST(LoginTest, ATokenServerInTroubleIsTriedAgain) {
  FakeRegistry registry;
  registry.login = FakeRegistry::LoginKind::kBearer;
  registry.FailFirst(2, "GET", "auth.example", FakeReply{503, {}, "", {}});
  EXPECT_THAT(Ping(*registry.Calls()), IsOk());
}

TEST(LoginTest, ARegistryThatIsNoneIsNamed) {
  FakeRegistry registry;
  registry.FailFirst(1, "GET", "", FakeReply{404, {}, "<html>", {}});
  EXPECT_THAT(Ping(*registry.Calls()), HasErrorName("not-a-registry"));
}

}  // namespace
}  // namespace sluice::registry
