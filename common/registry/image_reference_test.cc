#include "common/registry/image_reference.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

const std::string kHex(64, 'a');

TEST(ImageReferenceTest, ReadsHostPortRepositoryTagAndDigest) {
  const auto reference = ParseImageReference("Registry.Example:5000/team/shop-app:1.0_x");
  ASSERT_THAT(reference, IsOk());
  EXPECT_EQ(reference->repository.host, "registry.example:5000");
  EXPECT_EQ(reference->repository.path, "team/shop-app");
  EXPECT_EQ(reference->TagOrDigest(), "1.0_x");

  const auto pinned = ParseImageReference("localhost/app:v1@sha256:" + kHex);
  ASSERT_THAT(pinned, IsOk());
  EXPECT_EQ(pinned->TagOrDigest(), "sha256:" + kHex);
  EXPECT_EQ(pinned->Text(), "localhost/app:v1@sha256:" + kHex);

  const auto ipv6 = ParseImageReference("[::1]:5000/app:v1");
  ASSERT_THAT(ipv6, IsOk());
  EXPECT_EQ(ipv6->repository.host, "[::1]:5000");
}

TEST(ImageReferenceTest, TakesANameWithoutAHostFromDockerHub) {
  EXPECT_EQ(ParseImageReference("busybox:1")->repository.Text(),
            "registry-1.docker.io/library/busybox");
  EXPECT_EQ(ParseImageReference("cloudfoundry/cflinuxfs4:1")->repository.Text(),
            "registry-1.docker.io/cloudfoundry/cflinuxfs4");
  EXPECT_EQ(ParseImageReference("docker.io/busybox:1")->repository.Text(),
            "registry-1.docker.io/library/busybox");
}

TEST(ImageReferenceTest, RefusesEachBadReferenceByItsName) {
  struct Refusal {
    std::string text;
    std::string name;
  };
  const std::vector<Refusal> refusals = {
      {"", "bad-repository"},
      {"r.example/app", "reference-without-tag"},
      {"r.example:5000/app", "reference-without-tag"},
      {"r.example/app:", "bad-tag"},
      {"r.example/app:.x", "bad-tag"},
      {"r.example/app:a b", "bad-tag"},
      {"r.example/app:a/b:c", "bad-repository"},
      {"r.example/app:" + std::string(129, 'x'), "bad-tag"},
      {"r.example/App:1", "bad-repository"},
      {"r.example/a//b:1", "bad-repository"},
      {"r.example/:1", "bad-repository"},
      {"r.example/a/../b:1", "bad-repository"},
      {"r.example/a..b:1", "bad-repository"},
      {"r.example/a___b:1", "bad-repository"},
      {"r.example/-a:1", "bad-repository"},
      {"r.example/a?b:1", "bad-repository"},
      {"r.example/a%2fb:1", "bad-repository"},
      {"r.example/" + std::string(250, 'x') + ":1", "bad-repository"},
      {"user@r.example/app:1", "bad-digest"},
      {"r.example:x/app:1", "bad-registry-host"},
      {"r.exam ple/app:1", "bad-registry-host"},
      {"r.example/app@sha512:" + kHex, "digest-algorithm"},
      {"r.example/app@sha256:" + std::string(64, 'A'), "bad-digest"},
      {"r.example/app@sha256:" + kHex + "0", "bad-digest"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(ParseImageReference(refusal.text), HasErrorName(refusal.name)) << refusal.text;
  }
}

TEST(ImageReferenceTest, AllowsTheSeparatorsOfTheSpecification) {
  EXPECT_THAT(ParseImageReference("r.example/a.b_c__d---e/f9:_"), IsOk());
  EXPECT_THAT(ParseImageReference("r.example/app:" + std::string(128, 'x')), IsOk());
}

}  // namespace
}  // namespace sluice::registry
