// Goal: what `check-config` lets pass, `run` begins with. Method: files as people write them, given
// to both.
#include "agent/doctor.h"

#include <cstdlib>
#include <filesystem>

#include "agent/authority.h"
#include "agent/journal.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/key_file.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using ::testing::HasSubstr;

class CheckFilesTest : public ::testing::Test {
 protected:
  CheckFilesTest() : folder_(MakeFolder()), key_(MakeKey("dev.key", "dev")) {
    settings_.foundation = FoundationName("dev");
    settings_.key_file = folder_ + "/dev.key";
    settings_.trust_document = folder_ + "/trust.json";
    settings_.trust_roots = {trust_.root().signing.Public()};
    settings_.client_secret = Secret("secret");
  }
  ~CheckFilesTest() override { std::filesystem::remove_all(folder_); }

  static std::string MakeFolder() {
    std::string pattern = ::testing::TempDir() + "doctorXXXXXX";
    return mkdtemp(pattern.data());
  }
  trust::AgentKey MakeKey(const std::string& file, const std::string& foundation) {
    return *trust::GenerateAgentKey(files_, entropy_, folder_ + "/" + file,
                                    FoundationName(foundation));
  }

  // The document, with this as the one agent of `dev`.
  void Name(const crypto::VerifyingKey& identity, const crypto::CurvePublicKey& curve) {
    trust::TrustContent content = trust_.content();
    content.foundations["dev"].agents = {{.identity = identity, .curve = curve}};
    trust_.Use(content);
    ASSERT_THAT(files_.Replace(settings_.trust_document, trust_.document().envelope(),
                               FileAccess::kEveryone),
                IsOk());
  }
  // As `run` does, up to where it dials.
  Status Begin() {
    SLUICE_ASSIGN_OR_RETURN(trust::AgentKey key,
                            LoadOwnKey(files_, settings_.key_file, settings_.foundation));
    SLUICE_ASSIGN_OR_RETURN(const auto journal, Journal::Open(files_, folder_ + "/journal.db"));
    return Authority::Open(files_,
                           {.trust_document = settings_.trust_document,
                            .trust_roots = settings_.trust_roots,
                            .policy_file = settings_.policy_file},
                           std::move(key), *journal, clock_)
        .status();
  }
  void ExpectBothRefuse(const std::string& what) {
    const Status checked = CheckFiles(settings_, files_);
    EXPECT_THAT(checked, HasErrorName("bad-configuration"));
    EXPECT_THAT(std::string(checked.message()), HasSubstr(what));
    EXPECT_THAT(Describe(Begin()), HasSubstr(what));
  }

  SystemFiles files_;
  FakeEntropy entropy_{777};  // other keys than the federation's
  FakeClock clock_{trust::kTestNow};
  trust::TestTrust trust_;
  const std::string folder_;
  const trust::AgentKey key_;
  Settings settings_;
};

TEST_F(CheckFilesTest, GoodFilesPassAndTheAgentBeginsWithThem) {
  Name(key_.identity.Public(), key_.curve.public_key());
  EXPECT_THAT(CheckFiles(settings_, files_), IsOk());
  EXPECT_THAT(Begin(), IsOk());
}

TEST_F(CheckFilesTest, DocumentThatNamesOnlyOneOfTheAgentsTwoKeysIsRefusedByBoth) {
  const trust::AgentKey other = MakeKey("other.key", "dev");
  Name(key_.identity.Public(), other.curve.public_key());
  ExpectBothRefuse("not-in-trust-document");
  Name(other.identity.Public(), key_.curve.public_key());
  ExpectBothRefuse("not-in-trust-document");
}

TEST_F(CheckFilesTest, DocumentThatNamesTheAgentForAnotherFoundationIsRefusedByBoth) {
  trust::TrustContent content = trust_.content();
  content.foundations["staging"] = content.foundations["dev"];
  content.foundations["staging"].agents = {
      {.identity = key_.identity.Public(), .curve = key_.curve.public_key()}};
  trust_.Use(content);
  ASSERT_THAT(
      files_.Replace(settings_.trust_document, trust_.document().envelope(), FileAccess::kEveryone),
      IsOk());
  ExpectBothRefuse("not-in-trust-document");
}

TEST_F(CheckFilesTest, KeyOfAnotherFoundationIsRefusedByBoth) {
  Name(key_.identity.Public(), key_.curve.public_key());
  MakeKey("prod.key", "prod");
  settings_.key_file = folder_ + "/prod.key";
  ExpectBothRefuse("wrong-key-file");
}

}  // namespace
}  // namespace sluice::agent
