// Goal: everybody knows everybody's keys from a document that only the root can make, change or
// revoke by.
#include "common/trust/trust_document.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/envelope.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using crypto::KeyKind;
using crypto::SigningKey;
using crypto::VerifyingKey;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class TrustDocumentTest : public ::testing::Test {
 protected:
  StatusOr<TrustDocument> Open(std::string_view envelope) const {
    const std::vector<VerifyingKey> roots = {trust_.root().signing.Public()};
    return TrustDocument::Open(envelope, roots);
  }
  // The document with another payload, signed by the right root.
  std::string Resigned(const std::function<void(json&)>& edit) const {
    json payload = json::parse(ParseEnvelope(trust_.document().envelope()).value().payload);
    edit(payload);
    return SealEnvelope(kTrustDocumentType, payload.dump(), trust_.root().signing);
  }
  static SigningKey MakeKey(KeyKind kind, uint64_t seed) {
    FakeEntropy entropy(seed);
    return SigningKey::Generate(kind, entropy);
  }
  static AgentCard Card(const AgentKey& key) {
    return {key.foundation, key.identity.Public(), key.curve.public_key()};
  }
  static OperatorCard Card(const OperatorKey& key) {
    return {key.name, key.signing.Public(), key.curve.public_key()};
  }
  OperatorKey NewOperator(const std::string& name, uint64_t seed) const {
    FakeEntropy entropy(seed);
    SigningKey signing = SigningKey::Generate(KeyKind::kOperator, entropy);
    return {name, std::move(signing), crypto::CurveKeyPair::Generate(entropy)};
  }

  TestTrust trust_;
};

TEST_F(TrustDocumentTest, ItsBytesStayAsTheyWere) {
  const auto envelope = ParseEnvelope(trust_.document().envelope());
  ExpectGolden("common/trust/testdata/trust_document.golden",
               absl::StrCat(envelope->payload, "\n", trust_.document().envelope(), "\n"));
}

TEST_F(TrustDocumentTest, OnlyTheConfiguredRootsSignatureOpensIt) {
  EXPECT_THAT(Open(trust_.document().envelope()), IsOk());
  const SigningKey stranger = MakeKey(KeyKind::kRoot, 50);
  EXPECT_THAT(SignTrustContent(trust_.content(), stranger), HasErrorName("not-a-root-key"));
  // Forged as a whole: another root signs a document that names it.
  TrustContent forged = trust_.content();
  forged.root_keys = {stranger.Public()};
  const auto opened = Open(SignTrustContent(forged, stranger).value());
  EXPECT_THAT(opened, HasErrorName("unknown-key"));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("compare trust.roots"));
  // The right root's signature under a document that names another root.
  EXPECT_THAT(
      Open(Resigned([&stranger](json& d) { d["root"]["keys"] = {stranger.Public().text()}; })),
      HasErrorName("not-a-root-key"));
  // Altered after it was signed.
  Envelope altered = ParseEnvelope(trust_.document().envelope()).value();
  altered.payload.replace(altered.payload.find("\"version\":"), 11, "\"version\":9");
  EXPECT_THAT(Open(FormatEnvelope(altered)), HasErrorName("bad-signature"));
  // Something else that the root signed.
  EXPECT_THAT(Open(SealEnvelope(kCardType, altered.payload, trust_.root().signing)),
              HasErrorName("wrong-payload-type"));
}

TEST_F(TrustDocumentTest, WhatAReaderDoesNotKnowOrCannotBeIsRefused) {
  using Edit = std::pair<std::string, std::function<void(json&)>>;
  const std::string alice = trust_.alice().signing.Public().text();
  const std::vector<Edit> edits = {
      {"json-unknown-field", [](json& d) { d["more"] = 1; }},
      {"json-unknown-field", [](json& d) { d["foundations"]["dev"]["more"] = 1; }},
      {"json-unknown-field", [](json& d) { d["operators"]["alice"]["grants"][0]["more"] = 1; }},
      {"json-field", [](json& d) { d.erase("expires"); }},
      {"json-field", [](json& d) { d["version"] = 0; }},
      {"json-field", [](json& d) { d["federation"] = "Acme"; }},
      {"json-field", [](json& d) { d["root"]["keys"] = json::array(); }},
      {"json-field", [](json& d) { d["foundations"]["dev"]["agents"] = json::array(); }},
      {"json-field", [](json& d) { d["foundations"]["De v"] = d["foundations"]["dev"]; }},
      {"json-field", [](json& d) { d["operators"]["alice"]["grants"][0]["actions"] = {"dance"}; }},
      {"json-field", [](json& d) { d["operators"]["alice"]["grants"][0]["targets"] = {"prod"}; }},
      {"json-field", [](json& d) { d["revoked"]["keys"] = {"nonsense"}; }},
      {"json-field", [](json& d) { d["deny"]["droplets"] = {"abc"}; }},
      {"json-field", [&](json& d) { d["foundations"]["dev"]["agents"][0]["identity"] = alice; }},
      {"threshold-not-supported", [](json& d) { d["root"]["threshold"] = 2; }},
      {"threshold-not-supported", [](json& d) { d["thresholds"]["prod"]["promote"] = 2; }},
      {"json-field", [](json& d) { d["thresholds"]["prod"]["promote"] = 0; }},
      {"key-in-use", [](json& d) { d["operators"]["bob"] = d["operators"]["alice"]; }},
      {"key-in-use",
       [](json& d) { d["coordinator"]["curve"] = d["foundations"]["dev"]["agents"][0]["curve"]; }}};
  for (size_t i = 0; i < edits.size(); ++i) {
    EXPECT_THAT(Open(Resigned(edits[i].second)), HasErrorName(edits[i].first)) << "edit " << i;
  }
}

TEST_F(TrustDocumentTest, AnExpiredDocumentIsStillKnownAndSaysSo) {
  TrustContent content = trust_.content();
  content.expires = kTestNow;
  trust_.Use(content);
  EXPECT_TRUE(trust_.document().ExpiredAt(kTestNow));
  EXPECT_FALSE(trust_.document().ExpiredAt(kTestNow - absl::Seconds(1)));
  EXPECT_EQ(trust_.document().AgentsOf(FoundationName("dev")).size(), 1u);
}

TEST_F(TrustDocumentTest, EditsRaiseTheVersionByOneAndLeaveTheOldOneAlone) {
  const TrustContent before = trust_.content();
  const auto more = before.AddOperator(Card(NewOperator("bob", 60)), {AllActions({"*:acme/*"})});
  ASSERT_THAT(more, IsOk());
  EXPECT_EQ(more->version, before.version + 1);
  EXPECT_FALSE(before.operators.contains("bob"));
  // The same operator again gets other grants.
  const auto again = more->AddOperator(Card(NewOperator("bob", 60)), {AllActions({"dev:acme/*"})});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->operators.at("bob").grants.at(0).targets.at(0).text(), "dev:acme/*");
  EXPECT_EQ(again->operators.at("bob").keys.size(), 1u);
}

TEST_F(TrustDocumentTest, NamesAndKeysHaveOneHolder) {
  const TrustContent& content = trust_.content();
  EXPECT_THAT(content.AddOperator(Card(NewOperator("alice", 60)), {AllActions({"*:*/*"})}),
              HasErrorName("name-taken"));
  OperatorCard stolen = Card(NewOperator("bob", 60));
  stolen.curve = trust_.coordinator().curve.public_key();
  EXPECT_THAT(content.AddOperator(stolen, {AllActions({"*:*/*"})}), HasErrorName("key-in-use"));
  AgentCard agent = Card(trust_.agent("dev"));
  EXPECT_THAT(content.AddFoundation(agent, "dev"), HasErrorName("agent-known"));
  agent.foundation = FoundationName("qa");
  EXPECT_THAT(content.AddFoundation(agent, "dev"), HasErrorName("key-in-use"));
}

TEST_F(TrustDocumentTest, ARevokedKeyIsNobodysAndNeverComesBack) {
  const OperatorKey bob = trust_.AddOperator("bob", {AllActions({"*:*/*"})});
  TrustContent content = trust_.content();
  content.revoked_keys = {bob.signing.Public().text(),
                          trust_.agent("dev").identity.Public().text()};
  content.operators.erase("bob");
  ++content.version;
  trust_.Use(content);
  const TrustDocument& document = trust_.document();
  EXPECT_EQ(document.OperatorByKey(bob.signing.Public()), std::nullopt);
  EXPECT_TRUE(document.RevokedKeyId(bob.signing.Public().id()));
  EXPECT_THAT(document.OperatorKeysOfAllTime(),
              UnorderedElementsAre(Pair(trust_.alice().signing.Public(), "alice"),
                                   Pair(bob.signing.Public(), "")));
  EXPECT_TRUE(document.AgentsOf(FoundationName("dev")).empty());
  EXPECT_EQ(document.FindAgent(trust_.agent("dev").identity.Public()), std::nullopt);
  // ZAP lets in neither of them.
  EXPECT_EQ(document.CurveRole(bob.curve.public_key()), std::nullopt);
  EXPECT_EQ(document.CurveRole(trust_.agent("dev").curve.public_key()), std::nullopt);
  EXPECT_THAT(content.AddOperator(Card(bob), {AllActions({"*:*/*"})}), HasErrorName("key-revoked"));
  EXPECT_THAT(content.AddFoundation(Card(trust_.agent("dev")), "dev"), HasErrorName("key-revoked"));
}

TEST_F(TrustDocumentTest, ACurveKeyAloneCanBeRevoked) {
  TrustContent content = trust_.content();
  content.revoked_keys = {trust_.alice().curve.public_key().text()};
  ++content.version;
  trust_.Use(content);
  EXPECT_EQ(trust_.document().CurveRole(trust_.alice().curve.public_key()), std::nullopt);
  EXPECT_EQ(trust_.document().OperatorByKey(trust_.alice().signing.Public()), "alice");
}

TEST_F(TrustDocumentTest, CurveKeysHaveTheRolesOfTheirHolders) {
  const auto role = [this](const crypto::CurveKeyPair& key) {
    return trust_.document().CurveRole(key.public_key());
  };
  EXPECT_EQ(role(trust_.alice().curve), (CurveHolder{CurveHolder::Role::kOperator, "alice"}));
  EXPECT_EQ(role(trust_.agent("prod").curve), (CurveHolder{CurveHolder::Role::kAgent, "prod"}));
  EXPECT_EQ(role(trust_.coordinator().curve),
            (CurveHolder{CurveHolder::Role::kCoordinator, "coordinator"}));
}

TEST_F(TrustDocumentTest, GrantsPermitWhatTheySayAndReadingBesides) {
  Grant grant = AllActions({"prod-*:acme/pay*", "dev:acme/payments"});
  grant.actions = {Action::kActivate};
  trust_.AddOperator("bob", {grant});
  const TrustDocument& document = trust_.document();
  const auto permits = [&document](Action action, const char* foundation, const char* space) {
    return document.Permits("bob", action, FoundationName(foundation), "acme", space);
  };
  EXPECT_TRUE(permits(Action::kActivate, "prod-east", "payments"));
  EXPECT_TRUE(permits(Action::kRead, "prod-east", "payments"));
  EXPECT_TRUE(permits(Action::kActivate, "dev", "payments"));
  EXPECT_FALSE(permits(Action::kPromote, "prod-east", "payments"));
  EXPECT_FALSE(permits(Action::kActivate, "prod-east", "shop"));
  EXPECT_FALSE(permits(Action::kActivate, "prod", "payments"));
  EXPECT_FALSE(permits(Action::kRead, "dev", "shop"));
  EXPECT_FALSE(
      document.Permits("nobody", Action::kRead, FoundationName("dev"), "acme", "payments"));
  EXPECT_TRUE(document.KnowsFoundation("bob", FoundationName("prod-west")));
  EXPECT_FALSE(document.KnowsFoundation("bob", FoundationName("qa")));
}

}  // namespace
}  // namespace sluice::trust
