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

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckFilesTest : public ::testing::Test {
 protected:
  CheckFilesTest() : folder_(MakeFolder()), key_(MakeKey("dev.key", "dev")) {
    settings_.foundation = FoundationName("dev");
    settings_.key_file = folder_ + "/dev.key";
    settings_.trust_document = folder_ + "/trust.json";
    settings_.trust_roots = {trust_.root().signing.Public()};
    settings_.client_secret = Secret("secret");
    settings_.data_dir = folder_ + "/data";
    settings_.spool_folder = folder_ + "/spool";
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
    EXPECT_THAT(checked, HasErrorName(what));
    EXPECT_EQ(Begin(), checked);
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

TEST_F(CheckFilesTest, KeyFileThatOthersMayReadIsRefusedByBoth) {
  Name(key_.identity.Public(), key_.curve.public_key());
  std::filesystem::permissions(settings_.key_file, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  ExpectBothRefuse("file-too-open");
  EXPECT_EQ(ExitCode(CheckFiles(settings_, files_)), 3);
}

TEST_F(CheckFilesTest, SeveralMistakesAreAllSaidAndAreBadConfiguration) {
  Name(key_.identity.Public(), key_.curve.public_key());
  MakeKey("prod.key", "prod");
  settings_.key_file = folder_ + "/prod.key";
  settings_.trust_roots = {trust_.alice().signing.Public()};
  const Status checked = CheckFiles(settings_, files_);
  EXPECT_THAT(checked, HasErrorName("bad-configuration"));
  EXPECT_THAT(std::string(checked.message()),
              AllOf(HasSubstr("[wrong-key-file]"), HasSubstr("[unknown-key]"),
                    HasSubstr("compare trust.roots")));
}

TEST_F(CheckFilesTest, FoldersFilesAndAddressesThatCannotBeUsedAreNamedWithTheirKeys) {
  Name(key_.identity.Public(), key_.curve.public_key());
  settings_.data_dir = "/proc/nope";
  settings_.spool_folder = "/dev/null";
  settings_.ca_file = folder_ + "/none.pem";
  settings_.bulk_listen = "tcp://192.0.2.1:7720";  // nobody's (RFC 5737)
  const Status refused = CheckFiles(settings_, files_);
  EXPECT_THAT(refused, HasErrorName("bad-configuration"));
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("data_dir: /proc/nope cannot be"),
                    HasSubstr("spool.folder: /dev/null cannot be"),
                    HasSubstr("cloud_controller.ca_file: cannot open"),
                    HasSubstr("bulk.listen: this machine does not have")));
}

TEST_F(CheckFilesTest, TheExampleOfAPolicyIsOneAndAnEmptyFileIsNone) {
  Name(key_.identity.Public(), key_.curve.public_key());
  settings_.policy_file = std::string(SLUICE_SOURCE_DIR) + "/deploy/policy.yaml";
  EXPECT_THAT(CheckFiles(settings_, files_), IsOk());
  settings_.policy_file = folder_ + "/policy.yaml";
  ASSERT_THAT(files_.Replace(settings_.policy_file, "# later\n", FileAccess::kEveryone), IsOk());
  ExpectBothRefuse("policy-empty");
}

TEST_F(CheckFilesTest, FoldersAreLeftAsTheyWere) {
  Name(key_.identity.Public(), key_.curve.public_key());
  ASSERT_THAT(files_.MakeFolder(settings_.data_dir), IsOk());
  settings_.spool_folder = folder_ + "/a/b/spool";
  EXPECT_THAT(CheckFiles(settings_, files_), IsOk());
  EXPECT_TRUE(std::filesystem::is_empty(settings_.data_dir));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a"));
}

TEST(FindingsTest, FiguresAreThoseThatPeopleRead) {
  foundation::ProbeFacts facts;
  facts.api_version = "3.195.0";
  facts.latency = absl::Nanoseconds(18262904);
  facts.clock_skew = absl::ZeroDuration();
  EXPECT_THAT(FormatFindings(FindingsOf(facts)),
              AllOf(HasSubstr("answers in 18ms\n"), HasSubstr("clock: agrees to the second\n")));
  facts.clock_skew = -absl::Hours(7);
  EXPECT_THAT(FormatFindings(FindingsOf(facts)),
              HasSubstr("the foundation's clock is 7h behind this agent's"));
}

TEST(RemedyTest, FitsWhatFailed) {
  const auto of_discovery = [](StatusCode code, const char* name) {
    return std::string(DiscoveryRemedy(NamedError(code, name, "no")));
  };
  EXPECT_THAT(of_discovery(StatusCode::kUnavailable, "connect-failed"),
              HasSubstr("cloud_controller.api and the network"));
  EXPECT_THAT(of_discovery(StatusCode::kInvalidArgument, "no-cloud-controller"),
              HasSubstr("'cf api' shows"));
  EXPECT_THAT(of_discovery(StatusCode::kFailedPrecondition, "tls-untrusted"),
              HasSubstr("cloud_controller.ca_file"));
  for (const char* name : {"rate-limited", "foundation-unavailable"}) {
    EXPECT_THAT(of_discovery(StatusCode::kUnavailable, name), Not(HasSubstr("check"))) << name;
  }
  EXPECT_THAT(
      std::string(LoginRemedy(NamedError(StatusCode::kUnauthenticated, "login-refused", ""))),
      HasSubstr("secret"));
  EXPECT_THAT(std::string(LoginRemedy(NamedError(StatusCode::kUnavailable, "uaa-unavailable", ""))),
              Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace sluice::agent
