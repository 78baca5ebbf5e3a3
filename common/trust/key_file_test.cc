// Goal: secret keys on disk and the cards beside them: their bytes, who may read them, and what is
// refused in their place.
#include "common/trust/key_file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/base/check.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/card.h"
#include "common/trust/envelope.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() {
    folder_ = ::testing::TempDir() + "sluice-keys-XXXXXX";
    SLUICE_CHECK(mkdtemp(folder_.data()) != nullptr);
  }
  ~KeyFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Read(const std::string& name) const {
    return files_.Read(Path(name), 1 << 16).value();
  }
  void MakeAll() {
    FakeEntropy entropy(8);
    ASSERT_THAT(GenerateRootKey(files_, entropy, Path("root.key")), IsOk());
    ASSERT_THAT(GenerateOperatorKey(files_, entropy, Path("alice.key"), "alice"), IsOk());
    ASSERT_THAT(GenerateAgentKey(files_, entropy, Path("prod.key"), FoundationName("prod")),
                IsOk());
    ASSERT_THAT(GenerateCoordinatorKey(files_, entropy, Path("coordinator.key")), IsOk());
  }

  std::string folder_;
  SystemFiles files_;
};

TEST_F(KeyFileTest, KeyFilesAndCardsKeepTheirBytes) {
  MakeAll();
  for (const std::string name : {"root.key", "alice.key", "alice.card", "prod.key", "prod.card",
                                 "coordinator.key", "coordinator.card"}) {
    ExpectGolden("common/trust/testdata/" + name + ".golden", Read(name));
  }
}

TEST_F(KeyFileTest, WhatWasMadeIsLoadedAgainAndItsCardShowsItsPublicHalf) {
  FakeEntropy entropy(8);
  const auto made = GenerateOperatorKey(files_, entropy, Path("alice.key"), "alice");
  const auto loaded = LoadOperatorKey(files_, Path("alice.key"));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->name, "alice");
  EXPECT_EQ(loaded->signing.Public(), made->signing.Public());
  const auto card = ParseOperatorCard(Read("alice.card"));
  ASSERT_THAT(card, IsOk());
  EXPECT_EQ(card->curve, loaded->curve.public_key());
  EXPECT_EQ(card->signing, loaded->signing.Public());
}

TEST_F(KeyFileTest, AKeyFileIsForItsOwnerAlone) {
  MakeAll();
  struct stat found {};
  ASSERT_EQ(stat(Path("root.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  for (const mode_t mode : {0640, 0604, 0660, 0601}) {
    ASSERT_EQ(chmod(Path("root.key").c_str(), mode), 0);
    EXPECT_THAT(LoadRootKey(files_, Path("root.key")), HasErrorName("file-too-open"));
  }
  ASSERT_EQ(symlink(Path("alice.key").c_str(), Path("link.key").c_str()), 0);
  EXPECT_THAT(LoadOperatorKey(files_, Path("link.key")), HasErrorName("file-too-open"));
}

TEST_F(KeyFileTest, AnotherKindOfKeyIsRefusedByName) {
  MakeAll();
  EXPECT_THAT(LoadOperatorKey(files_, Path("root.key")), HasErrorName("key-file-wrong-kind"));
  EXPECT_THAT(LoadRootKey(files_, Path("alice.key")), HasErrorName("key-file-wrong-kind"));
  EXPECT_THAT(LoadAgentKey(files_, Path("coordinator.key")), HasErrorName("key-file-wrong-kind"));
  EXPECT_THAT(LoadCoordinatorKey(files_, Path("prod.key")), HasErrorName("key-file-wrong-kind"));
}

TEST_F(KeyFileTest, NoMessageHoldsWhatAKeyFileHolds) {
  MakeAll();
  json content = json::parse(Read("alice.key"));
  const std::string secret = content.at("signing");
  content["signing"] = secret.substr(0, secret.size() - 1) + "!";
  content["extra"] = secret;
  const auto write = [this](const std::string& text) {
    EXPECT_THAT(files_.Replace(Path("broken.key"), text, FileAccess::kOwnerOnly), IsOk());
    return LoadOperatorKey(files_, Path("broken.key")).status();
  };
  const Status field = write(content.dump());
  EXPECT_FALSE(field.ok());
  EXPECT_THAT(std::string(field.message()), HasSubstr(Path("broken.key")));
  EXPECT_THAT(std::string(field.message()), Not(HasSubstr(secret.substr(0, 20))));
  const Status torn = write(Read("alice.key").substr(0, 60));
  EXPECT_FALSE(torn.ok());
  EXPECT_THAT(std::string(torn.message()), Not(HasSubstr(secret.substr(0, 20))));
}

TEST_F(KeyFileTest, ACardIsSignedByTheKeyThatItShows) {
  MakeAll();
  // Alice's signing key beside another's CURVE key, which only alice could sign.
  Envelope card = ParseEnvelope(Read("alice.card")).value();
  json payload = json::parse(card.payload);
  payload["curve"] = json::parse(ParseEnvelope(Read("prod.card")).value().payload).at("curve");
  card.payload = FormatJson(payload);
  EXPECT_THAT(ParseOperatorCard(FormatEnvelope(card)), HasErrorName("bad-signature"));
  // Another's signature under alice's card.
  FakeEntropy entropy(99);
  const auto other = crypto::SigningKey::Generate(crypto::KeyKind::kOperator, entropy);
  const std::string text = ParseEnvelope(Read("alice.card")).value().payload;
  EXPECT_THAT(ParseOperatorCard(SealEnvelope(kCardType, text, other)), HasErrorName("unknown-key"));
}

TEST_F(KeyFileTest, EachCardIsTakenForWhatItIsOnly) {
  MakeAll();
  EXPECT_THAT(ParseAgentCard(Read("prod.card")), IsOk());
  EXPECT_THAT(ParseCoordinatorCard(Read("coordinator.card")), IsOk());
  EXPECT_THAT(ParseAgentCard(Read("alice.card")), HasErrorName("card-wrong-kind"));
  EXPECT_THAT(ParseOperatorCard(Read("prod.card")), HasErrorName("card-wrong-kind"));
  EXPECT_THAT(ParseOperatorCard(Read("coordinator.card")), HasErrorName("card-wrong-kind"));
  EXPECT_THAT(ParseCoordinatorCard(Read("alice.card")), HasErrorName("card-wrong-kind"));
  EXPECT_FALSE(ParseOperatorCard(Read("alice.key")).ok());
}

TEST_F(KeyFileTest, NamesThatNobodyCanHaveMakeNoKey) {
  FakeEntropy entropy(8);
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string(65, 'a'), std::string("a/b")}) {
    EXPECT_THAT(GenerateOperatorKey(files_, entropy, Path("x.key"), name),
                HasErrorName("bad-name"));
  }
  EXPECT_THAT(GenerateAgentKey(files_, entropy, Path("x.key"), FoundationName("Prod")),
              HasErrorName("bad-reference"));
  EXPECT_THAT(files_.List(folder_).value(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace sluice::trust
