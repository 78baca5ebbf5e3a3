// Goal: a trust document that was replaced is never obeyed again, and that one ends is known
// before. Method: files as the trust root hands them out, and a real journal.
#include "agent/authority.h"

#include <cstdlib>
#include <filesystem>

#include "agent/journal.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "common/trust/trust_expiry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AuthorityTest : public ::testing::Test {
 protected:
  AuthorityTest() {
    std::string pattern = ::testing::TempDir() + "authorityXXXXXX";
    folder_ = mkdtemp(pattern.data());
    sources_.trust_document = folder_ + "/trust.json";
    sources_.trust_roots = {trust_.root().signing.Public()};
    trust::TrustContent content = trust_.content();
    content.version = 5;
    content.expires = clock_.Now() + absl::Hours(24 * 90);
    HandOut(content);
  }
  ~AuthorityTest() override { std::filesystem::remove_all(folder_); }

  void HandOut(const trust::TrustContent& content) {
    trust_.Use(content);
    EXPECT_THAT(files_.Replace(sources_.trust_document, trust_.document().envelope(),
                               FileAccess::kEveryone),
                IsOk());
  }
  // An agent begins; it has the journal until the next one does.
  Status Begin() {
    authority_.reset();
    journal_.reset();
    SLUICE_ASSIGN_OR_RETURN(journal_, Journal::Open(files_, journal_path()));
    SLUICE_ASSIGN_OR_RETURN(
        authority_, Authority::Open(files_, sources_, trust_.agent("dev"), *journal_, clock_));
    return absl::OkStatus();
  }
  StatusOr<std::vector<std::string>> Check() {
    return Authority::CheckTrust(files_, sources_, journal_path(), clock_);
  }
  std::string journal_path() const { return folder_ + "/journal.db"; }

  SystemFiles files_;
  FakeClock clock_{trust::kTestNow};
  trust::TestTrust trust_;
  std::string folder_;
  Authority::Sources sources_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Authority> authority_;
};

TEST_F(AuthorityTest, OlderDocumentIsNotObeyedAgainAfterARestartEither) {
  ASSERT_THAT(Begin(), IsOk());
  trust::TrustContent older = trust_.content();
  older.version = 4;
  HandOut(older);
  EXPECT_THAT(Check(), HasErrorName("trust-rolled-back")) << "beside the agent that runs";
  EXPECT_THAT(authority_->Reload(), HasErrorName("trust-rolled-back"));
  EXPECT_EQ(authority_->trust()->version(), 5);
  EXPECT_THAT(Begin(), HasErrorName("trust-rolled-back"));
}

TEST_F(AuthorityTest, AnotherDocumentOfTheSameVersionIsNotObeyed) {
  ASSERT_THAT(Begin(), IsOk());
  const std::string in_force = authority_->trust()->sha256();
  trust::TrustContent other = trust_.content();
  other.expires += absl::Hours(1);
  HandOut(other);
  EXPECT_THAT(Check(), HasErrorName("trust-version-reused"));
  EXPECT_THAT(authority_->Reload(), HasErrorName("trust-version-reused"));
  EXPECT_EQ(authority_->trust()->sha256(), in_force);
  EXPECT_THAT(Begin(), HasErrorName("trust-version-reused"));
  other.version = 6;
  HandOut(other);
  EXPECT_THAT(Check(), IsOk());
  EXPECT_THAT(Begin(), IsOk());
}

TEST_F(AuthorityTest, EndOfTheDocumentIsWarnedOfAndThenRefused) {
  EXPECT_THAT(*Check(), IsEmpty());
  clock_.Advance(absl::Hours(24 * 90) - trust::kExpiryNotice);
  EXPECT_THAT(*Check(), ElementsAre(HasSubstr("trust-expires-soon")));
  clock_.Advance(trust::kExpiryNotice);
  EXPECT_THAT(Check(),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("trust-expired")));
  EXPECT_THAT(Begin(), IsOk()) << "what was begun before may end";
}

}  // namespace
}  // namespace sluice::agent
