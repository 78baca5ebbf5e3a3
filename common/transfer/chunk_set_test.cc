// A set of chunks is what was put in, and has exactly one encoding; whatever else is said to be one
// is refused.
#include "common/transfer/chunk_set.h"

#include <set>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Optional;

ChunkSet SetOf(uint32_t chunk_count, const std::vector<uint32_t>& indexes) {
  ChunkSet set(chunk_count);
  for (const uint32_t index : indexes) set.Insert(index);
  return set;
}

// Octets from numbers.
std::string Octets(const std::vector<int>& values) {
  std::string octets;
  for (const int value : values) octets.push_back(static_cast<char>(value));
  return octets;
}

TEST(ChunkSetTest, EmptyStreamIsCompleteFromTheBeginning) {
  const ChunkSet set(0);
  EXPECT_TRUE(set.Complete());
  EXPECT_EQ(set.FirstMissing(), std::nullopt);
  EXPECT_EQ(set.FirstPresent(), std::nullopt);
  EXPECT_EQ(set.Encode(), Octets({0}));
  EXPECT_EQ(*ChunkSet::Decode(Octets({0}), 0), set);
}

TEST(ChunkSetTest, AnswersAsASetOfNumbersDoesForEverySizeAroundAWord) {
  SeededRandom random(1);
  for (const uint32_t chunk_count : {1u, 2u, 63u, 64u, 65u, 127u, 128u, 200u}) {
    ChunkSet set(chunk_count);
    std::set<uint32_t> model;
    for (int i = 0; i < 400; ++i) {
      const auto index = static_cast<uint32_t>(random.Below(chunk_count));
      if (random.Below(4) == 0) {
        EXPECT_EQ(set.Remove(index), model.erase(index) == 1);
      } else {
        EXPECT_EQ(set.Insert(index), model.insert(index).second);
      }
      EXPECT_EQ(set.Count(), model.size());
      EXPECT_EQ(set.Complete(), model.size() == chunk_count);
      const auto from = static_cast<uint32_t>(random.Below(chunk_count + 3));
      const auto present = model.lower_bound(from);
      EXPECT_EQ(set.FirstPresent(from),
                present == model.end() ? std::nullopt : std::optional<uint32_t>(*present));
      uint32_t missing = from;
      while (model.contains(missing)) ++missing;
      EXPECT_EQ(set.FirstMissing(from),
                missing >= chunk_count ? std::nullopt : std::optional<uint32_t>(missing));
      EXPECT_EQ(set.Contains(index), model.contains(index));
      const auto decoded = ChunkSet::Decode(set.Encode(), chunk_count);
      ASSERT_THAT(decoded, IsOk());
      EXPECT_EQ(*decoded, set);
    }
  }
}

TEST(ChunkSetTest, LargestStreamHasPlacesToItsLastChunk) {
  ChunkSet set(kChunkCountMax);
  set.Insert(kChunkCountMax - 1);
  EXPECT_THAT(set.FirstPresent(), Optional(Eq(kChunkCountMax - 1)));
  EXPECT_EQ(set.Encode().size(), 1u + 3 + 1) << "a long run and a short one";
  EXPECT_EQ(*ChunkSet::Decode(set.Encode(), kChunkCountMax), set);
}

TEST(ChunkSetTest, EncodingIsRunsOrBitsWhicheverIsShorter) {
  EXPECT_EQ(SetOf(1000, {}).Encode(), Octets({0}));
  EXPECT_EQ(SetOf(1000, {3, 4, 5, 300}).Encode(), Octets({0, 3, 3, 0xa6, 2, 1}));
  ChunkSet whole(1000);
  for (uint32_t i = 0; i < 1000; ++i) whole.Insert(i);
  EXPECT_EQ(whole.Encode(), Octets({0, 0, 0xe8, 7}));
  EXPECT_EQ(SetOf(12, {0, 2, 4, 11}).Encode(), Octets({1, 0b10101000, 0b00010000}));
  ChunkSet every_other(kChunkCountMax);
  for (uint32_t i = 0; i < kChunkCountMax; i += 2) every_other.Insert(i);
  EXPECT_EQ(every_other.Encode().size(), ChunkSet::kEncodedBytesMax);
  EXPECT_EQ(*ChunkSet::Decode(every_other.Encode(), kChunkCountMax), every_other);
}

TEST(ChunkSetTest, WhatNoSetIsEncodedToIsRefused) {
  const std::vector<std::vector<int>> refused = {
      {},                  // nothing
      {2},                 // neither
      {0, 1},              // a run that ends before what is there begins
      {0, 20, 1},          // beyond the last chunk
      {0, 11, 2},          // the same
      {0, 1, 0},           // an empty run
      {0, 1, 1, 0, 1},     // two runs that are one
      {0, 0x81, 0, 1},     // a number with an octet too many
      {0, 0x81, 0x80, 1},  // more octets than a number may have
      {0, 1, 0x81},        // cut off
      {1, 0},              // bits for too few chunks
      {1, 0x80, 0, 0},     // for too many
      {1, 0, 0},           // bits where runs are shorter
      {1, 0xa8, 0x11},     // a bit beyond the last chunk
      {0, 0, 1, 1, 1, 1, 1},
  };
  for (const std::vector<int>& values : refused) {
    EXPECT_THAT(ChunkSet::Decode(Octets(values), 12),
                AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("chunk-map-malformed")))
        << ::testing::PrintToString(values);
  }
}

TEST(ChunkSetTest, EverySequenceOfThreeOctetsIsASetsOneEncodingOrRefused) {
  std::set<std::string> encodings;
  for (uint32_t bits = 0; bits < 1u << 10; ++bits) {
    ChunkSet set(10);
    for (uint32_t i = 0; i < 10; ++i) {
      if ((bits >> i & 1) != 0) set.Insert(i);
    }
    EXPECT_TRUE(encodings.insert(set.Encode()).second);
    EXPECT_LE(set.Encode().size(), 3u);
  }
  size_t accepted = 0;
  for (size_t length = 0; length <= 3; ++length) {
    // The first octet beyond 2 is refused like 2.
    for (int first = 0; first < (length > 0 ? 3 : 1); ++first) {
      const uint32_t rest_bits = length > 1 ? 8 * static_cast<uint32_t>(length - 1) : 0;
      for (uint32_t rest = 0; rest < 1u << rest_bits; ++rest) {
        std::string encoded;
        if (length > 0) encoded = Octets({first});
        for (uint32_t shift = 0; shift < rest_bits; shift += 8) {
          encoded.push_back(static_cast<char>(rest >> shift & 0xff));
        }
        const bool ok = ChunkSet::Decode(encoded, 10).ok();
        ASSERT_EQ(ok, encodings.contains(encoded)) << ::testing::PrintToString(encoded);
        accepted += ok ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(accepted, encodings.size());
}

TEST(ChunkSetTest, SetsAreAddedAndTakenAway) {
  ChunkSet one(130);
  ChunkSet other(130);
  for (const uint32_t index : {0u, 64u, 129u}) one.Insert(index);
  for (const uint32_t index : {1u, 64u}) other.Insert(index);
  ChunkSet both = one;
  both.InsertAll(other);
  EXPECT_EQ(both.Count(), 4u);
  for (const uint32_t index : {0u, 1u, 64u, 129u}) EXPECT_TRUE(both.Contains(index)) << index;
  EXPECT_EQ(both.FirstPresentBut(other), 0u);
  EXPECT_EQ(both.FirstPresentBut(one), 1u);
  EXPECT_EQ(both.FirstPresentBut(both), std::nullopt);
  both.RemoveAll(one);
  EXPECT_EQ(both.Count(), 1u);
  EXPECT_TRUE(both.Contains(1));
}

}  // namespace
}  // namespace sluice::transfer
