// Goal: agent.yaml is read as a whole, and every mistake is named with its line. Method: files as
// people write them.
#include "agent/settings.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() {
    std::string pattern = ::testing::TempDir() + "settingsXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  StatusOr<Settings> Load(const std::string& yaml, const ConfigReader::Overrides& overrides = {}) {
    const std::string path = folder_ + "/agent.yaml";
    EXPECT_THAT(files_.Replace(path, yaml, FileAccess::kEveryone), IsOk());
    return LoadSettings(files_, path, overrides);
  }

  std::string Good() const {
    return "foundation: dev\n"
           "key_file: dev.key\n"
           "trust: {document: trust.json, roots: [" +
           trust_.root().signing.Public().text() +
           "]}\n"
           "coordinator: {endpoint: \"tcp://coordinator:7710\"}\n"
           "cloud_controller: {api: \"https://api.example/\", client_id: sluice, "
           "client_secret_file: /secrets/cc}\n"
           "data_dir: data\n";
  }

  trust::TestTrust trust_;
  SystemFiles files_;
  std::string folder_;
};

TEST_F(SettingsTest, PathsAreRelativeToTheFileAndDefaultsAreThere) {
  const auto settings = Load(Good());
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->foundation.value(), "dev");
  EXPECT_EQ(settings->key_file, folder_ + "/dev.key");
  EXPECT_EQ(settings->client_secret_file, "/secrets/cc");
  EXPECT_EQ(settings->JournalPath(), folder_ + "/data/journal.db");
  EXPECT_EQ(settings->api_url, "https://api.example");
  EXPECT_EQ(settings->bulk_listen, "");
  EXPECT_EQ(settings->job_poll_first, absl::Seconds(1));
  EXPECT_EQ(settings->droplet_bytes_max, uint64_t{2} << 30);
  EXPECT_EQ(settings->spool_folder, folder_ + "/data/spool");
  EXPECT_EQ(settings->spool_bytes_max, uint64_t{8} << 30);
  EXPECT_EQ(settings->upload_limits.time_max, absl::Seconds(900));
  EXPECT_EQ(settings->upload_limits.idle_max, absl::Seconds(60));
}

TEST_F(SettingsTest, EndpointsThatCanNeverBeAreFoundAtOnce) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"bulk: {listen: \"tcp://127.0.0.1:99999\"}", "bulk.listen"},
      {"bulk: {listen: \"127.0.0.1:7720\"}", "bulk.listen"},
      {"bulk: {listen: \"tcp://*:*\", advertise: \"tcp://127.0.0.1:*\"}", "bulk.advertise"},
      {"bulk: {listen: \"tcp://*:*\", advertise: \"tcp://127.0.0.1:99999\"}", "bulk.advertise"}};
  for (const auto& [yaml, key] : wrong) {
    const Status refused = Load(Good() + yaml + "\n").status();
    EXPECT_THAT(refused, HasErrorName("bad-configuration")) << yaml;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(key)) << yaml;
  }
  EXPECT_THAT(Load(Good() + "bulk: {listen: \"tcp://*:*\", advertise: \"tcp://dev:7720\"}\n"),
              IsOk());
}

TEST_F(SettingsTest, SealSuiteIsX25519UnlessP256IsAskedFor) {
  EXPECT_EQ(Load(Good())->seal_suite, crypto::SealSuite::kX25519HkdfSha256Aes256Gcm);
  EXPECT_EQ(Load(Good() + "seal_suite: p256\n")->seal_suite,
            crypto::SealSuite::kP256HkdfSha256Aes256Gcm);
  EXPECT_THAT(Load(Good() + "seal_suite: p521\n").status(), HasErrorName("bad-configuration"));
}

TEST_F(SettingsTest, MisspeltVariableIsRefusedAndAnotherToolsIsNoted) {
  EXPECT_THAT(Load(Good(), {{"SLUICE_SEAL_SUIT", "p256"}}).status(),
              HasErrorName("bad-configuration"));
  const auto settings = Load(Good(), {{"SLUICE_BINARIES", "build/dev/bin"}});
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(settings->unknown_variables, ElementsAre("SLUICE_BINARIES"));
}

TEST_F(SettingsTest, SpoolAndTheFoundationsLimitsForUploadsAreReadAndJudged) {
  const auto settings = Load(Good() + "spool: {folder: big-disk, bytes_max: 100G}\n",
                             {{"SLUICE_CLOUD_CONTROLLER_UPLOAD_TIME_MAX", "20s"},
                              {"SLUICE_CLOUD_CONTROLLER_UPLOAD_IDLE_MAX", "3s"}});
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->spool_folder, folder_ + "/big-disk");
  EXPECT_EQ(settings->spool_bytes_max, uint64_t{100} << 30);
  EXPECT_EQ(settings->upload_limits.time_max, absl::Seconds(20));
  EXPECT_EQ(settings->upload_limits.idle_max, absl::Seconds(3));
  EXPECT_THAT(Load(Good() + "spool: {bytes_max: 0}\n").status(), HasErrorName("bad-configuration"));
  EXPECT_THAT(Load(Good(), {{"SLUICE_CLOUD_CONTROLLER_UPLOAD_IDLE_MAX", "0s"}}).status(),
              HasErrorName("bad-configuration"));
}

TEST_F(SettingsTest, RatesAreBytesASecondAndNoneWhereNothingIsSaid) {
  EXPECT_EQ(Load(Good())->rates.send, std::nullopt);
  EXPECT_EQ(Load(Good())->rates.receive, std::nullopt);
  const auto settings =
      Load(Good() + "limits: {send_rate: 10M}\n", {{"SLUICE_LIMITS_RECEIVE_RATE", "500K"}});
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->rates.send, 10 << 20);
  EXPECT_EQ(settings->rates.receive, 500 << 10);
  for (const char* wrong : {"0", "16383", "fast", "10MB"}) {
    const auto refused = Load(absl::StrCat(Good(), "limits: {send_rate: ", wrong, "}\n"));
    EXPECT_THAT(refused, HasErrorName("bad-configuration")) << wrong;
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr("agent.yaml:7: limits.send_rate"));
  }
}

TEST_F(SettingsTest, DropletsAtATimeAreWithinWhatAnAgentWorksOn) {
  EXPECT_EQ(Load(Good())->downloads_max, 8u);
  EXPECT_EQ(Load(Good())->uploads_max, 8u);
  const auto settings = Load(Good() + "limits: {downloads: 1, uploads: 16}\n");
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->downloads_max, 1u);
  EXPECT_EQ(settings->uploads_max, 16u);
  for (const char* wrong : {"downloads: 0", "uploads: 17", "uploads: many"}) {
    EXPECT_THAT(Load(absl::StrCat(Good(), "limits: {", wrong, "}\n")),
                HasErrorName("bad-configuration"))
        << wrong;
  }
}

TEST_F(SettingsTest, EnvironmentReplacesWhatTheFileSaysAndBringsTheSecret) {
  const auto settings = Load(Good(), {{"SLUICE_COORDINATOR_ENDPOINT", "tcp://other:1"},
                                      {"SLUICE_KEY_FILE", "from-here.key"},
                                      {"SLUICE_CLOUD_CONTROLLER_CLIENT_SECRET", "s3cret"}});
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->coordinator_endpoint, "tcp://other:1");
  EXPECT_EQ(settings->key_file, "from-here.key") << "relative to where the process is";
  EXPECT_EQ(settings->client_secret.Reveal(), "s3cret");
}

TEST_F(SettingsTest, EveryMistakeIsNamedWithItsLineAtOnce) {
  const auto settings = Load(
      "foundation: Dev\n"
      "key_file: dev.key\n"
      "trust: {document: trust.json, roots: [slop1wrong]}\n"
      "coordinator: {endpoint: \"http://coordinator\"}\n"
      "cloud_controller:\n"
      "  api: api.example\n"
      "  client_id: sluice\n"
      "  client_secret_file: secret\n"
      "  job_poll_first: 0s\n"
      "data_dri: data\n");
  EXPECT_THAT(settings, HasErrorName("bad-configuration"));
  const std::string message(settings.status().message());
  for (const char* part :
       {"agent.yaml:1: foundation", "agent.yaml:3: trust.roots",
        "agent.yaml:4: coordinator.endpoint", "agent.yaml:6: cloud_controller.api",
        "agent.yaml:9: cloud_controller.job_poll_first", "agent.yaml:10: ", "data_dir"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST_F(SettingsTest, SecretInTheFileIsAMistakeAndIsNotRepeated) {
  const auto settings = Load(Good() + "cloud_controller.client_secret: hunter2\n");
  EXPECT_FALSE(settings.ok());
  EXPECT_THAT(std::string(settings.status().message()), Not(HasSubstr("hunter2")));
}

TEST_F(SettingsTest, FileThatIsNotThereIsNamed) {
  const auto settings = LoadSettings(files_, folder_ + "/nowhere.yaml", {});
  EXPECT_THAT(settings,
              AllOf(HasErrorName("no-configuration"), StatusIs(StatusCode::kInvalidArgument)));
}

TEST_F(SettingsTest, AdvertisedAddressWithoutListeningIsAMistake) {
  EXPECT_THAT(Load(Good() + "bulk: {advertise: \"tcp://dev:7720\"}\n"),
              HasErrorName("bad-configuration"));
}

}  // namespace
}  // namespace sluice::agent
