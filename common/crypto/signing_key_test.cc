// Signatures by the vectors of RFC 8032, and what must never verify.
#include "common/crypto/signing_key.h"

#include <string>

#include "common/base/encoding.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

struct Vector {
  std::string_view seed;
  std::string_view public_key;
  std::string_view message;
  std::string_view signature;
};

// RFC 8032 section 7.1, TEST 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

std::string Bytes(std::string_view hex) { return FromHex(hex).value(); }

SigningKey KeyOfSeed(std::string_view seed_hex) {
  const Secret text = FormatSecretKey(KeyKind::kAgent, Secret(Bytes(seed_hex)));
  return SigningKey::Parse(KeyKind::kAgent, text.Reveal()).value();
}

TEST(SigningKeyTest, SignsAsTheVectorsOfRfc8032) {
  for (const Vector& vector : kVectors) {
    const SigningKey key = KeyOfSeed(vector.seed);
    EXPECT_EQ(ToHex(key.Public().bytes()), vector.public_key);
    EXPECT_EQ(ToHex(key.Sign(Bytes(vector.message))), vector.signature);
    EXPECT_TRUE(key.Public().Verify(Bytes(vector.signature), Bytes(vector.message)));
  }
}

TEST(SigningKeyTest, AnyFlippedBitOfTheSignatureIsRefused) {
  const SigningKey key = KeyOfSeed(kVectors[2].seed);
  for (size_t bit = 0; bit < kSignatureBytes * 8; ++bit) {
    std::string altered = Bytes(kVectors[2].signature);
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(key.Public().Verify(altered, Bytes(kVectors[2].message))) << "bit " << bit;
  }
}

TEST(SigningKeyTest, ASignatureWithTheGroupOrderAddedIsRefused) {
  // The same S modulo L: RFC 8032 section 5.1.7 wants 0 <= S < L, or one message had two
  // signatures.
  std::string altered = Bytes(kVectors[0].signature);
  const std::string order =
      Bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    const unsigned sum =
        static_cast<uint8_t>(altered[32 + i]) + static_cast<uint8_t>(order[i]) + carry;
    altered[32 + i] = static_cast<char>(sum & 0xff);
    carry = sum >> 8;
  }
  const SigningKey key = KeyOfSeed(kVectors[0].seed);
  EXPECT_FALSE(key.Public().Verify(altered, ""));
}

TEST(SigningKeyTest, ASignatureOfAnotherLengthIsRefused) {
  const SigningKey key = KeyOfSeed(kVectors[0].seed);
  const std::string right = Bytes(kVectors[0].signature);
  EXPECT_FALSE(key.Public().Verify("", ""));
  EXPECT_FALSE(key.Public().Verify(right.substr(0, 63), ""));
  EXPECT_FALSE(key.Public().Verify(right + '\0', ""));
}

TEST(SigningKeyTest, AnotherMessageOrAnotherKeyIsRefused) {
  FakeEntropy entropy;
  const SigningKey key = SigningKey::Generate(KeyKind::kAgent, entropy);
  const SigningKey other = SigningKey::Generate(KeyKind::kAgent, entropy);
  const std::string signature = key.Sign("message");
  EXPECT_TRUE(key.Public().Verify(signature, "message"));
  EXPECT_FALSE(key.Public().Verify(signature, "message "));
  EXPECT_FALSE(other.Public().Verify(signature, "message"));
}

TEST(SigningKeyTest, APointOfSmallOrderIsNoKey) {
  for (const std::string_view weak :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    EXPECT_THAT(VerifyingKey::FromBytes(KeyKind::kAgent, Bytes(weak)), HasErrorName("key-weak"));
    const std::string text = FormatPublicKey(KeyKind::kAgent, Bytes(weak));
    EXPECT_THAT(VerifyingKey::Parse(KeyKind::kAgent, text), HasErrorName("key-weak"));
  }
}

TEST(SigningKeyTest, TheSameBytesInAnotherRoleAreAnotherKey) {
  const std::string bytes = Bytes(kVectors[0].public_key);
  const VerifyingKey agent = VerifyingKey::FromBytes(KeyKind::kAgent, bytes).value();
  const VerifyingKey person = VerifyingKey::FromBytes(KeyKind::kOperator, bytes).value();
  EXPECT_NE(agent, person);
  EXPECT_NE(agent.text(), person.text());
  EXPECT_EQ(agent, VerifyingKey::Parse(KeyKind::kAgent, agent.text()).value());
}

TEST(SigningKeyTest, AGeneratedKeyComesBackFromItsText) {
  FakeEntropy entropy;
  const SigningKey key = SigningKey::Generate(KeyKind::kOperator, entropy);
  const Secret text = key.text();
  const SigningKey again = SigningKey::Parse(KeyKind::kOperator, text.Reveal()).value();
  EXPECT_EQ(again.Public(), key.Public());
  EXPECT_EQ(again.Sign("message"), key.Sign("message"));
}

}  // namespace
}  // namespace sluice::crypto
