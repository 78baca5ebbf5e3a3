// A key's text must survive copying or fail by name: every single-character change, cut, wrong kind
// and wrong place is tried, and no message may repeat the text, which could be a secret.
#include "common/crypto/key_text.h"

#include <rapidcheck.h>

#include <string>

#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace sluice::crypto {
namespace {

constexpr KeyKind kKinds[] = {KeyKind::kRoot, KeyKind::kOperator, KeyKind::kAgent, KeyKind::kCurve};

std::string Counting() {
  std::string key;
  for (size_t i = 0; i < kKeyBytes; ++i) key.push_back(static_cast<char>(i));
  return key;
}

TEST(KeyTextTest, TextOfAKnownKeyIsTheSameForEver) {
  EXPECT_EQ(FormatPublicKey(KeyKind::kOperator, Counting()),
            "slop1aiaqaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h5wvn2ze");
  EXPECT_EQ(FormatSecretKey(KeyKind::kOperator, Secret(Counting())).Reveal(),
            "SEC-slop1qiaqaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h2ank7mw");
}

TEST(KeyTextTest, EveryKeyOfEveryKindComesBack) {
  EXPECT_TRUE(rc::check("public and secret text of a key", [] {
    const auto bytes = *rc::gen::container<std::string>(kKeyBytes, rc::gen::arbitrary<char>());
    for (const KeyKind kind : kKinds) {
      RC_ASSERT(ParsePublicKey(kind, FormatPublicKey(kind, bytes)).value() == bytes);
      const Secret text = FormatSecretKey(kind, Secret(bytes));
      RC_ASSERT(ParseSecretKey(kind, text.Reveal())->Reveal() == bytes);
    }
  }));
}

TEST(KeyTextTest, AnotherKindOfKeyIsRefused) {
  for (const KeyKind made : kKinds) {
    for (const KeyKind expected : kKinds) {
      if (made == expected) continue;
      EXPECT_THAT(ParsePublicKey(expected, FormatPublicKey(made, Counting())),
                  HasErrorName("key-wrong-kind"));
      EXPECT_THAT(ParseSecretKey(expected, FormatSecretKey(made, Secret(Counting())).Reveal()),
                  HasErrorName("key-wrong-kind"));
    }
  }
}

TEST(KeyTextTest, ASecretWhereAPublicKeyBelongsIsRefusedAndNotRepeated) {
  const Secret text = FormatSecretKey(KeyKind::kAgent, Secret(Counting()));
  const Status status = ParsePublicKey(KeyKind::kAgent, text.Reveal()).status();
  EXPECT_THAT(status, HasErrorName("key-is-secret"));
  EXPECT_EQ(Describe(status).find(std::string(text.Reveal().substr(10, 8))), std::string::npos);
}

TEST(KeyTextTest, ASecretWithItsMarkTakenOffIsNoPublicKey) {
  const Secret text = FormatSecretKey(KeyKind::kAgent, Secret(Counting()));
  EXPECT_THAT(ParsePublicKey(KeyKind::kAgent, text.Reveal().substr(4)),
              HasErrorName("key-mistyped"));
}

TEST(KeyTextTest, APublicKeyWhereASecretBelongsIsRefused) {
  EXPECT_THAT(ParseSecretKey(KeyKind::kRoot, FormatPublicKey(KeyKind::kRoot, Counting())),
              HasErrorName("key-is-public"));
}

TEST(KeyTextTest, WhatIsNoKeyAtAllIsRefused) {
  for (const char* text :
       {"", "slop", "SLOP1abc", "SEC-", "ssh-ed25519 AAAA", " slop1", "slco1aaa"}) {
    EXPECT_THAT(ParsePublicKey(KeyKind::kOperator, text), HasErrorName("key-unrecognised")) << text;
  }
}

TEST(KeyTextTest, AnyOtherCharacterAnywhereIsRefused) {
  const std::string text = FormatPublicKey(KeyKind::kOperator, Counting());
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char other : std::string("abcdefghijklmnopqrstuvwxyz234567A0=- \n")) {
      if (other == text[i]) continue;
      std::string altered = text;
      altered[i] = other;
      EXPECT_FALSE(ParsePublicKey(KeyKind::kOperator, altered).ok()) << altered;
    }
  }
}

TEST(KeyTextTest, ACutOrLengthenedTextIsRefused) {
  const std::string text = FormatPublicKey(KeyKind::kOperator, Counting());
  for (size_t length = 5; length < text.size(); ++length) {
    EXPECT_THAT(ParsePublicKey(KeyKind::kOperator, text.substr(0, length)),
                HasErrorName("key-mistyped"));
  }
  EXPECT_THAT(ParsePublicKey(KeyKind::kOperator, text + "a"), HasErrorName("key-mistyped"));
  EXPECT_THAT(ParsePublicKey(KeyKind::kOperator, text + text), HasErrorName("key-mistyped"));
}

TEST(KeyTextTest, AnAlgorithmOfTheFutureIsRefusedByName) {
  // Kind operator, algorithm 2 (ECDSA P-256), the bytes 0 to 31, the right CRC.
  EXPECT_THAT(ParsePublicKey(KeyKind::kOperator,
                             "slop1aibaaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h7nxtcio"),
              HasErrorName("key-algorithm-unsupported"));
}

TEST(KeyTextTest, KeyIdDependsOnAlgorithmAndKey) {
  const std::string id = KeyId(KeyAlgorithm::kEd25519, Counting());
  EXPECT_EQ(id, "491176b0f443c65a");
  EXPECT_NE(id, KeyId(KeyAlgorithm::kX25519, Counting()));
  EXPECT_NE(id, KeyId(KeyAlgorithm::kEd25519, std::string(kKeyBytes, '\0')));
}

}  // namespace
}  // namespace sluice::crypto
