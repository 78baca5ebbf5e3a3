// Each byte string has one text, and what is not that text is refused: digests, keys and signed
// things are compared as text.
#include "common/base/encoding.h"

#include <string>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

std::string EveryByte() {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(HexTest, BytesComeBackAndBothCasesAreRead) {
  EXPECT_EQ(ToHex(std::string("\x00\xab\xff", 3)), "00abff");
  EXPECT_EQ(*FromHex("00ABff"), std::string("\x00\xab\xff", 3));
  EXPECT_EQ(*FromHex(ToHex(EveryByte())), EveryByte());
  EXPECT_EQ(*FromHex(""), "");
}

TEST(HexTest, OddLengthAndOtherLettersAreRefused) {
  for (const char* text : {"0", "000", "0g", "g0", " 0", "0x00", "00 ", "\xff\xff"}) {
    EXPECT_THAT(FromHex(text), HasErrorName("bad-hex")) << text;
  }
}

TEST(Base64Test, VectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(*FromBase64(text), bytes);
  }
}

TEST(Base64Test, EveryLengthAndByteComesBack) {
  for (size_t length = 0; length <= 256; ++length) {
    const std::string bytes = EveryByte().substr(256 - length);
    EXPECT_EQ(*FromBase64(ToBase64(bytes)), bytes) << length;
  }
}

TEST(Base64Test, EveryOtherSpellingIsRefused) {
  for (const char* text : {
           "Zg",        // no padding
           "Zg=",       // too little of it
           "Zm9v====",  // too much of it
           "====",      // nothing but it
           "Zh==",      // trailing bits that are not zero
           "Zm9=",      //
           "Z=g=",      // within
           "Zg==Zg==",  // in the middle
           "Zm 9",      // other letters
           "Zm9v\n",    //
           "Zm-_",      // the URL alphabet
       }) {
    EXPECT_THAT(FromBase64(text), HasErrorName("bad-base64")) << text;
  }
}

TEST(PercentTest, UnreservedLettersStayAndTheRestIsEncodedInUpperCase) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a/b c\xff%"), "a%2Fb%20c%FF%25");
  EXPECT_EQ(*PercentDecode(PercentEncode(EveryByte())), EveryByte());
  EXPECT_EQ(*PercentDecode("a%2fb+c"), "a/b+c");
}

TEST(PercentTest, BrokenSequencesAreRefused) {
  for (const char* text : {"%", "a%", "%2", "%2g", "%g2", "%%20"}) {
    EXPECT_THAT(PercentDecode(text), HasErrorName("bad-percent-encoding")) << text;
  }
}

}  // namespace
}  // namespace sluice
