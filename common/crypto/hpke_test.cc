// Each step must be RFC 9180's: its appendix A.1 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// AES-128-GCM) gives the value between all of them. Of the RFC's values only the AEAD differs from
// Sluice's, and it enters in the key schedule alone.
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
  const auto sender = Encapsulate(Bytes(kRecipientPublic), entropy);
  ASSERT_THAT(sender, IsOk());
  EXPECT_EQ(ToHex(sender->encapsulated_key), kEphemeralPublic);
  EXPECT_EQ(ToHex(sender->shared_secret.Reveal()), kSharedSecret);
}

TEST(HpkeTest, RecipientReachesTheVectorsSharedSecret) {
  const auto shared = Decapsulate(Bytes(kEphemeralPublic), Secret(Bytes(kRecipientSecret)));
  ASSERT_THAT(shared, IsOk());
  EXPECT_EQ(ToHex(shared->Reveal()), kSharedSecret);
  EXPECT_EQ(ToHex(*X25519PublicKey(Secret(Bytes(kRecipientSecret)))), kRecipientPublic);
}

TEST(HpkeTest, KeyScheduleIsTheVectors) {
  const Schedule schedule =
      KeySchedule(Aead::kAes128Gcm, Secret(Bytes(kSharedSecret)), Bytes(kInfo));
  EXPECT_EQ(ToHex(schedule.key.Reveal()), "4531685d41d65f03dc48f6b8302c05b0");
  EXPECT_EQ(ToHex(schedule.base_nonce), "56d890e5accaaf011cff4b7d");
}

TEST(HpkeTest, AnotherAeadGivesOtherKeysOfItsOwnSize) {
  const Schedule schedule =
      KeySchedule(Aead::kAes256Gcm, Secret(Bytes(kSharedSecret)), Bytes(kInfo));
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
    EXPECT_THAT(Encapsulate(key, entropy), HasErrorName("bad-seal-key"));
    EXPECT_THAT(Decapsulate(key, Secret(Bytes(kRecipientSecret))), HasErrorName("bad-seal-key"));
  }
}

}  // namespace
}  // namespace sluice::crypto::hpke
