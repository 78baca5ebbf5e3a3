// Goal: keys and the trust document as an organisation makes them, with real files: what is
// written, by whom it can be read, what is never overwritten, and what is refused.
#include "coordinator/cli/trust_keeping.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/trust/trust_document.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TrustKeepingTest : public CliTest {
 protected:
  // Root key, coordinator's card, and version 1 of a document.
  void Begin() {
    ASSERT_EQ(Run({"keygen", "root", "acme", "--file", Path("acme.key")}), 0) << terminal_.notes;
    ASSERT_TRUE(trust::GenerateCoordinatorKey(files_, entropy_, Path("coordinator.key")).ok());
    ASSERT_EQ(Init(), 0) << terminal_.notes;
  }
  int Init() {
    return Run({"trust", "init", "--federation", "acme", "--root-key", Path("acme.key"),
                "--coordinator-card", Path("coordinator.card"), "--document", Path("new.json")});
  }
  int AddOperator(const std::vector<std::string>& grants) {
    std::vector<std::string> words = {"trust",         "add-operator",   Path("maria.card"),
                                      "--document",    Path("new.json"), "--root-key",
                                      Path("acme.key")};
    for (const std::string& grant : grants) words.insert(words.end(), {"--grant", grant});
    return Run(words);
  }
  int AddFoundation(const std::string& name, const std::string& card) {
    return Run({"trust", "add-foundation", name, Path(card), "--document", Path("new.json"),
                "--root-key", Path("acme.key")});
  }
  trust::TrustContent Content() {
    const auto root = trust::LoadRootKey(files_, Path("acme.key"));
    const std::vector<crypto::VerifyingKey> roots = {root.value().signing.Public()};
    return trust::TrustDocument::Load(files_, Path("new.json"), roots).value().content();
  }
};

TEST_F(TrustKeepingTest, AnOperatorsKeyIsForItsOwnerAndItsCardForEverybody) {
  ASSERT_EQ(Run({"keygen", "operator", "bob", "--file", Path("bob.key"), "--output", "json"}), 0);
  EXPECT_EQ(ModeOf("bob.key"), 0600u);
  EXPECT_EQ(ModeOf("bob.card"), 0644u);
  const auto key = trust::LoadOperatorKey(files_, Path("bob.key"));
  ASSERT_TRUE(key.ok()) << key.status();
  const auto card = trust::ParseOperatorCard(ReadFile("bob.card"));
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(card->name, "bob");
  EXPECT_EQ(card->signing, key->signing.Public());
  EXPECT_EQ(Out(), json({{"key_file", Path("bob.key")},
                         {"card", Path("bob.card")},
                         {"public_key", key->signing.Public().text()},
                         {"key_id", key->signing.Public().id()}}));
  // The secret is in the one file and nowhere else.
  const std::string secret(key->signing.text().Reveal());
  EXPECT_THAT(ReadFile("bob.key"), HasSubstr(secret));
  EXPECT_THAT(absl::StrCat(terminal_.out, terminal_.notes, ReadFile("bob.card")),
              Not(HasSubstr(secret)));
}

TEST_F(TrustKeepingTest, ARootsPublicKeyIsPrintedForTheConfiguration) {
  ASSERT_EQ(Run({"keygen", "root", "acme", "--file", Path("acme.key")}), 0);
  EXPECT_EQ(ModeOf("acme.key"), 0600u);
  const auto key = trust::LoadRootKey(files_, Path("acme.key"));
  EXPECT_THAT(terminal_.out, HasSubstr(key.value().signing.Public().text()));
}

TEST_F(TrustKeepingTest, KeysAreNeverOverwritten) {
  ASSERT_EQ(Run({"keygen", "operator", "bob", "--file", Path("bob.key")}), 0);
  const std::string before = ReadFile("bob.key");
  EXPECT_EQ(Run({"keygen", "operator", "bob", "--file", Path("bob.key")}), 1);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr(Path("bob.key")), HasSubstr("[file-exists]")));
  EXPECT_EQ(Run({"keygen", "root", "acme", "--file", Path("bob.key")}), 1);
  EXPECT_EQ(ReadFile("bob.key"), before);
  // A card alone is enough to refuse, and no key is left without its card.
  EXPECT_EQ(Run({"keygen", "operator", "bob", "--file", Path("bob")}), 1);
  EXPECT_FALSE(files_.Read(Path("bob"), 100).ok());
}

TEST_F(TrustKeepingTest, AFolderThatIsNotThereIsBadInput) {
  EXPECT_EQ(Run({"keygen", "operator", "bob", "--file", Path("no/such/bob.key")}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("no/such/bob.key")));
}

TEST_F(TrustKeepingTest, AWholeDocumentIsMadeByFourCommands) {
  Begin();
  EXPECT_EQ(ModeOf("new.json"), 0644u);
  ASSERT_TRUE(
      trust::GenerateAgentKey(files_, entropy_, Path("prod.key"), FoundationName("prod")).ok());
  EXPECT_EQ(AddOperator({"read@*:*/*", "promote,activate@prod:acme/payments"}), 0)
      << terminal_.notes;
  EXPECT_EQ(AddFoundation("prod", "prod.card"), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, HasSubstr("version 3"));
  const trust::TrustContent content = Content();
  EXPECT_EQ(content.federation, "acme");
  EXPECT_EQ(content.version, 3);
  EXPECT_EQ(content.expires, trust::kTestNow + absl::Hours(24 * 365));
  ASSERT_EQ(content.operators.at("maria").grants.size(), 2u);
  EXPECT_THAT(content.operators.at("maria").grants[1].actions,
              ElementsAre(trust::Action::kPromote, trust::Action::kActivate));
  EXPECT_EQ(content.foundations.at("prod").agents.size(), 1u);
}

TEST_F(TrustKeepingTest, ADocumentIsNeverOverwrittenByInit) {
  Begin();
  const std::string before = ReadFile("new.json");
  EXPECT_EQ(Init(), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[file-exists]"));
  EXPECT_EQ(ReadFile("new.json"), before);
}

TEST_F(TrustKeepingTest, LifeSetsTheExpiryAndWithoutItTheOldOneStays) {
  Begin();
  clock_.Advance(absl::Hours(1));
  ASSERT_EQ(AddOperator({"read@*:*/*"}), 0);
  EXPECT_EQ(Content().expires, trust::kTestNow + absl::Hours(24 * 365));
  ASSERT_EQ(Run({"trust", "add-operator", Path("maria.card"), "--grant", "promote@*:*/*",
                 "--document", Path("new.json"), "--root-key", Path("acme.key"), "--life", "48h"}),
            0);
  EXPECT_EQ(Content().expires, trust::kTestNow + absl::Hours(49));
}

TEST_F(TrustKeepingTest, GrantsThatReplaceOthersAreSaidWithWhatTheyReplace) {
  Begin();
  ASSERT_EQ(AddOperator({"read@*:acme/*", "promote,activate@*:acme/payments"}), 0);
  EXPECT_THAT(terminal_.notes, IsEmpty());
  ASSERT_EQ(AddOperator({"read@*:acme/*"}), 0);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("maria are replaced"), HasSubstr("read@*:acme/*"),
                                     HasSubstr("promote,activate@*:acme/payments")));
}

TEST_F(TrustKeepingTest, AnAgentThatIsThereAlreadyIsSaidToBe) {
  Begin();
  ASSERT_TRUE(
      trust::GenerateAgentKey(files_, entropy_, Path("prod.key"), FoundationName("prod")).ok());
  ASSERT_EQ(AddFoundation("prod", "prod.card"), 0);
  const std::string before = ReadFile("new.json");
  EXPECT_EQ(AddFoundation("prod", "prod.card"), 1);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("has this agent already"), HasSubstr("[agent-known]")));
  EXPECT_EQ(ReadFile("new.json"), before);
}

TEST_F(TrustKeepingTest, MistakesAreToldAndTheDocumentStaysAsItWas) {
  Begin();
  ASSERT_TRUE(
      trust::GenerateAgentKey(files_, entropy_, Path("prod.key"), FoundationName("prod")).ok());
  const std::string before = ReadFile("new.json");
  for (const std::string grant :
       {"promote", "@prod:acme/payments", "dance@prod:acme/payments", "promote,@prod:acme/payments",
        "promote@prod", "promote@prod:acme", "promote@PROD:acme/payments", "promote@"}) {
    EXPECT_EQ(AddOperator({grant}), 2) << grant;
    EXPECT_THAT(terminal_.notes,
                AllOf(HasSubstr(absl::StrCat("'", grant, "'")), HasSubstr("[bad-grant]")));
  }
  EXPECT_EQ(Run({"trust", "add-foundation", Path("prod.card"), "prod", "--document",
                 Path("new.json"), "--root-key", Path("acme.key")}),
            2);
  EXPECT_THAT(terminal_.notes, HasSubstr("is no foundation's name"));
  EXPECT_EQ(AddFoundation("dev", "prod.card"), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[card-of-another-foundation]"));
  EXPECT_EQ(AddFoundation("maria", "maria.card"), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[card-wrong-kind]"));
  EXPECT_EQ(AddFoundation("prod", "nothing.card"), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[no-file]"));
  EXPECT_EQ(AddFoundation("prod", "config.yaml"), 2);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr(Path("config.yaml")), HasSubstr("[no-card]")));
  // The key file in the card's place: its content is not shown.
  EXPECT_EQ(AddFoundation("prod", "prod.key"), 2);
  const auto secret = trust::LoadAgentKey(files_, Path("prod.key"));
  EXPECT_THAT(terminal_.notes,
              Not(HasSubstr(std::string(secret.value().identity.text().Reveal()))));
  EXPECT_EQ(ReadFile("new.json"), before);
}

TEST_F(TrustKeepingTest, OnlyTheDocumentsOwnRootMayChangeIt) {
  Begin();
  ASSERT_EQ(Run({"keygen", "root", "other", "--file", Path("other.key")}), 0);
  const std::string before = ReadFile("new.json");
  EXPECT_EQ(Run({"trust", "add-operator", Path("maria.card"), "--grant", "read@*:*/*", "--document",
                 Path("new.json"), "--root-key", Path("other.key")}),
            3);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("new.json")));
  EXPECT_EQ(Run({"trust", "add-operator", Path("maria.card"), "--grant", "read@*:*/*", "--document",
                 Path("new.json"), "--root-key", Path("maria.key")}),
            2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[key-file-wrong-kind]"));
  EXPECT_EQ(ReadFile("new.json"), before);
}

TEST_F(TrustKeepingTest, AKeyFileThatOthersCanReadIsRefused) {
  Begin();
  for (const mode_t mode : {0640, 0604, 0620, 0644}) {
    ASSERT_EQ(chmod(Path("acme.key").c_str(), mode), 0);
    EXPECT_EQ(AddOperator({"read@*:*/*"}), 3) << mode;
    EXPECT_THAT(terminal_.notes, AllOf(HasSubstr(Path("acme.key")), HasSubstr("[file-too-open]")));
    ASSERT_EQ(chmod(Path("maria.key").c_str(), mode), 0);
    EXPECT_EQ(Run({"foundations"}), 3) << mode;
    EXPECT_THAT(terminal_.notes, HasSubstr("[file-too-open]"));
  }
  EXPECT_EQ(connections_, 0);
}

TEST_F(TrustKeepingTest, ShowSaysWhoMayDoWhatWhere) {
  EXPECT_EQ(Run({"trust", "show"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("federation  test"), HasSubstr("maria"),
                                   HasSubstr("read,promote,activate,cancel,rollback,export@*:*/*"),
                                   HasSubstr("prod")));
  EXPECT_EQ(Run({"trust", "show", "--output", "json"}), 0);
  const json shown = Out();
  EXPECT_EQ(shown.at("federation"), "test");
  EXPECT_EQ(shown.at("version"), trust_.document().version());
  EXPECT_EQ(shown.at("expires"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(shown.at("sha256"), trust_.document().sha256());
  EXPECT_EQ(shown.at("roots"), json::array({trust_.root().signing.Public().text()}));
  EXPECT_EQ(shown.at("coordinator"), trust_.coordinator().curve.public_key().text());
  EXPECT_EQ(shown.at("foundations")[1].at("name"), "prod");
  EXPECT_EQ(shown.at("operators")[1],
            json({{"name", "maria"},
                  {"keys", {maria_.signing.Public().text()}},
                  {"grants", {"read,promote,activate,cancel,rollback,export@*:*/*"}}}));
  EXPECT_EQ(shown.at("revoked"), json::array());
}

TEST_F(TrustKeepingTest, ShowNeedsNeitherKeyNorCoordinatorAndSaysWhatIsOver) {
  ASSERT_TRUE(files_.Remove(Path("maria.key")).ok());
  clock_.Advance(absl::Hours(24 * 366));
  EXPECT_EQ(Run({"trust", "show"}), 0);
  EXPECT_THAT(terminal_.notes, HasSubstr("expired"));
  std::string forged = trust_.document().envelope();
  forged[forged.size() / 2] ^= 1;
  WriteFile("trust.json", forged);
  EXPECT_NE(Run({"trust", "show"}), 0);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("trust.json")));
  EXPECT_EQ(terminal_.out, "");
}

}  // namespace
}  // namespace sluice::cli
