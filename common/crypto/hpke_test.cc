// Each step must be RFC 9180's: its appendices A.1 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-128-GCM) and A.3 (with DHKEM(P-256, HKDF-SHA256)) give the values between all of them. Of the
// RFC's values only the AEAD differs from Sluice's, and it enters in the key schedule alone.
#include "common/crypto/hpke.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/encoding.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto::hpke {
namespace {

// Appendix A.1.1, base mode.
constexpr char kInfo[] = "4f6465206f6e2061204772656369616e2055726e";
constexpr char kEphemeralSecret[] =
    "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736";
constexpr char kEphemeralPublic[] =
    "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431";
constexpr char kRecipientSecret[] =
    "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8";
constexpr char kRecipientPublic[] =
    "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d";
constexpr char kSharedSecret[] = "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc";

std::string Bytes(std::string_view hex) { return *FromHex(hex); }

// Gives out what the vector says.
class VectorEntropy final : public Entropy {
 public:
  explicit VectorEntropy(std::string bytes) : bytes_(std::move(bytes)) {}
  void Fill(std::span<uint8_t> bytes) override {
    std::copy_n(bytes_.begin(), bytes.size(), bytes.begin());
  }

 private:
  std::string bytes_;
};

TEST(HpkeTest, SenderReachesTheVectorsSharedSecret) {
  VectorEntropy entropy(Bytes(kEphemeralSecret));
  const auto sender = Encapsulate(Kem::kX25519, Bytes(kRecipientPublic), entropy);
  ASSERT_THAT(sender, IsOk());
  EXPECT_EQ(ToHex(sender->encapsulated_key), kEphemeralPublic);
  EXPECT_EQ(ToHex(sender->shared_secret.Reveal()), kSharedSecret);
}

TEST(HpkeTest, RecipientReachesTheVectorsSharedSecret) {
  const auto shared =
      Decapsulate(Kem::kX25519, Bytes(kEphemeralPublic), Secret(Bytes(kRecipientSecret)));
  ASSERT_THAT(shared, IsOk());
  EXPECT_EQ(ToHex(shared->Reveal()), kSharedSecret);
  EXPECT_EQ(ToHex(*PublicKey(Kem::kX25519, Secret(Bytes(kRecipientSecret)))), kRecipientPublic);
}

TEST(HpkeTest, KeyScheduleIsTheVectors) {
  const Schedule schedule =
      KeySchedule(Kem::kX25519, Aead::kAes128Gcm, Secret(Bytes(kSharedSecret)), Bytes(kInfo));
  EXPECT_EQ(ToHex(schedule.key.Reveal()), "4531685d41d65f03dc48f6b8302c05b0");
  EXPECT_EQ(ToHex(schedule.base_nonce), "56d890e5accaaf011cff4b7d");
}

TEST(HpkeTest, AnotherAeadGivesOtherKeysOfItsOwnSize) {
  const Schedule schedule =
      KeySchedule(Kem::kX25519, Aead::kAes256Gcm, Secret(Bytes(kSharedSecret)), Bytes(kInfo));
  EXPECT_EQ(schedule.key.Reveal().size(), 32u);
  EXPECT_NE(ToHex(schedule.base_nonce), "56d890e5accaaf011cff4b7d");
}

// RFC 7748 section 6.1: a peer that offers a point of small order would fix the secret.
TEST(HpkeTest, PointsOfSmallOrderAndOtherSizesAreRefused) {
  VectorEntropy entropy(Bytes(kEphemeralSecret));
  std::string one(32, '\0');
  one[0] = 1;
  for (const std::string& key :
       {std::string(32, '\0'), one, std::string(31, 'x'), std::string(33, 'x'), std::string()}) {
    EXPECT_THAT(Encapsulate(Kem::kX25519, key, entropy), HasErrorName("bad-seal-key"));
    EXPECT_THAT(Decapsulate(Kem::kX25519, key, Secret(Bytes(kRecipientSecret))),
                HasErrorName("bad-seal-key"));
  }
}

namespace p256 {

// Appendix A.3.1, base mode.
constexpr char kEphemeralSecret[] =
    "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb";
constexpr char kEphemeralPublic[] =
    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c09"
    "00be863c403ce65c9bfcb9382657222d18c4";
constexpr char kRecipientSecret[] =
    "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2";
constexpr char kRecipientPublic[] =
    "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3"
    "d30ad6aa8f80e30f1d128aafd68a2ce72ea0";
constexpr char kSharedSecret[] = "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8";
constexpr char kOrder[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

}  // namespace p256

TEST(HpkeP256Test, BothSidesReachTheVectorsSharedSecret) {
  VectorEntropy entropy(Bytes(p256::kEphemeralSecret));
  const auto sender = Encapsulate(Kem::kP256, Bytes(p256::kRecipientPublic), entropy);
  ASSERT_THAT(sender, IsOk());
  EXPECT_EQ(ToHex(sender->encapsulated_key), p256::kEphemeralPublic);
  EXPECT_EQ(ToHex(sender->shared_secret.Reveal()), p256::kSharedSecret);
  const Secret recipient(Bytes(p256::kRecipientSecret));
  EXPECT_EQ(ToHex(*PublicKey(Kem::kP256, recipient)), p256::kRecipientPublic);
  const auto shared = Decapsulate(Kem::kP256, Bytes(p256::kEphemeralPublic), recipient);
  ASSERT_THAT(shared, IsOk());
  EXPECT_EQ(ToHex(shared->Reveal()), p256::kSharedSecret);
}

TEST(HpkeP256Test, KeyScheduleIsTheVectors) {
  const Schedule schedule =
      KeySchedule(Kem::kP256, Aead::kAes128Gcm, Secret(Bytes(p256::kSharedSecret)), Bytes(kInfo));
  EXPECT_EQ(ToHex(schedule.key.Reveal()), "868c066ef58aae6dc589b6cfdd18f97e");
  EXPECT_EQ(ToHex(schedule.base_nonce), "4e0bc5018beba4bf004cca59");
}

// RFC 9180 section 7.1.4: a key of another form, length or curve would tell of the secret key.
TEST(HpkeP256Test, WhatIsNoUncompressedPointOfTheCurveIsRefused) {
  const std::string good = Bytes(p256::kRecipientPublic);
  std::string off_curve = good;
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  std::string hybrid = good;
  hybrid[0] = 6;
  std::string beyond_the_field = good;
  std::fill(beyond_the_field.begin() + 1, beyond_the_field.begin() + 33, '\xff');
  const std::string compressed = "\x02" + good.substr(1, 32);
  std::string zeros(65, '\0');
  std::string origin = zeros;
  origin[0] = 4;
  for (const std::string& key :
       {off_curve, hybrid, beyond_the_field, compressed, zeros, origin, std::string(1, '\0'),
        good.substr(0, 64), good + '\0', std::string()}) {
    VectorEntropy entropy(Bytes(p256::kEphemeralSecret));
    EXPECT_THAT(Encapsulate(Kem::kP256, key, entropy), HasErrorName("bad-seal-key")) << ToHex(key);
    EXPECT_THAT(Decapsulate(Kem::kP256, key, Secret(Bytes(p256::kRecipientSecret))),
                HasErrorName("bad-seal-key"))
        << ToHex(key);
  }
}

TEST(HpkeP256Test, SecretKeysAreBetweenZeroAndTheOrder) {
  std::string below = Bytes(p256::kOrder);
  below.back() = static_cast<char>(below.back() - 1);
  EXPECT_THAT(PublicKey(Kem::kP256, Secret(below)), IsOk());
  for (const std::string& bad : {std::string(32, '\0'), Bytes(p256::kOrder),
                                 std::string(32, '\xff'), std::string(31, 'x')}) {
    EXPECT_THAT(PublicKey(Kem::kP256, Secret(bad)), HasErrorName("bad-seal-key"));
  }
}

// Gives bytes that are no secret key before others that are.
TEST(HpkeP256Test, GenerationDrawsAgainWhatIsNoSecretKey) {
  class Draws final : public Entropy {
   public:
    void Fill(std::span<uint8_t> bytes) override {
      std::fill(bytes.begin(), bytes.end(), draws++ == 0 ? 0xff : 0x11);
    }
    int draws = 0;
  };
  Draws entropy;
  EXPECT_EQ(GenerateSecretKey(Kem::kP256, entropy).Reveal(), std::string(32, '\x11'));
  EXPECT_EQ(entropy.draws, 2);
}

}  // namespace
}  // namespace sluice::crypto::hpke
