// What was sealed opens; what was altered in any bit, or is of another place, does not.
#include "common/crypto/aead.h"

#include <string>
#include <utility>

#include "common/base/encoding.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

std::string Bytes(std::string_view hex) { return *FromHex(hex); }

const std::string kNonce(Aes256Gcm::kNonceBytes, 'n');

class Aes256GcmTest : public ::testing::Test {
 protected:
  Aes256Gcm aead_{Secret(std::string(Aes256Gcm::kKeyBytes, 'k'))};
};

// The GCM specification (McGrew and Viega), test cases 14 and 16.
TEST_F(Aes256GcmTest, SpecificationVectorsHold) {
  Aes256Gcm zero{Secret(std::string(32, '\0'))};
  EXPECT_EQ(ToHex(zero.Seal(std::string(12, '\0'), "", std::string(16, '\0'))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");

  Aes256Gcm aead{Secret(Bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))};
  EXPECT_EQ(
      ToHex(aead.Seal(
          Bytes("cafebabefacedbaddecaf888"), Bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
          Bytes("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9"
                "5956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"))),
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
      "8"
      "838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
}

TEST_F(Aes256GcmTest, SealedOpensAgainForEachSize) {
  for (const size_t size : {0u, 1u, 15u, 16u, 17u, 4096u}) {
    const std::string plain(size, 'p');
    const std::string sealed = aead_.Seal(kNonce, "place", plain);
    EXPECT_EQ(sealed.size(), size + Aes256Gcm::kTagBytes);
    EXPECT_EQ(*aead_.Open(kNonce, "place", sealed), plain);
  }
}

TEST_F(Aes256GcmTest, SealingAndOpeningInPlaceGiveTheSameBytes) {
  const std::string plain(1000, 'p');
  std::string buffer = plain + std::string(Aes256Gcm::kTagBytes, '\0');
  aead_.SealInto(kNonce, "place", std::string_view(buffer).substr(0, 1000), buffer);
  EXPECT_EQ(buffer, aead_.Seal(kNonce, "place", plain));
  ASSERT_THAT(aead_.OpenInto(kNonce, "place", buffer, std::span<char>(buffer).first(1000)), IsOk());
  EXPECT_EQ(buffer.substr(0, 1000), plain);
}

TEST_F(Aes256GcmTest, EveryFlippedBitIsRefusedAndLeavesNoPlaintext) {
  const std::string sealed = aead_.Seal(kNonce, "place", "droplet");
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string altered = sealed;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    std::string plain(7, 'x');
    EXPECT_THAT(aead_.OpenInto(kNonce, "place", altered, plain), HasErrorName("bad-seal"));
    EXPECT_EQ(plain, std::string(7, '\0'));
  }
}

TEST_F(Aes256GcmTest, AnotherKeyNonceOrPlaceIsRefused) {
  const std::string sealed = aead_.Seal(kNonce, "place", "droplet");
  Aes256Gcm other{Secret(std::string(32, 'K'))};
  EXPECT_THAT(other.Open(kNonce, "place", sealed), HasErrorName("bad-seal"));
  EXPECT_THAT(aead_.Open(std::string(12, 'N'), "place", sealed), HasErrorName("bad-seal"));
  EXPECT_THAT(aead_.Open(kNonce, "Place", sealed), HasErrorName("bad-seal"));
  EXPECT_THAT(aead_.Open(kNonce, "place", sealed), IsOk());  // a refusal leaves no trace
}

TEST_F(Aes256GcmTest, WhatIsShorterThanATagIsRefused) {
  EXPECT_THAT(aead_.Open(kNonce, "", std::string(15, 'x')), HasErrorName("bad-seal"));
  EXPECT_THAT(aead_.Open(kNonce, "", std::string(16, 'x')), HasErrorName("bad-seal"));
}

}  // namespace
}  // namespace sluice::crypto
