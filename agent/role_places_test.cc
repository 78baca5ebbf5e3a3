// Goal: an operator reads where the agent has its roles, and never the name of a place that is none
// of the operator's business. Method: a foundation that answers as a test says.
#include "agent/role_places.h"

#include "agent/foundation/testing/scripted_foundation.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::OrganizationJson;
using foundation::PageReply;
using foundation::Role;
using foundation::SpaceJson;
using testing::HasSubstr;

const std::vector<Role> kRoles = {
    {.type = "organization_user",
     .organization_guid = OrganizationGuid("o-1"),
     .space_guid = std::nullopt},
    {.type = "space_developer", .organization_guid = std::nullopt, .space_guid = SpaceGuid("s-1")},
    {.type = "space_developer", .organization_guid = std::nullopt, .space_guid = SpaceGuid("s-2")}};

class RolePlacesTest : public testing::Test {
 protected:
  std::vector<PlacedRole> Place() {
    return PlaceRoles(
        prod_.client(), kRoles,
        [](const std::string&, const std::string& space) { return space == "payments"; }, {});
  }
  foundation::ScriptedFoundation prod_;
};

TEST_F(RolePlacesTest, RolesAreNamedWhereTheOperatorMayReadAndByGuidElsewhere) {
  prod_.On("GET", "/v3/spaces",
           PageReply({SpaceJson("s-1", "payments", "o-1"), SpaceJson("s-2", "secret", "o-2")}));
  prod_.On("GET", "/v3/organizations",
           PageReply({OrganizationJson("o-1", "acme"), OrganizationJson("o-2", "hidden")}));
  const std::vector<PlacedRole> placed = Place();
  ASSERT_EQ(placed.size(), 3U);
  EXPECT_EQ(placed[0].organization, "acme");
  EXPECT_EQ(placed[0].space, "");
  EXPECT_EQ(placed[1].organization, "acme");
  EXPECT_EQ(placed[1].space, "payments");
  EXPECT_EQ(placed[2].organization, "");
  EXPECT_EQ(placed[2].space, "");
  EXPECT_EQ(placed[2].space_guid, SpaceGuid("s-2"));
  EXPECT_THAT(prod_.Only("GET", "/v3/spaces").url, HasSubstr("guids=s-1%2Cs-2"));
}

TEST_F(RolePlacesTest, FoundationThatDoesNotAnswerLeavesTheGuids) {
  prod_.Fail("GET", "/v3/spaces", absl::InternalError("broken"));
  const std::vector<PlacedRole> placed = Place();
  ASSERT_EQ(placed.size(), 3U);
  EXPECT_EQ(placed[1].space, "");
  EXPECT_EQ(placed[1].space_guid, SpaceGuid("s-1"));
  EXPECT_EQ(placed[0].organization_guid, OrganizationGuid("o-1"));
}

}  // namespace
}  // namespace sluice::agent
