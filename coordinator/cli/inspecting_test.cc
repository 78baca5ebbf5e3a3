// Goal: what the commands that only look print, as tables and as JSON that scripts rely on.
#include "coordinator/cli/inspecting.h"

#include <string>
#include <vector>

#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class InspectingTest : public CliTest {};

constexpr char kFoundation[] = R"({
  "cc_version": "3.195.0", "api": "https://api.dev.example", "login": "ok", "client_id": "sluice",
  "scopes": ["cloud_controller.read"],
  "roles": [{"role": "space_developer", "organization": "", "space": "s-1",
             "organization_name": "acme", "space_name": "payments"},
            {"role": "organization_user", "organization": "o-1", "space": "",
             "organization_name": null, "space_name": null},
            {"role": "space_developer", "organization": "", "space": "s-2",
             "organization_name": "acme", "space_name": "billing"},
            {"role": "space_auditor", "organization": "", "space": "s-1",
             "organization_name": "acme", "space_name": "payments"},
            {"role": "space_auditor", "space": "s-3"}],
  "clock_skew_milliseconds": -12, "latency_milliseconds": 7, "agent_version": "0.1.0",
  "problems": [{"name": "clock-skew", "message": "the clocks differ", "remedy": "set the clocks"}],
  "of-a-later-version": 1})";

TEST_F(InspectingTest, FoundationsShowsEachOneAlsoWhenItsAgentIsAway) {
  federation_.Answer("dev", "foundation", std::string(kFoundation));
  federation_.disconnected = {"prod"};
  EXPECT_EQ(Run({"foundations"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out,
              AllOf(HasSubstr("organization_user, 2 space_auditor, "
                              "space_developer in acme/payments and acme/billing"),
                    HasSubstr("-12ms"), HasSubstr("the clocks differ (set the clocks)"),
                    HasSubstr("its agent is not connected")));
  EXPECT_EQ(Run({"foundations", "--output", "json"}), 0);
  const json rows = Out().at("foundations");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0], json::parse(R"({
    "name": "dev", "connected": true, "since": "2026-01-01T00:00:00Z", "agent": ")" +
                                 trust_.agent("dev").identity.Public().id() + R"(",
    "agent_version": "0.1.0", "cc_version": "3.195.0", "api": "https://api.dev.example",
    "login": "ok", "client_id": "sluice", "scopes": ["cloud_controller.read"],
    "roles": [{"role": "space_developer", "organization": null, "space": "s-1",
               "organization_name": "acme", "space_name": "payments"},
              {"role": "organization_user", "organization": "o-1", "space": null,
               "organization_name": null, "space_name": null},
              {"role": "space_developer", "organization": null, "space": "s-2",
               "organization_name": "acme", "space_name": "billing"},
              {"role": "space_auditor", "organization": null, "space": "s-1",
               "organization_name": "acme", "space_name": "payments"},
              {"role": "space_auditor", "organization": null, "space": "s-3",
               "organization_name": null, "space_name": null}],
    "clock_skew_milliseconds": -12, "latency_milliseconds": 7,
    "problems": [{"name": "clock-skew", "message": "the clocks differ",
                  "remedy": "set the clocks"}]})"));
  EXPECT_EQ(rows[1].at("connected"), false);
  EXPECT_EQ(rows[1].at("problems")[0].at("name"), "agent-not-connected");
  EXPECT_TRUE(rows[1].at("cc_version").is_null());
}

TEST_F(InspectingTest, WhatFailsAtOneFoundationHidesNotTheOthers) {
  federation_.Answer("dev", "foundation", std::string(kFoundation));
  federation_.Answer("prod", "foundation",
                     NamedError(StatusCode::kPermissionDenied, "policy-operator", "not maria"));
  EXPECT_EQ(Run({"foundations", "--output", "json"}), 0);
  EXPECT_EQ(Out().at("foundations")[0].at("login"), "ok");
  EXPECT_EQ(Out().at("foundations")[1].at("problems")[0].at("name"), "policy-operator");
}

TEST_F(InspectingTest, WhyALoginFailedStandsOnceInItsRow) {
  federation_.Answer("dev", "foundation", std::string(R"({"cc_version": "", "login":
    "dev: GET /: 503 [foundation-unavailable]", "problems": [{"name": "foundation-unavailable",
    "message": "dev: GET /: 503", "remedy": "look whether its Cloud Controller is up"}]})"));
  EXPECT_EQ(Run({"foundations"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out,
              ContainsRegex("fails .*dev: GET /: 503 \\(look whether its Cloud Controller is up"));
  EXPECT_THAT(terminal_.out, Not(HasSubstr("[foundation-unavailable]")));
}

TEST_F(InspectingTest, AppsAsksForOneOrganizationOrSpace) {
  federation_.Answer("dev", "apps", std::string(R"({"apps": [
    {"organization": "acme", "space": "payments", "name": "checkout", "guid": "g-1",
     "state": "STARTED", "lifecycle": "buildpack", "stack": "cflinuxfs4",
     "droplet": {"guid": "d-1", "sha256": "abc", "created_at": "2025-12-31T23:00:00Z"}},
    {"organization": "acme", "space": "payments", "name": "cart", "guid": "g-2",
     "state": "STOPPED", "lifecycle": "docker", "stack": "", "droplet": null}]})"));
  EXPECT_EQ(Run({"apps", "dev:acme/payments"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("checkout  STARTED"), HasSubstr("none")));
  EXPECT_EQ(json::parse(federation_.questions.back().arguments),
            json({{"organization", "acme"}, {"space", "payments"}}));
  EXPECT_EQ(Run({"apps", "dev:acme", "--output", "json"}), 0);
  EXPECT_EQ(json::parse(federation_.questions.back().arguments), json({{"organization", "acme"}}));
  EXPECT_EQ(Out(), json::parse(R"({"foundation": "dev", "apps": [
    {"organization": "acme", "space": "payments", "name": "checkout", "guid": "g-1",
     "state": "STARTED", "lifecycle": "buildpack", "stack": "cflinuxfs4",
     "droplet": {"guid": "d-1", "sha256": "abc", "created_at": "2025-12-31T23:00:00Z"}},
    {"organization": "acme", "space": "payments", "name": "cart", "guid": "g-2",
     "state": "STOPPED", "lifecycle": "docker", "stack": null, "droplet": null}]})"));
  EXPECT_EQ(Run({"apps", "dev"}), 2);
  EXPECT_EQ(Run({"apps", "dev:acme/payments/checkout"}), 2);
  EXPECT_EQ(Run({"apps", "qa:acme"}), 4);
}

TEST_F(InspectingTest, DropletsMarksTheCurrentOneAndTellsWhichHaveNoSha256) {
  federation_.Answer("dev", "droplets", std::string(R"({"droplets": [
    {"guid": "d-1", "state": "STAGED", "sha256": "abc", "checksum_type": "sha256",
     "created_at": "2025-12-31T23:00:00Z", "stack": "cflinuxfs4", "buildpacks": ["java"],
     "current": true, "origin": "qa:acme/payments/checkout"},
    {"guid": "d-0", "state": "EXPIRED", "sha256": null, "checksum_type": "sha1",
     "created_at": "2025-01-01T00:00:00Z", "stack": "", "buildpacks": [], "current": false,
     "origin": ""}]})"));
  EXPECT_EQ(Run({"droplets", "dev:acme/payments/check%6Fut"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("*        d-1"), HasSubstr("only sha1")));
  EXPECT_EQ(Run({"droplets", "dev:acme/payments/checkout", "--output", "json"}), 0);
  EXPECT_EQ(Out(), json::parse(R"({"app": "dev:acme/payments/checkout", "droplets": [
    {"guid": "d-1", "state": "STAGED", "sha256": "abc", "checksum_type": "sha256",
     "created_at": "2025-12-31T23:00:00Z", "stack": "cflinuxfs4", "buildpacks": ["java"],
     "current": true, "origin": "qa:acme/payments/checkout"},
    {"guid": "d-0", "state": "EXPIRED", "sha256": null, "checksum_type": "sha1",
     "created_at": "2025-01-01T00:00:00Z", "stack": null, "buildpacks": [], "current": false,
     "origin": null}]})"));
}

TEST_F(InspectingTest, PromotionsAreListedByAppAndState) {
  federation_.Record(trust_.PromoteOrder());
  EXPECT_EQ(Run({"promotions"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, HasSubstr("promotion-1  recorded"));
  EXPECT_EQ(Run({"promotions", "--app", "prod:acme/payments/checkout", "--state", "done", "--limit",
                 "7", "--output", "json"}),
            0);
  EXPECT_EQ(federation_.listed.limit(), 7u);
  EXPECT_EQ(federation_.listed.app(), "prod:acme/payments/checkout");
  EXPECT_EQ(federation_.listed.state(), "done");
  EXPECT_EQ(Out(), json::parse(R"({"promotions": [{
    "id": "promotion-1", "state": "recorded", "reason": null,
    "source": "dev:acme/payments/checkout", "targets": ["prod:acme/payments/checkout"],
    "recipient": null,
    "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "operator": "alice", "created_at": "2026-01-01T00:00:00Z",
    "changed_at": "2026-01-01T00:00:00Z"}], "not_shown": 0, "not_searched": 0})"));
  EXPECT_EQ(Run({"promotions", "--app", "prod:acme"}), 2);
}

TEST_F(InspectingTest, WhatAListAndAPromotionLeaveOutIsSaid) {
  federation_.Record(trust_.PromoteOrder());
  federation_.left_out = 7;
  EXPECT_EQ(Run({"promotions"}), 0);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("7 older ones are not shown"), HasSubstr("7 that ended before")));
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 0);
  EXPECT_THAT(terminal_.out, HasSubstr("7 entries are not shown"));
  EXPECT_EQ(Run({"promotion", "promotion-1", "--output", "json"}), 0);
  EXPECT_EQ(Out().at("entries_left_out"), 7);
}

TEST_F(InspectingTest, ExplainTellsWhatBecameOfEachWay) {
  federation_.Record(trust_.PromoteOrder());
  federation_.moments = federation_.GoodEnd();
  ASSERT_EQ(Run({"watch", "promotion-1"}), 0);
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 0);
  EXPECT_THAT(terminal_.out, Not(HasSubstr("tcp://dev:7720")));
  EXPECT_EQ(Run({"promotion", "promotion-1", "--explain"}), 0);
  EXPECT_THAT(terminal_.out,
              AllOf(ContainsRegex("direct +tcp://dev:7720 +3 +2 +171.7 MiB +carries; lost last: no "
                                  "sign of life \\[connection-silent\\]"),
                    ContainsRegex("relay +dialled by the other +0 +0 +0 B +never came")));
  EXPECT_EQ(Run({"promotion", "promotion-1", "--output", "json"}), 0);
  EXPECT_EQ(Out().at("targets").at(0).at("ways").at(0), json::parse(R"({
    "path": "direct", "endpoint": "tcp://dev:7720", "tries": 3, "times_ready": 2,
    "bytes": 180000000, "carries": true, "given_up": false,
    "lost_by": {"name": "connection-silent", "message": "no sign of life"}})"));
}

TEST_F(InspectingTest, APromotionsJsonHoldsItsEvidence) {
  federation_.Record(trust_.PromoteOrder());
  federation_.moments = federation_.GoodEnd();
  ASSERT_EQ(Run({"watch", "promotion-1"}), 0);
  EXPECT_EQ(Run({"promotion", "promotion-1"}), 0);
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("alice"), HasSubstr("order  promote: CHG-1234")));
  EXPECT_EQ(Run({"promotion", "promo", "--output", "json"}), 0);
  json shown = Out();
  EXPECT_EQ(shown.at("state"), "done");
  const json target = shown.at("targets").at(0);
  EXPECT_EQ(target.at("state"), "verified");
  EXPECT_EQ(target.at("path"), "direct");
  EXPECT_EQ(target.at("transfer").at("bytes_sent"), 188654321);
  EXPECT_EQ(target.at("transfer").at("slowest"), "transfer");
  EXPECT_TRUE(target.at("error").is_null());
  // Receipt and order are whole envelopes, for other tools to verify.
  EXPECT_EQ(target.at("receipt").at("payloadType"), "application/vnd.in-toto+json");
  EXPECT_EQ(shown.at("entries")[0].at("kind"), "order");
  EXPECT_EQ(shown.at("entries")[0].at("body").at("payloadType"),
            "application/vnd.sluice.order.v1+json");
  EXPECT_EQ(shown.at("entries")[0].at("hash").get<std::string>().size(), 64u);
  std::vector<std::string> fields;
  for (const auto& [field, value] : shown.items()) fields.push_back(field);
  EXPECT_THAT(fields,
              ElementsAre("activate", "changed_at", "created_at", "entries", "entries_left_out",
                          "id", "operator", "reason", "recipient", "revoked_key", "sha256",
                          "size_bytes", "source", "source_state", "state", "strategy", "targets"));
  fields.clear();
  for (const auto& [field, value] : target.items()) fields.push_back(field);
  EXPECT_THAT(fields, ElementsAre("droplet_guid", "error", "path", "previous_droplet_guid",
                                  "receipt", "reported_sha256", "state", "target", "transfer",
                                  "waiting_for", "warnings", "ways"));
}

TEST_F(InspectingTest, VersionAndHelpNeedNoConfiguration) {
  environment_.clear();
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(terminal_.out, ::testing::MatchesRegex("sluice [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_EQ(Run({"version", "--output", "json"}), 0);
  EXPECT_TRUE(Out().at("version").is_string());
  EXPECT_EQ(Run({"promote", "--help"}), 0);
  EXPECT_EQ(Run({"completion", "bash"}), 0);
  EXPECT_EQ(connections_, 0);
}

}  // namespace
}  // namespace sluice::cli
