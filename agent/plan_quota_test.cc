#include "agent/plan_quota.h"

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::Process;
using foundation::QuotaFacts;
using foundation::QuotaLimits;
using testing::AllOf;
using testing::HasSubstr;

Process Of(std::string type, int64_t instances, int64_t memory_in_mb) {
  Process process;
  process.type = std::move(type);
  process.instances = instances;
  process.memory_in_mb = memory_in_mb;
  return process;
}

QuotaLimits Limits(std::string name, std::optional<int64_t> memory_in_mb,
                   std::optional<int64_t> instances = {},
                   std::optional<int64_t> per_process_in_mb = {}) {
  return {.guid = "q",
          .name = std::move(name),
          .total_memory_in_mb = memory_in_mb,
          .per_process_memory_in_mb = per_process_in_mb,
          .total_instances = instances};
}

const std::vector<Process> kApp = {Of("web", 3, 512), Of("worker", 2, 256), Of("task", 0, 4096)};

TEST(QuotaNeed, IsOneInstanceMoreForARollingDeploymentAndAllOfThemForAStart) {
  const QuotaNeed rolling = NeedOf(kApp, true, true);
  EXPECT_EQ(rolling.instances, 1);
  EXPECT_EQ(rolling.memory_in_mb, 512);
  const QuotaNeed restart = NeedOf(kApp, true, false);
  EXPECT_EQ(restart.instances, 0);
  const QuotaNeed start = NeedOf(kApp, false, true);
  EXPECT_EQ(start.instances, 5);
  EXPECT_EQ(start.memory_in_mb, 3 * 512 + 2 * 256);
  EXPECT_EQ(start.largest_instance_in_mb, 512);
}

TEST(CheckQuota, NamesTheQuotaThatHasNoRoomAndWhatIsMissing) {
  QuotaFacts quota;
  quota.organization = Limits("large", 10'240, 100);
  quota.organization_memory_used_in_mb = 1024;
  quota.organization_instances_started = 10;
  quota.space = Limits("team", 2048, 5);
  quota.space_memory_used_in_mb = 1536;
  quota.space_instances_started = 4;
  EXPECT_THAT(CheckQuota(quota, NeedOf(kApp, true, true)), IsOk()) << "512 MB and 1 are left";
  quota.space_memory_used_in_mb = 1537;
  const Status memory = CheckQuota(quota, NeedOf(kApp, true, true));
  EXPECT_THAT(memory,
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("quota-exceeded")));
  EXPECT_THAT(std::string(memory.message()),
              AllOf(HasSubstr("512 MB of memory"), HasSubstr("space's quota team has 511 left")));
  quota.space_memory_used_in_mb = 0;
  quota.space_instances_started = 5;
  EXPECT_THAT(std::string(CheckQuota(quota, NeedOf(kApp, true, true)).message()),
              AllOf(HasSubstr("1 instances"), HasSubstr("team has 0 left")));
  quota.organization_memory_used_in_mb = 10'000;
  EXPECT_THAT(std::string(CheckQuota(quota, NeedOf(kApp, true, true)).message()),
              HasSubstr("org's quota large has 240 left"));
  EXPECT_THAT(CheckQuota(quota, NeedOf(kApp, true, false)), IsOk()) << "a restart needs nothing";
}

TEST(CheckQuota, ProcessThatIsLargerThanTheQuotaAllowsOneIsNamed) {
  QuotaFacts quota;
  quota.space = Limits("small", {}, {}, 256);
  EXPECT_THAT(std::string(CheckQuota(quota, NeedOf(kApp, true, true)).message()),
              AllOf(HasSubstr("512 MB"), HasSubstr("allows one 256")));
}

TEST(CheckQuota, WhatCloudControllerDoesNotTellIsNoShortfall) {
  QuotaFacts quota;
  EXPECT_THAT(CheckQuota(quota, NeedOf(kApp, false, true)), IsOk());
  quota.organization = Limits("unlimited", {});
  quota.space = Limits("of unknown use", 1, 1);
  EXPECT_THAT(CheckQuota(quota, NeedOf(kApp, false, true)), IsOk());
}

}  // namespace
}  // namespace sluice::agent
