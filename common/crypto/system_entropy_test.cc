#include "common/crypto/system_entropy.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

TEST(SystemEntropyTest, TwoDrawsDiffer) {
  SystemEntropy entropy;
  EXPECT_EQ(entropy.Bytes(32).size(), 32u);
  EXPECT_NE(entropy.Bytes(32), entropy.Bytes(32));  // equal once in 2^256
  EXPECT_EQ(entropy.Bytes(0), "");
}

}  // namespace
}  // namespace sluice::crypto
