#include "common/transfer/sealed_chunk.h"

#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "common/base/testing/status_matchers.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::SizeIs;

// Three chunks, the last one byte long.
StreamFixture ThreeChunks() { return StreamFixture(2 * kChunkBytesMin + 1); }

TEST(SealedChunkTest, EachChunkOpensToItsBytesOfTheDroplet) {
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{kChunkBytesMin - 1}, uint64_t{kChunkBytesMin},
                               uint64_t{kChunkBytesMin + 1}, uint64_t{5 * kChunkBytesMin + 7}}) {
    const StreamFixture stream(bytes);
    ChunkOpener opener = stream.Opener();
    std::string droplet;
    for (const SealedChunk& chunk : stream.SealAll()) {
      EXPECT_THAT(chunk.sealed, SizeIs(stream.layout.SealedBytes(chunk.index)));
      const auto plain = opener.Open(chunk);
      ASSERT_THAT(plain, IsOk());
      droplet += *plain;
    }
    EXPECT_TRUE(droplet == stream.droplet) << bytes;
  }
}

TEST(SealedChunkTest, SealingAgainGivesTheSameBytes) {
  const StreamFixture stream = ThreeChunks();
  const auto first = stream.SealAll();
  const auto second = stream.SealAll();
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].sealed, second[i].sealed);
    EXPECT_EQ(first[i].signature, second[i].signature);
  }
}

TEST(SealedChunkTest, EqualPlainChunksSealToDifferentBytes) {
  StreamFixture stream = ThreeChunks();
  stream.droplet.assign(stream.droplet.size(), 'x');
  const auto chunks = stream.SealAll();
  EXPECT_NE(chunks[0].sealed, chunks[1].sealed);
}

TEST(SealedChunkTest, AnyFlippedBitIsRefusedByTheSignature) {
  const StreamFixture stream(100);
  const SealedChunk good = stream.SealAll()[0];
  for (size_t bit = 0; bit < 8 * good.sealed.size(); bit += 13) {
    SealedChunk bad = good;
    bad.sealed[bit / 8] = static_cast<char>(bad.sealed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(stream.Check(bad), HasErrorName("chunk-bad-signature")) << bit;
  }
  for (size_t bit = 0; bit < 8 * good.signature.size(); bit += 7) {
    SealedChunk bad = good;
    bad.signature[bit / 8] = static_cast<char>(bad.signature[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(stream.Check(bad), HasErrorName("chunk-bad-signature")) << bit;
  }
  EXPECT_THAT(stream.Check(good), IsOk());
}

TEST(SealedChunkTest, SignatureOfAnotherLengthIsRefused) {
  const StreamFixture stream(100);
  for (const size_t bytes : {size_t{0}, kSignatureBytes - 1, kSignatureBytes + 1}) {
    SealedChunk chunk = stream.SealAll()[0];
    chunk.signature.resize(bytes);
    EXPECT_THAT(stream.Check(chunk), HasErrorName("chunk-bad-signature")) << bytes;
  }
}

TEST(SealedChunkTest, ChunkInAnothersPlaceIsRefused) {
  const StreamFixture stream(3 * kChunkBytesMin);
  auto chunks = stream.SealAll();
  chunks[0].index = 1;
  EXPECT_THAT(stream.Check(chunks[0]), HasErrorName("chunk-bad-signature"));
}

TEST(SealedChunkTest, ChunkOfAnotherTransferIsRefused) {
  const StreamFixture stream = ThreeChunks();
  StreamFixture other = stream;
  FakeEntropy entropy(99);
  other.layout.transfer = TransferId::Generate(entropy);
  EXPECT_THAT(stream.Check(other.SealAll()[0]), HasErrorName("chunk-bad-signature"));
}

TEST(SealedChunkTest, ChunkSignedByAnotherKeyIsRefused) {
  const StreamFixture stream = ThreeChunks();
  StreamFixture other = stream;
  FakeEntropy entropy(99);
  other.source_key = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy);
  EXPECT_THAT(stream.Check(other.SealAll()[0]), HasErrorName("chunk-bad-signature"));
}

TEST(SealedChunkTest, ChunkSealedUnderAnotherKeyIsRefusedThoughTheSourceSignedIt) {
  const StreamFixture stream = ThreeChunks();
  StreamFixture other = stream;
  FakeEntropy entropy(99);
  other.content_key = GenerateContentKey(entropy);
  EXPECT_THAT(stream.Opener().Open(other.SealAll()[0]), HasErrorName("chunk-bad-seal"));
}

// The associated data: same key, same transfer, same index, same bytes, another count of chunks.
TEST(SealedChunkTest, ChunkOfAStreamCutOtherwiseIsRefusedThoughTheSourceSignedIt) {
  const StreamFixture stream = ThreeChunks();
  StreamFixture longer = stream;
  longer.layout =
      *StreamLayout::Cut(stream.layout.transfer, 3 * kChunkBytesMin + 1, stream.layout.chunk_bytes);
  EXPECT_THAT(longer.Opener().Open(stream.SealAll()[0]), HasErrorName("chunk-bad-seal"));
}

TEST(SealedChunkTest, PlaceAndLengthAreHeldOnBothSidesOfTheirLimits) {
  const StreamFixture stream = ThreeChunks();
  const StreamLayout& layout = stream.layout;
  EXPECT_THAT(CheckChunkPlace(layout, 2, 1 + kSealBytes), IsOk());
  EXPECT_THAT(CheckChunkPlace(layout, 3, 1 + kSealBytes), HasErrorName("chunk-out-of-range"));
  for (const uint32_t index : {0u, 1u, 2u}) {
    const size_t right = layout.SealedBytes(index);
    EXPECT_THAT(CheckChunkPlace(layout, index, right), IsOk());
    EXPECT_THAT(CheckChunkPlace(layout, index, right - 1), HasErrorName("chunk-wrong-length"));
    EXPECT_THAT(CheckChunkPlace(layout, index, right + 1), HasErrorName("chunk-wrong-length"));
    EXPECT_THAT(CheckChunkPlace(layout, index, 0), HasErrorName("chunk-wrong-length"));
  }
  SealedChunk chunk = stream.SealAll()[2];
  chunk.index = 3;
  EXPECT_THAT(stream.Opener().Open(chunk), HasErrorName("chunk-out-of-range"));
  chunk.index = 0;
  EXPECT_THAT(stream.Opener().Open(chunk), HasErrorName("chunk-wrong-length"));
}

}  // namespace
}  // namespace sluice::transfer
