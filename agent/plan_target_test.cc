#include "agent/plan_target.h"

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/foundation/testing/scripted_foundation.h"
#include "agent/jobs/target_facts.h"
#include "agent/journal.h"
#include "common/base/files.h"
#include "common/base/testing/status_matchers.h"
#include "common/transfer/spool.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::AppJson;
using foundation::DropletJson;
using foundation::JsonReply;
using foundation::OrganizationJson;
using foundation::PageReply;
using foundation::SpaceJson;
using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kSha256(64, 'a');
const std::string kOtherSha256(64, 'b');

// An app "checkout" without a droplet, in a space where the agent's client is a developer.
class PlanTargetTest : public testing::Test {
 protected:
  PlanTargetTest() {
    prod_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org", "acme")}));
    prod_.On("GET", "/v3/spaces", PageReply({SpaceJson("space", "payments", "org")}));
    const json role = {{"guid", "r"},
                       {"type", "space_developer"},
                       {"relationships",
                        {{"user", {{"data", {{"guid", "sluice"}}}}},
                         {"space", {{"data", {{"guid", "space"}}}}},
                         {"organization", {{"data", nullptr}}}}}};
    prod_.On("GET", "/v3/roles", PageReply({role}));
    prod_.On("GET", "/v3/deployments", PageReply({}));
    prod_.On("GET", "/v3/apps/app/droplets", PageReply({}));
  }
  // The foundation has this droplet; the list hides its process types, as Cloud Controller does.
  void Store(json droplet) {
    prod_.On("GET", "/v3/droplets/" + droplet["guid"].get<std::string>(), JsonReply(200, droplet));
    droplet["process_types"] = {{"redacted_message", "[PRIVATE DATA HIDDEN IN LISTS]"}};
    prod_.On("GET", "/v3/droplets", PageReply({droplet}));
  }
  static json Of(std::string_view app, json droplet) {
    droplet["relationships"]["app"]["data"]["guid"] = app;
    return droplet;
  }
  StatusOr<TargetPlan> Plan() {
    prod_.On("GET", "/v3/apps", PageReply({app_}));
    prod_.On("GET", "/v3/apps/app/processes", PageReply(processes_));
    return PlanForTarget(prod_.client(), question_, {});
  }

  foundation::ScriptedFoundation prod_;
  json app_ = AppJson("app", "checkout", "space");
  std::vector<json> processes_;
  TargetQuestion question_ = {.reference = {FoundationName("prod"), "acme", "payments", "checkout"},
                              .strategy = "rolling",
                              .sha256 = kSha256,
                              .size_bytes = 4,
                              .stack = "",
                              .process_types = {{"web", "run"}},
                              .droplet_bytes_max = 1 << 20,
                              .upload_limits = {},
                              .bytes_per_second = {},
                              .bytes_per_second_max = {}};
};

TEST_F(PlanTargetTest, DropletThatTheFoundationDoesNotHaveIsUploadedAsItArrives) {
  prod_.On("GET", "/v3/droplets", PageReply({}));
  const auto plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "cut-through");
  EXPECT_THAT(plan->changes, Contains("upload 4 bytes"));
}

TEST_F(PlanTargetTest, UploadIsForetoldFromTheRateAndTheFoundationsLimits) {
  prod_.On("GET", "/v3/droplets", PageReply({}));
  question_.size_bytes = 1 << 19;
  question_.upload_limits.time_max = absl::Seconds(20);
  question_.bytes_per_second = 1 << 16;  // 8 s
  auto plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "cut-through");
  EXPECT_EQ(plan->estimated_seconds, 8);
  question_.bytes_per_second = 1 << 15;  // 16 s, more than half of what an upload may take
  plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "spool-first");
  EXPECT_NE(plan->upload_why, "");
}

TEST_F(PlanTargetTest, WhatTheOperatorAllowsBoundsTheForetoldRate) {
  prod_.On("GET", "/v3/droplets", PageReply({}));
  question_.size_bytes = 1 << 19;
  question_.upload_limits.time_max = absl::Seconds(20);
  question_.bytes_per_second = 1 << 20;
  question_.bytes_per_second_max = 1 << 21;  // more than the link gives
  auto plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "cut-through");
  EXPECT_EQ(plan->estimated_seconds, 1);
  EXPECT_THAT(plan->upload_why, Not(HasSubstr("limit")));
  for (const bool known : {true, false}) {
    if (!known) question_.bytes_per_second.reset();
    question_.bytes_per_second_max = 1 << 15;  // 16 s, more than half of what an upload may take
    plan = Plan();
    ASSERT_THAT(plan, IsOk());
    EXPECT_EQ(plan->upload, "spool-first");
    EXPECT_EQ(plan->estimated_seconds, 16);
    EXPECT_THAT(plan->upload_why, HasSubstr("the limit that is set"));
  }
}

TEST_F(PlanTargetTest, RolesThatCannotBeReadAreNotToldAsAMissingRole) {
  prod_.Fail("GET", "/v3/roles", NamedError(StatusCode::kInternal, "roles-broken", "broken"));
  prod_.On("GET", "/v3/droplets", PageReply({}));
  ASSERT_THAT(Plan(), IsOk());
  EXPECT_THAT(Plan(), HasErrorName("roles-broken"));
}

TEST_F(PlanTargetTest, DropletThatAnotherAppHoldsIsCopied) {
  Store(Of("another", DropletJson("theirs", "STAGED", kSha256)));
  const auto plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "copy");
  EXPECT_EQ(plan->already, "none");
  EXPECT_THAT(plan->changes, Contains(HasSubstr("copy the droplet from another app")));
}

// As the promotion itself: other process types make it another droplet.
TEST_F(PlanTargetTest, SameBitsWithOtherProcessTypesAreUploadedAnew) {
  json droplet = Of("another", DropletJson("theirs", "STAGED", kSha256));
  droplet["process_types"] = {{"web", "something else"}};
  Store(droplet);
  EXPECT_EQ(Plan()->upload, "cut-through");
}

TEST_F(PlanTargetTest, SpoolThatIsTooSmallForTheDropletIsRefusedAndAFullOneIsWarnedOf) {
  prod_.On("GET", "/v3/droplets", PageReply({}));
  std::string pattern = testing::TempDir() + "plan-spoolXXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  SystemFiles files;
  const auto layout = transfer::StreamLayout::Cut(transfer::TransferId(), question_.size_bytes,
                                                  transfer::kChunkBytesDefault);
  ASSERT_THAT(layout, IsOk());
  const uint64_t one = transfer::SpoolFileBytes(*layout);
  {
    const auto spool = *transfer::Spool::Open(files, folder + "/small", one - 1);
    question_.spool_room = spool->CheckRoom(question_.size_bytes, transfer::kChunkBytesDefault);
    EXPECT_THAT(Plan(), HasErrorName("spool-too-small"));
  }
  const auto spool = *transfer::Spool::Open(files, folder + "/large", 2 * one - 1);
  question_.spool_room = spool->CheckRoom(question_.size_bytes, transfer::kChunkBytesDefault);
  auto plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->warnings, Not(Contains(HasSubstr("spool"))));
  const auto admitted = spool->Admit(*layout);
  ASSERT_THAT(admitted, IsOk());
  question_.spool_room = spool->CheckRoom(question_.size_bytes, transfer::kChunkBytesDefault);
  plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("spool-full")));
  // What is copied inside the foundation needs no room in the spool.
  Store(Of("another", DropletJson("theirs", "STAGED", kSha256)));
  plan = Plan();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->upload, "copy");
  EXPECT_THAT(plan->warnings, Not(Contains(HasSubstr("spool"))));
  std::filesystem::remove_all(folder);
}

TEST_F(PlanTargetTest, QuotaWithoutRoomForARollingInstanceIsRefusedUnlessNothingIsActivated) {
  prod_.On("GET", "/v3/droplets", PageReply({}));
  app_["state"] = "STARTED";
  const json web = {{"guid", "p"},    {"type", "web"},       {"command", "run"},
                    {"instances", 2}, {"memory_in_mb", 512}, {"disk_in_mb", 1024}};
  processes_ = {web};
  prod_.On("GET", "/v3/processes/p", JsonReply(200, web));
  json organization = OrganizationJson("org", "acme");
  organization["relationships"]["quota"]["data"]["guid"] = "q";
  prod_.On("GET", "/v3/organizations/org", JsonReply(200, organization));
  prod_.On("GET", "/v3/spaces/space", JsonReply(200, SpaceJson("space", "payments", "org")));
  prod_.On("GET", "/v3/organization_quotas/q",
           JsonReply(200, {{"guid", "q"},
                           {"name", "small"},
                           {"apps",
                            {{"total_memory_in_mb", 1500},
                             {"per_process_memory_in_mb", nullptr},
                             {"total_instances", nullptr}}}}));
  prod_.On("GET", "/v3/organizations/org/usage_summary",
           JsonReply(200, {{"usage_summary", {{"memory_in_mb", 1024}, {"started_instances", 2}}}}));
  const auto refused = Plan();
  EXPECT_THAT(refused, HasErrorName("quota-exceeded"));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("512 MB"), HasSubstr("small has 476 left")));
  question_.strategy = "restart";
  EXPECT_THAT(Plan(), IsOk()) << "it stops as much as it starts";
  question_.strategy = "rolling";
  question_.activate = false;
  EXPECT_THAT(Plan(), IsOk());
}

// One promotion "promotion-1" to the app, of which the agent knows what the test says.
class PlanForRollbackTest : public testing::Test {
 protected:
  PlanForRollbackTest() {
    prod_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org", "acme")}));
    prod_.On("GET", "/v3/spaces", PageReply({SpaceJson("space", "payments", "org")}));
    std::string pattern = testing::TempDir() + "plan-rollbackXXXXXX";
    folder_ = mkdtemp(pattern.data());
    journal_ = *Journal::Open(files_, folder_ + "/journal.db");
    facts_.app_guid = AppGuid("app");
    facts_.droplet_guid = DropletGuid("promoted");
  }
  ~PlanForRollbackTest() override { std::filesystem::remove_all(folder_); }

  void Store(const std::string& droplet, std::string_view state, const std::string& sha256) {
    prod_.On("GET", "/v3/droplets/" + droplet, JsonReply(200, DropletJson(droplet, state, sha256)));
  }
  // What the app has now.
  void ExpectCurrent(const std::string& droplet) {
    json app = AppJson("app", "checkout", "space");
    app["relationships"]["current_droplet"]["data"]["guid"] = droplet;
    prod_.On("GET", "/v3/apps", PageReply({app}));
    Store(droplet, "STAGED", kSha256);
  }
  StatusOr<RollbackPlan> PlanBack() {
    JobRecord job;
    job.key = {.promotion = "promotion-1", .role = JobRole::kTarget, .target_index = 0};
    job.order = trust_.Signed(trust_.PromoteOrder());
    job.facts = FormatTargetFacts(facts_);
    EXPECT_THAT(journal_->SaveJob(job), IsOk());
    return PlanForRollback(prod_.client(), *journal_,
                           {FoundationName("prod"), "acme", "payments", "checkout"}, "promotion-1",
                           {});
  }

  foundation::ScriptedFoundation prod_;
  trust::TestTrust trust_;
  SystemFiles files_;
  std::string folder_;
  std::unique_ptr<Journal> journal_;
  TargetFacts facts_;
};

TEST_F(PlanForRollbackTest, AppGoesBackToTheDropletThatItHadBefore) {
  facts_.previous_droplet_guid = DropletGuid("before");
  Store("before", "STAGED", kOtherSha256);
  ExpectCurrent("promoted");
  const auto plan = PlanBack();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->droplet_guid, DropletGuid("before"));
  EXPECT_EQ(plan->sha256, kOtherSha256);
  EXPECT_EQ(plan->current_sha256, kSha256);
  EXPECT_FALSE(plan->pushed_since);
}

TEST_F(PlanForRollbackTest, AppThatHadNoDropletIsToBeStopped) {
  ExpectCurrent("promoted");
  const auto plan = PlanBack();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->droplet_guid, DropletGuid());
  EXPECT_FALSE(plan->deletes_app);
  EXPECT_FALSE(plan->pushed_since);
  EXPECT_THAT(plan->warnings, ElementsAre(HasSubstr("stays there, stopped")));
}

TEST_F(PlanForRollbackTest, DropletThatNobodyPromotedIsSaidToBePushedSince) {
  ExpectCurrent("pushed");
  const auto plan = PlanBack();
  ASSERT_THAT(plan, IsOk());
  EXPECT_TRUE(plan->pushed_since);
}

TEST_F(PlanForRollbackTest, PromotionThatTheJournalLacksIsSaidToBeMissingThereAndSinceWhen) {
  const auto plan_back = [this] {
    return PlanForRollback(prod_.client(), *journal_,
                           {FoundationName("prod"), "acme", "payments", "checkout"}, "promotion-0",
                           {});
  };
  EXPECT_THAT(plan_back(), AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("not-in-journal")));
  EXPECT_THAT(std::string(plan_back().status().message()),
              AllOf(HasSubstr("the agent of prod has no record of promotion promotion-0"),
                    HasSubstr("its journal has no order at all")));
  JobRecord later;
  later.key = {.promotion = "promotion-1", .role = JobRole::kTarget, .target_index = 0};
  ASSERT_THAT(journal_->RecordAcceptance({.order_id = "id",
                                          .order_sha256 = "sha256",
                                          .envelope = "{order}",
                                          .accepted_at = absl::FromUnixSeconds(1767225600),
                                          .counters = {},
                                          .job = later}),
              IsOk());
  EXPECT_THAT(std::string(plan_back().status().message()),
              HasSubstr("its journal begins at 2026-01-01T00:00:00Z"));
}

TEST_F(PlanForRollbackTest, WhatRanBeforeMustStillBeThere) {
  facts_.previous_droplet_guid = DropletGuid("before");
  ExpectCurrent("promoted");
  Store("before", "EXPIRED", kOtherSha256);
  EXPECT_THAT(PlanBack(), HasErrorName("droplet-expired"));
}

}  // namespace
}  // namespace sluice::agent
