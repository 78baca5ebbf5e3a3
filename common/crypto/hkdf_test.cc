// HKDF must be RFC 5869's.
#include "common/crypto/hkdf.h"

#include <string>

#include "common/base/encoding.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

TEST(HkdfTest, FirstVectorOfTheRfcHolds) {
  const Secret extracted =
      HkdfExtract(*FromHex("000102030405060708090a0b0c"), Secret(std::string(22, '\x0b')));
  EXPECT_EQ(ToHex(extracted.Reveal()),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  EXPECT_EQ(ToHex(HkdfExpand(extracted, *FromHex("f0f1f2f3f4f5f6f7f8f9"), 42).Reveal()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(HkdfTest, ThirdVectorOfTheRfcHoldsWithoutSaltAndInfo) {
  const Secret extracted = HkdfExtract("", Secret(std::string(22, '\x0b')));
  EXPECT_EQ(ToHex(extracted.Reveal()),
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
  EXPECT_EQ(ToHex(HkdfExpand(extracted, "", 42).Reveal()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

}  // namespace
}  // namespace sluice::crypto
