// CURVE keys by the vector of RFC 7748, and the points that no peer may have.
#include "common/crypto/curve_key.h"

#include <string>

#include "common/base/encoding.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

std::string Bytes(std::string_view hex) { return FromHex(hex).value(); }

TEST(CurveKeyTest, PublicKeyFollowsFromTheSecretAsInRfc7748) {
  // RFC 7748 section 6.1, Bob.
  const Secret text = FormatSecretKey(
      KeyKind::kCurve,
      Secret(Bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")));
  EXPECT_EQ(ToHex(CurveKeyPair::Parse(text.Reveal())->public_key().bytes()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST(CurveKeyTest, AGeneratedPairComesBackFromItsText) {
  FakeEntropy entropy;
  const CurveKeyPair pair = CurveKeyPair::Generate(entropy);
  const Secret text = pair.secret_text();
  EXPECT_EQ(CurveKeyPair::Parse(text.Reveal())->public_key(), pair.public_key());
  EXPECT_EQ(CurvePublicKey::Parse(pair.public_key().text()).value(), pair.public_key());
  EXPECT_EQ(pair.secret_bytes().Reveal().size(), kKeyBytes);
}

TEST(CurveKeyTest, APointOfSmallOrderIsNoKey) {
  for (const std::string_view weak :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_THAT(CurvePublicKey::FromBytes(Bytes(weak)), HasErrorName("key-weak")) << weak;
  }
}

TEST(CurveKeyTest, BytesOfAnotherLengthAreNoKey) {
  EXPECT_THAT(CurvePublicKey::FromBytes(std::string(31, 'k')), HasErrorName("key-mistyped"));
  EXPECT_THAT(CurvePublicKey::FromBytes(std::string(33, 'k')), HasErrorName("key-mistyped"));
  EXPECT_TRUE(CurvePublicKey::FromBytes(std::string(32, 'k')).ok());
}

}  // namespace
}  // namespace sluice::crypto
