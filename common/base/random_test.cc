// A seed replays the same history everywhere, and bounded draws are fair.
#include "common/base/random.h"

#include <array>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::Each;
using ::testing::Gt;

// Gives the numbers it was told to.
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<uint64_t> draws) : draws_(std::move(draws)) {}
  uint64_t Next() override { return draws_.at(next_++); }
  size_t drawn() const { return next_; }

 private:
  std::vector<uint64_t> draws_;
  size_t next_ = 0;
};

TEST(RandomTest, SeedGivesTheSameNumbersOnEveryStandardLibrary) {
  // C++ standard, [rand.predef]: the 10000th draw of mt19937_64 with its default seed.
  SeededRandom random(5489);
  uint64_t draw = 0;
  for (int i = 0; i < 10000; ++i) draw = random.Next();
  EXPECT_EQ(draw, 9981545732273789042u);
}

TEST(RandomTest, BoundedDrawsFollowFromTheSeedAlone) {
  SeededRandom one(42);
  SeededRandom two(42);
  for (uint64_t bound = 1; bound < 1000; ++bound) {
    const uint64_t draw = one.Below(bound);
    EXPECT_LT(draw, bound);
    EXPECT_EQ(draw, two.Below(bound));
  }
}

TEST(RandomTest, DrawFromTheIncompleteLastMultipleIsThrownAway) {
  // 2^64 - 1 is a multiple of 3, so only the very last number is beyond the last whole multiple.
  ScriptedRandom random({UINT64_MAX, UINT64_MAX - 1});
  EXPECT_EQ(random.Below(3), 2u);
  EXPECT_EQ(random.drawn(), 2u);
}

TEST(RandomTest, EveryResultComesUp) {
  SeededRandom random(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) ++counts[random.Below(7)];
  EXPECT_THAT(counts, Each(Gt(800)));
}

TEST(RandomTest, KernelsSeedsDiffer) { EXPECT_NE(SeedFromKernel(), SeedFromKernel()); }

TEST(RandomDeathTest, BoundOfZeroIsOurBug) {
  SeededRandom random(1);
  EXPECT_DEATH(random.Below(0), "invariant does not hold");
}

}  // namespace
}  // namespace sluice
