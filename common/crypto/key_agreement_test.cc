// Only the offered key opens, and only in the place it was sealed for.
#include "common/crypto/key_agreement.h"

#include <string>

#include "common/base/encoding.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

constexpr SealSuite kX25519 = SealSuite::kX25519HkdfSha256Aes256Gcm;
constexpr SealSuite kP256 = SealSuite::kP256HkdfSha256Aes256Gcm;

class KeyAgreementTest : public ::testing::TestWithParam<SealSuite> {
 protected:
  const SealSuite kSuite = GetParam();
  FakeEntropy entropy_;
  SealKeyPair recipient_ = GenerateSealKey(kSuite, entropy_);
  Secret content_key_{std::string(32, 'c')};
};

INSTANTIATE_TEST_SUITE_P(Suites, KeyAgreementTest, ::testing::Values(kX25519, kP256),
                         [](const auto& suite) {
                           return suite.param == kP256 ? "P256" : "X25519";
                         });

TEST_P(KeyAgreementTest, WrappedContentKeyComesOutAgain) {
  const auto wrapped =
      WrapContentKey(kSuite, recipient_.public_key, "info", content_key_, entropy_);
  ASSERT_THAT(wrapped, IsOk());
  EXPECT_EQ(wrapped->size(), 32 + SealOverheadBytes(kSuite));
  EXPECT_EQ(UnwrapContentKey(recipient_, "info", *wrapped)->Reveal(), content_key_.Reveal());
}

TEST_P(KeyAgreementTest, EachWrappingIsFresh) {
  const auto first = WrapContentKey(kSuite, recipient_.public_key, "i", content_key_, entropy_);
  const auto second = WrapContentKey(kSuite, recipient_.public_key, "i", content_key_, entropy_);
  EXPECT_NE(*first, *second);
}

TEST_P(KeyAgreementTest, JournalledSecretOpensAfterARestart) {
  const auto wrapped = WrapContentKey(kSuite, recipient_.public_key, "i", content_key_, entropy_);
  const auto again = SealKeyFromSecret(kSuite, Secret(std::string(recipient_.secret_key.Reveal())));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->public_key, recipient_.public_key);
  EXPECT_THAT(UnwrapContentKey(*again, "i", *wrapped), IsOk());
  EXPECT_THAT(SealKeyFromSecret(kSuite, Secret("short")), HasErrorName("bad-seal-key"));
}

TEST_P(KeyAgreementTest, AnotherRecipientInfoOrAssociatedIsRefused) {
  const auto sealed = SealTo(kSuite, recipient_.public_key, "info", "aad", "secret", entropy_);
  const SealKeyPair other = GenerateSealKey(kSuite, entropy_);
  EXPECT_THAT(OpenSealed(other, "info", "aad", *sealed), HasErrorName("bad-seal"));
  EXPECT_THAT(OpenSealed(recipient_, "Info", "aad", *sealed), HasErrorName("bad-seal"));
  EXPECT_THAT(OpenSealed(recipient_, "info", "Aad", *sealed), HasErrorName("bad-seal"));
  EXPECT_EQ(OpenSealed(recipient_, "info", "aad", *sealed)->Reveal(), "secret");
}

TEST_P(KeyAgreementTest, KeyOfTheOtherSuiteIsRefused) {
  const SealSuite other = kSuite == kP256 ? kX25519 : kP256;
  const SealKeyPair theirs = GenerateSealKey(other, entropy_);
  EXPECT_THAT(SealTo(kSuite, theirs.public_key, "", "", "secret", entropy_),
              HasErrorName("bad-seal-key"));
  const auto sealed = SealTo(other, theirs.public_key, "", "", "secret", entropy_);
  EXPECT_THAT(OpenSealed(recipient_, "", "", *sealed), HasErrorName("bad-seal"));
}

TEST_P(KeyAgreementTest, EveryAlteredOrMissingByteIsRefused) {
  const auto sealed = SealTo(kSuite, recipient_.public_key, "info", "", "secret", entropy_);
  for (size_t i = 0; i < sealed->size(); ++i) {
    std::string altered = *sealed;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_THAT(OpenSealed(recipient_, "info", "", altered), HasErrorName("bad-seal")) << i;
    EXPECT_THAT(OpenSealed(recipient_, "info", "", sealed->substr(0, i)), HasErrorName("bad-seal"));
  }
}

// Sealed by pyca/cryptography 48.0 (its own HPKE over Rust) to the recipient of RFC 9180 A.1.1.
TEST(SealSuiteTest, AnotherImplementationsMessageOpens) {
  const auto recipient = SealKeyFromSecret(
      kX25519,
      Secret(*FromHex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")));
  const std::string sealed = *FromHex(
      "7a2614db2625779ee6e62aa05b7914a5671cfbf7aaa88c2e6f0a9bdce6ad070f90c7b194824042fd786e3e5a9a55"
      "e4f9e49411a366a030791688909f254b2443c4fc8c068f97da7b8b1ef1c2c6931e7f");
  const auto plain = OpenSealed(*recipient, "sluice interop", "", sealed);
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(ToHex(plain->Reveal()),
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

// Likewise, to the recipient of RFC 9180 A.3.1.
TEST(SealSuiteTest, AnotherImplementationsMessageToAP256KeyOpens) {
  const auto recipient = SealKeyFromSecret(
      kP256, Secret(*FromHex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2")));
  const std::string sealed = *FromHex(
      "0426da4a601867024682f1a17e663c58ffc2ab48a726b2b11d6b56d13038300fc6566b9201ea89460be3eea555cc"
      "4b6be65f35e263e0bab130c07cb9dba97fbeac7656f2c21ea2f76bec0c71465d2b6fb740bb3d2d82e90851a09519"
      "0b2634f2f7306d80703ed6c8e0e54bd88581a765fa");
  const auto plain = OpenSealed(*recipient, "sluice interop", "", sealed);
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(ToHex(plain->Reveal()),
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

TEST(SealSuiteTest, SuitesAreKnownByName) {
  EXPECT_EQ(SealSuiteName(kP256), "p256-hkdf-sha256-aes256gcm");
  for (const SealSuite suite : {kX25519, kP256}) {
    EXPECT_EQ(*SealSuiteByName(SealSuiteName(suite)), suite);
  }
  EXPECT_EQ(SealOverheadBytes(kX25519), 32u + 16u);
  EXPECT_EQ(SealOverheadBytes(kP256), 65u + 16u);
  EXPECT_THAT(SealSuiteByName("p521-none"), HasErrorName("seal-suite-unknown"));
}

}  // namespace
}  // namespace sluice::crypto
