// One verifier stands before everything that is obeyed. Its vectors: what DSSE's own documents
// show, and a list of envelopes that must fail, each by its own name.
#include "common/trust/envelope.h"

#include <rapidcheck.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/encoding.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using crypto::KeyKind;
using crypto::SigningKey;
using crypto::VerifyingKey;
using nlohmann::json;

constexpr std::string_view kType = "application/vnd.sluice.sample.v1+json";
constexpr std::string_view kPayload = R"({"answer":42})";

SigningKey MakeKey(uint64_t seed) {
  FakeEntropy entropy(seed);
  return SigningKey::Generate(KeyKind::kOperator, entropy);
}

class EnvelopeTest : public ::testing::Test {
 protected:
  StatusOr<std::string> Open(std::string_view text) const {
    SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(text));
    const VerifyingKey allowed[] = {first_.Public(), second_.Public()};
    SLUICE_ASSIGN_OR_RETURN(VerifiedPayload verified, VerifyEnvelope(envelope, kType, allowed, 1));
    return std::move(verified.payload);
  }

  // A valid envelope's text after `edit` has been at it.
  std::string Edited(const std::function<void(json&)>& edit) const {
    json value = json::parse(text_);
    edit(value);
    return value.dump();
  }

  // Each text with the name that must refuse it; the untouched envelope opens all the same.
  void ExpectEachRefused(const std::vector<std::pair<std::string, std::string>>& list) const {
    ASSERT_THAT(Open(text_), IsOk());
    for (size_t i = 0; i < list.size(); ++i) {
      EXPECT_THAT(Open(list[i].first), HasErrorName(list[i].second)) << "entry " << i;
    }
  }

  const SigningKey first_ = MakeKey(1);
  const SigningKey second_ = MakeKey(2);
  const SigningKey stranger_ = MakeKey(3);
  const std::string text_ = SealEnvelope(kType, kPayload, first_);
};

TEST_F(EnvelopeTest, PreAuthenticationEncodingIsThatOfTheSpecification) {
  // secure-systems-lab/dsse, protocol.md, test vectors.
  EXPECT_EQ(PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(PreAuthenticationEncoding("", ""), "DSSEv1 0  0 ");
  // Lengths are of bytes, and no content can move the border between type and payload.
  EXPECT_EQ(PreAuthenticationEncoding("a", "é"), "DSSEv1 1 a 2 é");
  EXPECT_NE(PreAuthenticationEncoding("a", "b 1 c"), PreAuthenticationEncoding("a b", "c"));
}

TEST_F(EnvelopeTest, WhatWasSealedOpensToTheSameBytes) {
  EXPECT_TRUE(rc::check("seal and open", [this] {
    const auto payload = *rc::gen::arbitrary<std::string>();
    RC_ASSERT(Open(SealEnvelope(kType, payload, first_)).value() == payload);
  }));
}

TEST_F(EnvelopeTest, TheSpecificationsOwnEnvelopeParses) {
  // protocol.md: payload "hello world", ECDSA signature by a key that we do not have.
  const auto envelope = ParseEnvelope(
      R"({"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld",)"
      R"("signatures":[{"sig":"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfU)"
      R"(iHqJPcIAriEGAHTVeCUjW2JIZA=="}]})");
  ASSERT_THAT(envelope, IsOk());
  EXPECT_EQ(envelope->payload, "hello world");
  EXPECT_EQ(envelope->signatures.at(0).signature.size(), 64u);
}

TEST_F(EnvelopeTest, TextThatIsNoEnvelopeIsRefusedByItsName) {
  ExpectEachRefused(
      {{"", "json-malformed"},
       {"[]", "json-not-an-object"},
       {text_ + "x", "json-malformed"},
       {text_ + text_, "json-malformed"},
       {text_.substr(0, text_.size() - 1), "json-malformed"},
       {"\xef\xbb\xbf" + text_, "json-malformed"},
       {text_ + std::string(1, '\0'), "json-malformed"},
       {text_ + std::string(kEnvelopeBytesMax, ' '), "json-too-large"},
       {text_.substr(0, text_.size() - 1) + ",\"payload\":\"\"}", "json-duplicate-field"},
       {text_.substr(0, text_.size() - 1) + R"(,"payloadType":"a"})", "json-duplicate-field"},
       {text_.substr(0, text_.size() - 1) + ",\"signatures\":[]}", "json-duplicate-field"},
       {text_.substr(0, text_.size() - 1) + R"(,"\u0070ayload":""})", "json-duplicate-field"}});
}

TEST_F(EnvelopeTest, MissingWrongAndUnknownFieldsAreEachRefusedByTheirName) {
  ExpectEachRefused(
      {{Edited([](json& v) { v.erase("payload"); }), "json-field"},
       {Edited([](json& v) { v.erase("payloadType"); }), "json-field"},
       {Edited([](json& v) { v.erase("signatures"); }), "json-field"},
       {Edited([](json& v) { v["payload"] = 7; }), "json-field"},
       {Edited([](json& v) { v["payload"] = nullptr; }), "json-field"},
       {Edited([](json& v) { v["payload"] = json::object(); }), "json-field"},
       {Edited([](json& v) { v["payloadType"] = json::array(); }), "json-field"},
       {Edited([](json& v) { v["payloadType"] = std::string(129, 'a'); }), "json-field"},
       {Edited([](json& v) { v["signatures"] = "none"; }), "json-field"},
       {Edited([](json& v) {
          v["signatures"] = {1, 2};
        }),
        "json-field"},
       {Edited([](json& v) { v["signatures"][0].erase("sig"); }), "json-field"},
       {Edited([](json& v) { v["signatures"][0]["sig"] = 1; }), "json-field"},
       {Edited([](json& v) { v["signatures"][0]["keyid"] = 1; }), "json-field"},
       {Edited([](json& v) { v["signatures"][0]["sig"] = std::string(132, 'A'); }), "json-field"},
       {Edited([](json& v) { v["extra"] = 1; }), "json-unknown-field"},
       {Edited([](json& v) { v["signatures"][0]["alg"] = "none"; }), "json-unknown-field"},
       {Edited([](json& v) { v["version"] = 1.5; }), "json-number"}});
}

TEST_F(EnvelopeTest, BaseSixtyFourThatOnlySomeDecodersTakeIsRefused) {
  const std::string signature = json::parse(text_)["signatures"][0]["sig"];
  ExpectEachRefused(
      {{Edited([](json& v) { v["payload"] = "eyJhIjoxfQ"; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "eyJhIjoxfR=="; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "eyJh\nIjoxfQ=="; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "eyJh IjoxfQ="; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "_-__"; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "===="; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "A==="; }), "envelope-base64"},
       {Edited([](json& v) { v["payload"] = "AA==AA=="; }), "envelope-base64"},
       {Edited([&](json& v) { v["signatures"][0]["sig"] = signature.substr(0, 87); }),
        "envelope-base64"},
       {Edited([](json& v) { v["signatures"][0]["sig"] = "%%%%"; }), "envelope-base64"}});
}

TEST_F(EnvelopeTest, SignaturesThatAreNoneOrAnothersAreEachRefusedByTheirName) {
  const json valid = json::parse(text_);
  const std::string signature = valid["signatures"][0]["sig"];
  const std::string key_id = valid["signatures"][0]["keyid"];
  json seventeen = json::array();
  for (int i = 0; i < 17; ++i) seventeen.push_back(valid["signatures"][0]);
  std::string raw_signature = FromBase64(signature).value();
  raw_signature[0] = static_cast<char>(raw_signature[0] ^ 1);
  const auto with_signatures = [this](const json& signatures) {
    return Edited([&signatures](json& value) { value["signatures"] = signatures; });
  };
  ExpectEachRefused(
      {{with_signatures(json::array()), "envelope-no-signature"},
       {with_signatures(seventeen), "envelope-too-many-signatures"},
       {Edited([](json& v) { v["signatures"][0]["sig"] = ""; }), "bad-signature"},
       {Edited([&](json& v) { v["signatures"][0]["sig"] = ToBase64(raw_signature); }),
        "bad-signature"},
       {Edited([&](json& v) { v["signatures"][0]["sig"] = ToBase64(raw_signature.substr(0, 63)); }),
        "bad-signature"},
       {Edited([&](json& v) { v["signatures"][0]["sig"] = ToBase64(std::string(64, '\0')); }),
        "bad-signature"},
       {Edited([&](json& v) { v["payload"] = ToBase64(R"({"answer":43})"); }), "bad-signature"},
       {Edited([](json& v) { v["payload"] = ""; }), "bad-signature"},
       {Edited([&](json& v) { v["signatures"][0]["keyid"] = second_.Public().id(); }),
        "bad-signature"},
       {Edited([&](json& v) {
          v["signatures"][0] = {{"keyid", key_id},
                                {"sig", ToBase64(first_.Sign(kPayload))}};  // over the bare payload
        }),
        "bad-signature"},
       {Edited([&](json& v) {
          v["signatures"][0] = {
              {"keyid", key_id},
              {"sig", ToBase64(first_.Sign(PreAuthenticationEncoding("other/type", kPayload)))}};
        }),
        "bad-signature"},
       {Edited([](json& v) { v["signatures"][0]["keyid"] = "0000000000000000"; }), "unknown-key"},
       {Edited([&](json& v) { v["signatures"][0]["keyid"] = key_id + " "; }), "unknown-key"},
       {SealEnvelope(kType, kPayload, stranger_), "unknown-key"}});
}

TEST_F(EnvelopeTest, EnvelopeOfAnotherKindThanWasAskedForIsRefused) {
  ExpectEachRefused(
      {{SealEnvelope("application/vnd.sluice.other.v1+json", kPayload, first_),
        "wrong-payload-type"},
       {Edited([](json& v) { v["payloadType"] = "application/vnd.sluice.other.v1+json"; }),
        "wrong-payload-type"},
       {Edited([](json& v) { v["payloadType"] = ""; }), "wrong-payload-type"},
       {Edited([](json& v) { v["payloadType"] = std::string(kType) + " "; }),
        "wrong-payload-type"}});
}

TEST_F(EnvelopeTest, NoByteCanBeAlteredUnseen) {
  for (size_t i = 0; i < text_.size(); ++i) {
    for (const int flip : {0x01, 0x20, 0x80}) {
      std::string altered = text_;
      altered[i] = static_cast<char>(altered[i] ^ flip);
      EXPECT_FALSE(Open(altered).ok()) << "byte " << i << " flipped by " << flip;
    }
  }
}

TEST_F(EnvelopeTest, SixteenSignaturesAreReadAndSeventeenAreNot) {
  Envelope envelope = ParseEnvelope(text_).value();
  envelope.signatures.assign(kSignaturesMax, envelope.signatures[0]);
  EXPECT_THAT(ParseEnvelope(FormatEnvelope(envelope)), IsOk());
  envelope.signatures.push_back(envelope.signatures[0]);
  EXPECT_THAT(ParseEnvelope(FormatEnvelope(envelope)),
              HasErrorName("envelope-too-many-signatures"));
}

TEST_F(EnvelopeTest, TheThresholdCountsKeysAndNotSignatures) {
  const VerifyingKey allowed[] = {first_.Public(), second_.Public()};
  Envelope envelope = ParseEnvelope(text_).value();
  envelope.signatures.push_back(envelope.signatures[0]);
  EXPECT_THAT(VerifyEnvelope(envelope, kType, allowed, 2), HasErrorName("too-few-signatures"));
  envelope.signatures.push_back(SignPayload(kType, kPayload, stranger_));
  EXPECT_THAT(VerifyEnvelope(envelope, kType, allowed, 2), HasErrorName("too-few-signatures"));
  envelope.signatures.push_back(SignPayload(kType, kPayload, second_));
  const auto verified = VerifyEnvelope(envelope, kType, allowed, 2);
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->signers.size(), 2u);
  EXPECT_THAT(VerifyEnvelope(envelope, kType, allowed, 3), HasErrorName("too-few-signatures"));
}

TEST_F(EnvelopeTest, AKeyListedTwiceCountsOnce) {
  const VerifyingKey allowed[] = {first_.Public(), first_.Public()};
  EXPECT_THAT(VerifyEnvelope(ParseEnvelope(text_).value(), kType, allowed, 2),
              HasErrorName("too-few-signatures"));
}

TEST_F(EnvelopeTest, AThresholdOfZeroAcceptsNothing) {
  const VerifyingKey allowed[] = {first_.Public()};
  EXPECT_THAT(VerifyEnvelope(ParseEnvelope(text_).value(), kType, allowed, 0),
              HasErrorName("bad-threshold"));
}

TEST_F(EnvelopeTest, WithoutAllowedKeysNothingIsAccepted) {
  EXPECT_THAT(VerifyEnvelope(ParseEnvelope(text_).value(), kType, {}, 1),
              HasErrorName("unknown-key"));
}

TEST_F(EnvelopeTest, ASignatureWithoutKeyIdIsTriedWithEachAllowedKey) {
  Envelope envelope = ParseEnvelope(SealEnvelope(kType, kPayload, second_)).value();
  envelope.signatures[0].key_id.clear();
  EXPECT_THAT(Open(FormatEnvelope(envelope)), IsOk());
  EXPECT_THAT(OpenEnvelope(FormatEnvelope(envelope), kType, first_.Public()),
              HasErrorName("bad-signature"));
}

TEST_F(EnvelopeTest, AStrangersSignatureBesideAnAllowedOneChangesNothing) {
  Envelope envelope = ParseEnvelope(text_).value();
  envelope.signatures.insert(envelope.signatures.begin(), {"ffffffffffffffff", "junk"});
  EXPECT_THAT(Open(FormatEnvelope(envelope)), IsOk());
}

}  // namespace
}  // namespace sluice::trust
