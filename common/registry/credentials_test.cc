#include "common/registry/credentials.h"

#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/encoding.h"
#include "common/base/files.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/registry/credential_helper.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

// Knows every registry, and remembers what it was asked.
class FakeCredentialHelpers final : public CredentialHelpers {
 public:
  StatusOr<Credentials> Ask(const std::string& name, const std::string& registry) override {
    asked_.emplace_back(name, registry);
    return Credentials{"from-" + name, Secret("s"), {}};
  }
  const std::vector<std::pair<std::string, std::string>>& asked() const { return asked_; }

 private:
  std::vector<std::pair<std::string, std::string>> asked_;
};

std::string Auth(const std::string& text) { return R"({"auth":")" + ToBase64(text) + R"("})"; }

StatusOr<Credentials> Find(const std::string& file, const std::string& repository,
                           FakeCredentialHelpers& helpers) {
  SLUICE_ASSIGN_OR_RETURN(const AuthFile parsed, ParseAuthFile(file));
  SLUICE_ASSIGN_OR_RETURN(const Repository name, ParseRepository(repository));
  return FindCredentials(parsed, name, helpers);
}

TEST(CredentialsTest, TheMostExactEntryOfTheFileIsTaken) {
  const std::string file = R"({"auths":{"r.example:5000":)" + Auth("host:a:b") +
                           R"(,"r.example:5000/team":)" + Auth("team:c") +
                           R"(,"https://other.example/v1/":)" + Auth("old:d") +
                           R"(,"https://index.docker.io/v1/":{"identitytoken":"t","auth":""}}})";
  FakeCredentialHelpers helpers;
  const auto host = Find(file, "r.example:5000/app", helpers);
  ASSERT_THAT(host, IsOk());
  EXPECT_EQ(host->user, "host");
  EXPECT_EQ(host->password.Reveal(), "a:b");
  EXPECT_EQ(Find(file, "r.example:5000/team/app", helpers)->user, "team");
  EXPECT_EQ(Find(file, "r.example:5000/teamwork", helpers)->user, "host");
  EXPECT_EQ(Find(file, "other.example/app", helpers)->user, "old");
  EXPECT_EQ(Find(file, "busybox", helpers)->identity_token.Reveal(), "t");
  EXPECT_TRUE(Find(file, "r.example/app", helpers)->empty());
}

TEST(CredentialsTest, AHelperOfTheRegistryGoesFirstAndTheDefaultOneLast) {
  const std::string file = R"({"auths":{"a.example":)" + Auth("u:p") +
                           R"(,"b.example":{}},"credHelpers":{"a.example":"ecr-login"},)"
                           R"("credsStore":"pass"})";
  FakeCredentialHelpers helpers;
  EXPECT_EQ(Find(file, "a.example/x", helpers)->user, "from-ecr-login");
  EXPECT_EQ(Find(file, "b.example/x", helpers)->user, "from-pass");
  EXPECT_EQ(Find(file, "busybox", helpers)->user, "from-pass");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"ecr-login", "a.example"}, {"pass", "b.example"}, {"pass", "https://index.docker.io/v1/"}};
  EXPECT_EQ(helpers.asked(), expected);
}

TEST(CredentialsTest, RefusesAFileThatIsNoneAndShowsNothingOfIt) {
  const std::vector<std::string> bad = {
      R"({"auths":[]})",
      R"({"auths":{"r":"hunter2"}})",
      R"({"auths":{"r":{"auth":"hunter2"}}})",
      R"({"auths":{"r":{"auth":")" + ToBase64("hunter2") + R"("}}})",
      R"({"auths":{"r":{"password":["hunter2"]}}})",
      R"({"credsStore":"../../hunter2"})",
      R"({"credHelpers":{"r":"hunter2;x"}})",
  };
  for (const std::string& file : bad) {
    const auto parsed = ParseAuthFile(file);
    EXPECT_THAT(parsed, HasErrorName("bad-auth-file")) << file;
    EXPECT_EQ(Describe(parsed.status()).find("hunter2"), std::string::npos) << file;
  }
}

TEST(CredentialsTest, ReadsNothingThatOthersMayRead) {
  FakeFiles files;
  FakeCredentialHelpers helpers;
  const Repository repository{"r.example", "app"};
  const std::string file = R"({"auths":{"r.example":)" + Auth("u:p") + "}}";
  EXPECT_TRUE(ReadCredentials(files, "/none.json", repository, helpers)->empty());
  ASSERT_THAT(files.Create("/open.json", file, FileAccess::kEveryone), IsOk());
  EXPECT_THAT(ReadCredentials(files, "/open.json", repository, helpers),
              HasErrorName("file-too-open"));
  ASSERT_THAT(files.Create("/own.json", file, FileAccess::kOwnerOnly), IsOk());
  EXPECT_EQ(ReadCredentials(files, "/own.json", repository, helpers)->user, "u");
}

// Real children: programs that the test puts into a PATH of its own.
class CredentialHelperTest : public ::testing::Test {
 protected:
  CredentialHelperTest() : folder_(::testing::TempDir() + "credential-helpers") {
    EXPECT_THAT(SystemFiles().MakeFolder(folder_), IsOk());
    const char* path = getenv("PATH");
    old_path_ = path == nullptr ? "" : path;
    setenv("PATH", (folder_ + ":" + old_path_).c_str(), 1);
  }
  ~CredentialHelperTest() override { setenv("PATH", old_path_.c_str(), 1); }

  void Install(const std::string& name, const std::string& script) {
    const std::string path = folder_ + "/docker-credential-" + name;
    ASSERT_THAT(SystemFiles().Replace(path, "#!/bin/sh\n" + script, FileAccess::kEveryone), IsOk());
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }

  StatusOr<Credentials> Ask(const std::string& name, absl::Duration time_max = kHelperTimeMax) {
    return SystemCredentialHelpers(clock_, time_max).Ask(name, "r.example");
  }

  SystemClock clock_;

 private:
  const std::string folder_;
  std::string old_path_;
};

TEST_F(CredentialHelperTest, GetsTheRegistryOnItsInputAndNothingButTheVerbAsArgument) {
  Install("echo", R"(read registry; printf '{"Username":"%s","Secret":"%s"}' "$registry" "$*")");
  const auto credentials = Ask("echo");
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->user, "r.example");
  EXPECT_EQ(credentials->password.Reveal(), "get");
}

TEST_F(CredentialHelperTest, ATokenIsAnIdentityToken) {
  Install("token", R"(echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}')");
  const auto credentials = Ask("token");
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->user, "");
  EXPECT_EQ(credentials->identity_token.Reveal(), "t");
}

TEST_F(CredentialHelperTest, OneThatKnowsNoneMeansAnonymous) {
  Install("none", "echo 'credentials not found in native keychain'; exit 1");
  const auto credentials = Ask("none");
  ASSERT_THAT(credentials, IsOk());
  EXPECT_TRUE(credentials->empty());
}

TEST_F(CredentialHelperTest, FailuresAreNamedAndShowNothingOfTheAnswer) {
  Install("fails", "echo hunter2; exit 3");
  Install("babbles", "echo hunter2");
  Install("floods", "while :; do echo hunter2; done");
  for (const std::string name : {"fails", "babbles", "floods", "absent"}) {
    const auto credentials = Ask(name);
    EXPECT_THAT(credentials, HasErrorName("credential-helper-failed")) << name;
    EXPECT_EQ(Describe(credentials.status()).find("hunter2"), std::string::npos) << name;
  }
}

TEST_F(CredentialHelperTest, OneThatDoesNotAnswerIsKilledWhenItsTimeIsOver) {
  Install("slow", "exec sleep 600");
  EXPECT_THAT(Ask("slow", absl::Milliseconds(100)), HasErrorName("credential-helper-slow"));
}

}  // namespace
}  // namespace sluice::registry
