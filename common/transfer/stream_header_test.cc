#include "common/transfer/stream_header.h"

#include <string>

#include "common/base/testing/status_matchers.h"
#include "common/transfer/content_key.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr size_t kMagicBytes = 8;
// Where the fields of a header without features begin.
constexpr size_t kFeatureCountAt = 8;
constexpr size_t kTransferAt = 9;
constexpr size_t kDropletBytesAt = kTransferAt + 16 + 32;
constexpr size_t kChunkBytesAt = kDropletBytesAt + 8;
constexpr size_t kChunkCountAt = kChunkBytesAt + 4;
constexpr size_t kRecipientCountAt = kChunkCountAt + 4 + 32;

class StreamHeaderTest : public testing::Test {
 protected:
  StreamHeader Header() {
    auto header = MakeHeader(stream_.layout, stream_.statement_sha256, stream_.content_key,
                             {{stream_.recipient.suite, stream_.recipient.public_key}}, entropy_);
    SLUICE_CHECK(header.ok());
    return *header;
  }
  std::string Bytes(const StreamHeader& header) {
    auto bytes = SerializeHeader(header, stream_.Sign());
    SLUICE_CHECK(bytes.ok());
    return *bytes;
  }
  // As somebody with the source's key would who does not care for the rules.
  std::string Resigned(std::string body_and_signature) {
    std::string body = body_and_signature.substr(0, body_and_signature.size() - kSignatureBytes);
    const std::string domain("sluice.dev/stream-header/v1\0", 28);
    return body + stream_.source_key.Sign(domain + body);
  }

  FakeEntropy entropy_{7};
  StreamFixture stream_{3 * kChunkBytesMin + 1};
};

TEST_F(StreamHeaderTest, HeaderIsReadBackAsItWasWritten) {
  const StreamHeader header = Header();
  const auto parsed = ParseHeader(Bytes(header), stream_.Verify());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, header);
}

TEST_F(StreamHeaderTest, AnyFlippedBitIsRefused) {
  const std::string good = Bytes(Header());
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(ParseHeader(bad, stream_.Verify()).ok()) << bit;
  }
}

TEST_F(StreamHeaderTest, HeaderCutAnywhereIsTruncated) {
  const std::string good = Bytes(Header());
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_THAT(ParseHeader(good.substr(0, bytes), stream_.Verify()),
                HasErrorName("header-truncated"))
        << bytes;
  }
}

TEST_F(StreamHeaderTest, EachFaultHasItsName) {
  const std::string good = Bytes(Header());
  EXPECT_THAT(ParseHeader(good + "x", stream_.Verify()), HasErrorName("header-malformed"));
  EXPECT_THAT(
      ParseHeader(std::string(kMagicBytes, 'x') + good.substr(kMagicBytes), stream_.Verify()),
      HasErrorName("header-bad-magic"));
  EXPECT_THAT(ParseHeader(std::string(kHeaderBytesMax + 1, 'x'), stream_.Verify()),
              HasErrorName("header-too-large"));
  EXPECT_THAT(ParseHeader(std::string(kHeaderBytesMax, 'x'), stream_.Verify()),
              HasErrorName("header-bad-magic"));
  std::string other_transfer = good;
  other_transfer[kTransferAt] = static_cast<char>(~other_transfer[kTransferAt]);
  EXPECT_THAT(ParseHeader(other_transfer, stream_.Verify()), HasErrorName("header-bad-signature"));
}

TEST_F(StreamHeaderTest, HeaderOfAnotherKeyIsRefused) {
  const auto other = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy_);
  const auto bytes =
      SerializeHeader(Header(), [&](std::string_view message) { return other.Sign(message); });
  ASSERT_THAT(bytes, IsOk());
  EXPECT_THAT(ParseHeader(*bytes, stream_.Verify()), HasErrorName("header-bad-signature"));
}

TEST_F(StreamHeaderTest, WhatBreaksTheLimitsIsRefusedEvenSigned) {
  const std::string good = Bytes(Header());
  std::string count = good;
  count[kChunkCountAt + 3] = 5;
  EXPECT_THAT(ParseHeader(Resigned(count), stream_.Verify()), HasErrorName("header-out-of-limits"));
  std::string chunk = good;
  chunk[kChunkBytesAt + 2] = 0x0f;  // 3,840 bytes
  EXPECT_THAT(ParseHeader(Resigned(chunk), stream_.Verify()), HasErrorName("header-out-of-limits"));
  std::string droplet = good;
  droplet[kDropletBytesAt] = 1;
  EXPECT_THAT(ParseHeader(Resigned(droplet), stream_.Verify()),
              HasErrorName("header-out-of-limits"));
  std::string recipients =
      good.substr(0, kRecipientCountAt) + std::string(2, '\0') + std::string(kSignatureBytes, '\0');
  EXPECT_THAT(ParseHeader(Resigned(recipients), stream_.Verify()),
              HasErrorName("header-out-of-limits"));
}

TEST_F(StreamHeaderTest, RecipientsAreHeldToTheirLimits) {
  StreamHeader header = Header();
  const WrappedKey key = header.recipients.front();
  header.recipients.clear();
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
  header.recipients = {key, key};
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
  header.recipients.clear();
  for (size_t i = 0; i < kRecipientsMax; ++i) {
    std::string id(32, '\0');
    id[0] = static_cast<char>(i);
    header.recipients.push_back({*crypto::Sha256Digest::FromBytes(id), key.wrapped});
  }
  const auto full = SerializeHeader(header, stream_.Sign());
  ASSERT_THAT(full, IsOk());
  EXPECT_THAT(ParseHeader(*full, stream_.Verify()), IsOk());
  header.recipients.push_back({*crypto::Sha256Digest::FromBytes(std::string(32, '\xff')), "x"});
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
}

TEST_F(StreamHeaderTest, WrappedKeysAreHeldToTheirLimits) {
  StreamHeader header = Header();
  header.recipients[0].wrapped.assign(kWrappedKeyBytesMax, 'w');
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), IsOk());
  header.recipients[0].wrapped.assign(kWrappedKeyBytesMax + 1, 'w');
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
  header.recipients[0].wrapped.clear();
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
}

TEST_F(StreamHeaderTest, UnknownFeatureIsRefusedByItsOwnName) {
  StreamHeader header = Header();
  header.features = {"delta"};
  const auto refused = ParseHeader(Bytes(header), stream_.Verify());
  EXPECT_THAT(refused, HasErrorName("stream-feature-unknown"));
  EXPECT_THAT(refused, StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(refused.status().message()), testing::HasSubstr("delta"));
}

TEST_F(StreamHeaderTest, FeatureNamesAreSortedShortAndPlain) {
  StreamHeader header = Header();
  for (const auto& bad :
       std::vector<std::vector<std::string>>{{"b", "a"},
                                             {"a", "a"},
                                             {""},
                                             {"Delta"},
                                             {"a_b"},
                                             {std::string(kFeatureNameBytesMax + 1, 'a')}}) {
    header.features = bad;
    EXPECT_THAT(SerializeHeader(header, stream_.Sign()), HasErrorName("header-out-of-limits"));
  }
  header.features = {std::string(kFeatureNameBytesMax, 'a')};
  EXPECT_THAT(SerializeHeader(header, stream_.Sign()), IsOk());
}

TEST_F(StreamHeaderTest, ContentKeyComesOutForEachRecipientAndForNobodyElse) {
  const auto make = [&](crypto::SealSuite suite) {
    return crypto::GenerateSealKey(suite, entropy_);
  };
  const crypto::SealKeyPair first = make(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm);
  const crypto::SealKeyPair second = make(crypto::SealSuite::kP256HkdfSha256Aes256Gcm);
  const auto header =
      MakeHeader(stream_.layout, stream_.statement_sha256, stream_.content_key,
                 {{first.suite, first.public_key}, {second.suite, second.public_key}}, entropy_);
  ASSERT_THAT(header, IsOk());
  for (const crypto::SealKeyPair& recipient : {first, second}) {
    const auto key = UnwrapFrom(*header, recipient);
    ASSERT_THAT(key, IsOk());
    EXPECT_EQ(key->Reveal(), stream_.content_key.Reveal());
  }
  for (const crypto::SealSuite suite : {first.suite, second.suite}) {
    EXPECT_THAT(UnwrapFrom(*header, make(suite)), HasErrorName("not-a-recipient"));
  }
}

TEST_F(StreamHeaderTest, WrappedKeyOpensForItsTransferAndStatementOnly) {
  StreamHeader header = Header();
  EXPECT_THAT(UnwrapFrom(header, stream_.recipient), IsOk());
  StreamHeader other_statement = header;
  other_statement.statement_sha256 = crypto::Sha256Of("another statement");
  EXPECT_THAT(UnwrapFrom(other_statement, stream_.recipient), HasErrorName("content-key-bad-seal"));
  StreamHeader other_transfer = header;
  other_transfer.layout.transfer = TransferId::Generate(entropy_);
  EXPECT_THAT(UnwrapFrom(other_transfer, stream_.recipient), HasErrorName("content-key-bad-seal"));
  StreamHeader other_commitment = header;
  other_commitment.key_commitment = crypto::Sha256Of("another key");
  EXPECT_THAT(UnwrapFrom(other_commitment, stream_.recipient),
              HasErrorName("key-commitment-mismatch"));
}

TEST_F(StreamHeaderTest, NobodyTwiceAndNoWeakKeyIsARecipient) {
  const Recipient good{stream_.recipient.suite, stream_.recipient.public_key};
  EXPECT_THAT(MakeHeader(stream_.layout, stream_.statement_sha256, stream_.content_key,
                         {good, good}, entropy_),
              HasErrorName("header-out-of-limits"));
  EXPECT_THAT(MakeHeader(stream_.layout, stream_.statement_sha256, stream_.content_key,
                         {{good.suite, std::string(32, '\0')}}, entropy_),
              HasErrorName("bad-seal-key"));
  EXPECT_THAT(MakeHeader(stream_.layout, stream_.statement_sha256, stream_.content_key,
                         {{good.suite, "short"}}, entropy_),
              HasErrorName("bad-seal-key"));
}

TEST(StreamLayoutTest, ChunksAreCutOnBothSidesOfEachLimit) {
  const TransferId id;
  EXPECT_EQ(StreamLayout::Cut(id, 0, kChunkBytesMin)->chunk_count, 0u);
  EXPECT_EQ(StreamLayout::Cut(id, 1, kChunkBytesMin)->chunk_count, 1u);
  EXPECT_EQ(StreamLayout::Cut(id, kChunkBytesMin, kChunkBytesMin)->chunk_count, 1u);
  EXPECT_EQ(StreamLayout::Cut(id, kChunkBytesMin + 1, kChunkBytesMin)->chunk_count, 2u);
  EXPECT_THAT(StreamLayout::Cut(id, 1, kChunkBytesMin - 1), HasErrorName("stream-out-of-limits"));
  EXPECT_THAT(StreamLayout::Cut(id, 1, kChunkBytesMax), IsOk());
  EXPECT_THAT(StreamLayout::Cut(id, 1, kChunkBytesMax + 1), HasErrorName("stream-out-of-limits"));
  const uint64_t largest = uint64_t{kChunkCountMax} * kChunkBytesMin;
  EXPECT_THAT(StreamLayout::Cut(id, largest, kChunkBytesMin), IsOk());
  EXPECT_THAT(StreamLayout::Cut(id, largest + 1, kChunkBytesMin),
              HasErrorName("stream-out-of-limits"));
  EXPECT_THAT(StreamLayout::Cut(id, ~uint64_t{0}, kChunkBytesMax),
              HasErrorName("stream-out-of-limits"));
}

TEST(TransferIdTest, TextAndBytesAreReadStrictly) {
  FakeEntropy entropy;
  const TransferId id = TransferId::Generate(entropy);
  EXPECT_EQ(*TransferId::FromHex(id.hex()), id);
  EXPECT_EQ(*TransferId::FromBytes(id.bytes()), id);
  EXPECT_THAT(TransferId::FromBytes(std::string(15, 'x')), HasErrorName("bad-transfer-id"));
  EXPECT_THAT(TransferId::FromBytes(std::string(17, 'x')), HasErrorName("bad-transfer-id"));
  EXPECT_THAT(TransferId::FromHex(std::string(32, 'A')), HasErrorName("bad-transfer-id"));
  EXPECT_THAT(TransferId::FromHex(std::string(31, 'a')), HasErrorName("bad-transfer-id"));
}

}  // namespace
}  // namespace sluice::transfer
