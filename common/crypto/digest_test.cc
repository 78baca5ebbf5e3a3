// SHA-256 must be the standard's, whatever the pieces, and have one text form.
#include "common/crypto/digest.h"

#include <string>
#include <utility>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

// FIPS 180-2, appendix B.
constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256Test, StandardVectorsHold) {
  EXPECT_EQ(Sha256Of("abc").hex(), kOfAbc);
  EXPECT_EQ(Sha256Of("").hex(), kOfNothing);
  EXPECT_EQ(Sha256Of(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesGiveTheDigestOfTheWholeAlsoAfterAMove) {
  Sha256 first;
  first.Update("a");
  Sha256 second = std::move(first);
  second.Update("");
  second.Update("bc");
  EXPECT_EQ(second.Finish().hex(), kOfAbc);
}

TEST(Sha256DigestTest, HexAndBytesRoundTrip) {
  const Sha256Digest digest = Sha256Of("abc");
  EXPECT_EQ(*Sha256Digest::FromHex(digest.hex()), digest);
  EXPECT_EQ(*Sha256Digest::FromBytes(digest.bytes()), digest);
  EXPECT_NE(digest, Sha256Of("abd"));
  EXPECT_NE(digest, Sha256Digest());
}

TEST(Sha256DigestTest, TextThatIsNotCanonicalIsRefused) {
  const std::string good = kOfAbc;
  std::string upper = good;
  upper[0] = 'B';
  std::string foreign = good;
  foreign[63] = 'g';
  for (const std::string& text : {std::string(), good.substr(1), good + "0", upper, foreign}) {
    EXPECT_THAT(Sha256Digest::FromHex(text), HasErrorName("bad-digest")) << text;
  }
}

TEST(Sha256DigestTest, BytesOfAnotherLengthAreRefused) {
  EXPECT_THAT(Sha256Digest::FromBytes(std::string(31, 'x')), HasErrorName("bad-digest"));
  EXPECT_THAT(Sha256Digest::FromBytes(std::string(33, 'x')), HasErrorName("bad-digest"));
}

}  // namespace
}  // namespace sluice::crypto
