#include "agent/foundation/grants.h"

#include <gmock/gmock.h>

#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

GrantsRequest Request() {
  return {.api_url = "https://api.test",
          .uaa_url = "https://uaa.test",
          .client_id = "sluice",
          .reads_droplets = true,
          .writes_droplets = true,
          .spaces = {{.organization = "acme",
                      .space = "bob's space",
                      .organization_guid = OrganizationGuid("org-1"),
                      .space_guid = SpaceGuid("space-1")}}};
}

ProbeFacts Facts(std::vector<std::string> scopes) {
  ProbeFacts facts;
  facts.scopes = std::move(scopes);
  return facts;
}

Role SpaceRole(std::string type) {
  return {.type = std::move(type), .organization_guid = {}, .space_guid = SpaceGuid("space-1")};
}

TEST(GrantsTest, MakesAClientThatCannotLogInAndGivesItTheSpace) {
  ProbeFacts facts;
  facts.login = NamedError(StatusCode::kUnauthenticated, "login-refused", "no");
  const auto commands = MissingGrants(Request(), facts);
  EXPECT_THAT(commands, Contains("uaac target 'https://uaa.test'"));
  EXPECT_THAT(commands,
              Contains("uaac client add 'sluice' --authorized_grant_types client_credentials "
                       "--authorities 'cloud_controller.read,cloud_controller.write'"));
  EXPECT_THAT(commands, Contains("cf api 'https://api.test'"));
  EXPECT_THAT(commands, Contains("cf set-space-role 'sluice' 'acme' 'bob'\\''s space' "
                                 "SpaceDeveloper --client"));
  for (const std::string& command : commands) EXPECT_THAT(command, Not(HasSubstr("--secret")));
}

TEST(GrantsTest, KeepsTheAuthoritiesThatTheClientHas) {
  ProbeFacts facts = Facts({"cloud_controller.read", "uaa.resource"});
  facts.roles = {SpaceRole("space_developer")};
  EXPECT_THAT(MissingGrants(Request(), facts),
              Contains("uaac client update 'sluice' --authorities "
                       "'cloud_controller.read,cloud_controller.write,uaa.resource'"));
}

TEST(GrantsTest, AsksForNothingThatIsThere) {
  ProbeFacts facts = Facts({"cloud_controller.read", "cloud_controller.write"});
  facts.roles = {SpaceRole("space_developer")};
  EXPECT_THAT(MissingGrants(Request(), facts), IsEmpty());
  EXPECT_THAT(MissingGrants(Request(), Facts({"cloud_controller.admin"})), IsEmpty());
}

TEST(GrantsTest, LetsASourceReadOnly) {
  GrantsRequest request = Request();
  request.writes_droplets = false;
  EXPECT_THAT(MissingGrants(request, Facts({"cloud_controller.global_auditor"})), IsEmpty());
  const auto commands = MissingGrants(request, Facts({"cloud_controller.read"}));
  EXPECT_THAT(commands, Contains(HasSubstr("SpaceAuditor --client")));
  EXPECT_THAT(commands, Not(Contains(HasSubstr("uaac"))));
  ProbeFacts auditor = Facts({"cloud_controller.read"});
  auditor.roles = {SpaceRole("space_auditor")};
  EXPECT_THAT(MissingGrants(request, auditor), IsEmpty());
}

TEST(ProbeFactsTest, KnowWhichScopesLetWhatThrough) {
  EXPECT_TRUE(Facts({"cloud_controller.read"}).MayRead());
  EXPECT_FALSE(Facts({"cloud_controller.read"}).MayWrite());
  EXPECT_FALSE(Facts({"cloud_controller.write"}).MayRead());
  EXPECT_TRUE(Facts({"cloud_controller.admin"}).MayRead());
  EXPECT_TRUE(Facts({"cloud_controller.admin"}).MayWrite());
  EXPECT_TRUE(Facts({"cloud_controller.admin_read_only"}).ReadsEverything());
  EXPECT_FALSE(Facts({"cloud_controller.admin_read_only"}).WritesEverything());
  EXPECT_FALSE(Facts({}).MayRead());
}

}  // namespace
}  // namespace sluice::foundation
