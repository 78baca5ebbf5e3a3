// The format is a promise to whoever reads a stream with another program: one whole stream, and the
// header of one for recipients of both suites, with every key that went into them, are kept in
// proto/golden/sealed-*.hex and compared. The files were first made by another implementation
// (Python's cryptography package), from proto/sealed-stream.md.
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/content_key.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/stream_header.h"
#include "gmock/gmock.h"

namespace sluice::transfer {
namespace {

// Gives ascending bytes, so that a reader of the file sees which key is which.
class AscendingEntropy final : public Entropy {
 public:
  explicit AscendingEntropy(uint8_t first) : next_(first) {}
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& byte : bytes) byte = next_++;
  }

 private:
  uint8_t next_;
};

TEST(SealedStreamGoldenTest, StreamHasTheBytesThatAnotherImplementationMade) {
  const auto transfer = *TransferId::FromHex("000102030405060708090a0b0c0d0e0f");
  const auto layout = *StreamLayout::Cut(transfer, 4097, 4096);
  const auto statement_sha256 = crypto::Sha256Of("a statement");
  const std::vector<std::string> plain = {std::string(4096, 'd'), "!"};
  AscendingEntropy content(0x20);
  const Secret content_key = GenerateContentKey(content);
  AscendingEntropy keys(0x40);
  const auto source = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, keys);
  const auto recipient =
      crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, keys);
  const auto sign = [&](std::string_view message) { return source.Sign(message); };
  const auto verify = [&](std::string_view signature, std::string_view message) {
    return source.Public().Verify(signature, message);
  };

  std::string text =
      "# A sealed droplet stream of two chunks of 4,096 bytes and 1 byte "
      "(proto/sealed-stream.md).\n"
      "# Droplet: 4,096 times \"d\", then \"!\". All values in hexadecimal.\n";
  const auto line = [&](const std::string& name, std::string_view bytes) {
    text += name + " " + ToHex(bytes) + "\n";
  };
  line("transfer", transfer.bytes());
  line("content-key", content_key.Reveal());
  line("statement-sha256", statement_sha256.bytes());
  line("source-seed", AscendingEntropy(0x40).Bytes(32));
  line("source-public", source.Public().bytes());
  line("recipient-secret", recipient.secret_key.Reveal());
  line("recipient-public", recipient.public_key);
  line("ephemeral-secret", AscendingEntropy(0x80).Bytes(32));
  line("sealing-key", SealingKey(content_key, transfer).Reveal());
  const auto header = MakeHeader(layout, statement_sha256, content_key,
                                 {{recipient.suite, recipient.public_key}}, keys);
  ASSERT_THAT(header, IsOk());
  const auto header_bytes = SerializeHeader(*header, sign);
  ASSERT_THAT(header_bytes, IsOk());
  line("header", *header_bytes);
  ChunkSealer sealer(layout, SealingKey(content_key, transfer), sign);
  const SealedChunk first = sealer.Seal(0, plain[0]);
  const SealedChunk second = sealer.Seal(1, plain[1]);
  line("chunk-0-sealed-sha256", crypto::Sha256Of(first.sealed).bytes());
  line("chunk-0-signature", first.signature);
  line("chunk-1-sealed", second.sealed);
  line("chunk-1-signature", second.signature);
  ExpectGolden("proto/golden/sealed-stream.hex", text);

  // And it is read back from the bytes alone.
  const auto parsed = ParseHeader(*header_bytes, verify);
  ASSERT_THAT(parsed, IsOk());
  const auto opened_key = UnwrapFrom(*parsed, recipient);
  ASSERT_THAT(opened_key, IsOk());
  ChunkOpener opener(parsed->layout, SealingKey(*opened_key, transfer));
  for (const SealedChunk& chunk : {first, second}) {
    EXPECT_THAT(CheckChunk(parsed->layout, verify, chunk), IsOk());
  }
  EXPECT_EQ(*opener.Open(first), plain[0]);
  EXPECT_EQ(*opener.Open(second), plain[1]);
}

TEST(SealedStreamGoldenTest, HeaderForBothSuitesHasTheBytesThatAnotherImplementationMade) {
  const auto transfer = *TransferId::FromHex("000102030405060708090a0b0c0d0e0f");
  const auto layout = *StreamLayout::Cut(transfer, 4097, 4096);
  const auto statement_sha256 = crypto::Sha256Of("a statement");
  AscendingEntropy content(0x20);
  const Secret content_key = GenerateContentKey(content);
  AscendingEntropy keys(0x40);
  const auto source = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, keys);
  const auto x25519 = crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, keys);
  const auto p256 = crypto::GenerateSealKey(crypto::SealSuite::kP256HkdfSha256Aes256Gcm, keys);

  std::string text =
      "# The header of a sealed droplet stream for two recipients, one of each suite "
      "(proto/sealed-stream.md).\n"
      "# All values in hexadecimal.\n";
  const auto line = [&](const std::string& name, std::string_view bytes) {
    text += name + " " + ToHex(bytes) + "\n";
  };
  line("transfer", transfer.bytes());
  line("content-key", content_key.Reveal());
  line("statement-sha256", statement_sha256.bytes());
  line("source-seed", AscendingEntropy(0x40).Bytes(32));
  line("x25519-recipient-secret", x25519.secret_key.Reveal());
  line("x25519-recipient-public", x25519.public_key);
  line("x25519-ephemeral-secret", AscendingEntropy(0xa0).Bytes(32));
  line("p256-recipient-secret", p256.secret_key.Reveal());
  line("p256-recipient-public", p256.public_key);
  line("p256-ephemeral-secret", AscendingEntropy(0xc0).Bytes(32));
  const auto header =
      MakeHeader(layout, statement_sha256, content_key,
                 {{x25519.suite, x25519.public_key}, {p256.suite, p256.public_key}}, keys);
  ASSERT_THAT(header, IsOk());
  const auto header_bytes =
      SerializeHeader(*header, [&](std::string_view message) { return source.Sign(message); });
  ASSERT_THAT(header_bytes, IsOk());
  line("header", *header_bytes);
  ExpectGolden("proto/golden/sealed-header-suites.hex", text);

  for (const crypto::SealKeyPair& recipient : {x25519, p256}) {
    const auto opened = UnwrapFrom(*header, recipient);
    ASSERT_THAT(opened, IsOk());
    EXPECT_EQ(opened->Reveal(), content_key.Reveal());
  }
}

}  // namespace
}  // namespace sluice::transfer
