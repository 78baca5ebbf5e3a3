// Goal: what a command tells somebody whose configuration is missing, wrong or about something
// else.
#include "coordinator/cli/settings.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_matchers.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SettingsTest : public CliTest {
 protected:
  StatusOr<Settings> Load() { return LoadSettings(files_, environment_, std::nullopt); }
  const std::string root_ = trust_.root().signing.Public().text();
};

TEST_F(SettingsTest, PathsAreRelativeToTheFilesFolder) {
  const auto settings = Load();
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->key_file, Path("maria.key"));
  EXPECT_EQ(settings->trust_document, Path("trust.json"));
  EXPECT_EQ(settings->coordinator_endpoint, "tcp://127.0.0.1:7710");
  EXPECT_EQ(settings->connect_wait, absl::Seconds(10));
  EXPECT_EQ(settings->trust_roots.size(), 1u);
}

TEST_F(SettingsTest, TheEnvironmentOverridesTheFileAndItsPathsAreOfTheWorkingFolder) {
  environment_["SLUICE_KEY_FILE"] = "other.key";
  environment_["SLUICE_COORDINATOR_ENDPOINT"] = "tcp://coordinator:1";
  environment_["SLUICE_COORDINATOR_CONNECT_WAIT"] = "2s";
  const auto settings = Load();
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->key_file, "other.key");
  EXPECT_EQ(settings->coordinator_endpoint, "tcp://coordinator:1");
  EXPECT_EQ(settings->connect_wait, absl::Seconds(2));
}

TEST_F(SettingsTest, TheEnvironmentAloneIsEnough) {
  environment_ = {{"HOME", Path("nobody")},
                  {"SLUICE_KEY_FILE", "k"},
                  {"SLUICE_TRUST_DOCUMENT", "t"},
                  {"SLUICE_TRUST_ROOTS", root_},
                  {"SLUICE_COORDINATOR_ENDPOINT", "tcp://c:1"}};
  const auto settings = Load();
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->file, "");
}

TEST_F(SettingsTest, WithoutAHomeNoFileIsLookedForInTheRootOfTheFileSystem) {
  for (const Environment& environment : {Environment{}, Environment{{"HOME", ""}}}) {
    environment_ = environment;
    const Status refused = Load().status();
    EXPECT_THAT(refused, HasErrorName("no-configuration"));
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr("HOME is not set"), Not(HasSubstr("/.config"))));
  }
}

TEST_F(SettingsTest, TheFileIsLookedForWhereOthersKeepTheirs) {
  const std::string text = ReadFile("config.yaml");
  ASSERT_THAT(files_.MakeFolder(Path("home/.config/sluice")), IsOk());
  WriteFile("home/.config/sluice/config.yaml", text);
  environment_ = {{"HOME", Path("home")}};
  ASSERT_THAT(Load(), IsOk());
  EXPECT_EQ(Load()->file, Path("home/.config/sluice/config.yaml"));
  ASSERT_THAT(files_.MakeFolder(Path("xdg/sluice")), IsOk());
  WriteFile("xdg/sluice/config.yaml", text);
  environment_["XDG_CONFIG_HOME"] = Path("xdg");
  EXPECT_EQ(Load()->file, Path("xdg/sluice/config.yaml"));
}

TEST_F(SettingsTest, WithoutAnyConfigurationItSaysWhereOneIsLookedFor) {
  environment_ = {{"HOME", Path("home")}};
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr(Path("home/.config/sluice/config.yaml")),
                                     HasSubstr("[no-configuration]")));
  EXPECT_EQ(Run({"foundations", "--config", Path("other.yaml")}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("other.yaml")));
  EXPECT_EQ(Run({"foundations", "--config", folder_}), 2);  // a folder
}

TEST_F(SettingsTest, EveryMistakeIsToldWithItsLine) {
  WriteFile("config.yaml", absl::StrCat("coordinator:\n"
                                        "  endpoint: https://coordinator:7710\n"
                                        "  connect_wait: soon\n"
                                        "trust:\n"
                                        "  document: trust.json\n"
                                        "  roots: [slrt1nonsense]\n"
                                        "key-file: maria.key\n"));
  EXPECT_EQ(Run({"foundations"}), 2);
  const std::string file = Path("config.yaml");
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr(file + ":2: "), HasSubstr("tcp://HOST:PORT"),
                    HasSubstr(file + ":3: "), HasSubstr(file + ":6: "), HasSubstr(file + ":7: "),
                    HasSubstr("key_file"), HasSubstr("[bad-configuration]")));
  EXPECT_EQ(connections_, 0);
}

TEST_F(SettingsTest, APortThatThereIsNotAndAWaitOfNothingAreMistakesBeforeAnyNetwork) {
  environment_["SLUICE_COORDINATOR_ENDPOINT"] = "tcp://127.0.0.1:99999";
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("SLUICE_COORDINATOR_ENDPOINT"),
                                     HasSubstr("1 to 65535"), HasSubstr("[bad-configuration]")));
  environment_.erase("SLUICE_COORDINATOR_ENDPOINT");
  environment_["SLUICE_COORDINATOR_CONNECT_WAIT"] = "0s";
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("above zero"));
  EXPECT_EQ(connections_, 0);
}

TEST_F(SettingsTest, AFileThatIsNotThereIsToldWithTheSettingThatNamesIt) {
  environment_["SLUICE_TRUST_DOCUMENT"] = Path("nope.json");
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("trust.document of " + Path("config.yaml")),
                                     HasSubstr(Path("nope.json")), HasSubstr("[no-file]")));
  environment_.erase("SLUICE_TRUST_DOCUMENT");
  environment_["SLUICE_KEY_FILE"] = Path("nope.key");
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("key_file of " + Path("config.yaml")));
}

TEST_F(SettingsTest, DataThatCannotBeWrittenIsNoSuccess) {
  terminal_.written = NamedError(StatusCode::kInvalidArgument, "output-not-written",
                                 "cannot write to standard output: No space left on device");
  EXPECT_EQ(Run({"version"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[output-not-written]"));
}

TEST_F(SettingsTest, TimeoutBoundsTheWaitForTheCoordinator) {
  federation_.Record(trust_.PromoteOrder());
  Run({"watch", "promotion-1", "--timeout", "2s"});
  EXPECT_EQ(connect_wait_, absl::Seconds(2));
  Run({"foundations"});
  EXPECT_EQ(connect_wait_, absl::Seconds(10));
}

TEST_F(SettingsTest, YamlThatIsNoneIsToldWithItsLine) {
  WriteFile("config.yaml", "coordinator:\n  endpoint: [tcp\ntrust: {\n");
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("config.yaml") + ":"));
  EXPECT_THAT(terminal_.notes, HasSubstr("[bad-configuration]"));
}

TEST_F(SettingsTest, ATrustDocumentThatExpiredOrDoesNotKnowTheKeyIsRefusedBeforeAnyNetwork) {
  trust::TrustContent content = trust_.content();
  content.operators.erase("maria");
  ++content.version;
  UseTrust(content);
  EXPECT_EQ(Run({"foundations"}), 3);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("maria"), HasSubstr("add-operator"),
                                     HasSubstr("[unknown-operator]")));
  clock_.Advance(absl::Hours(24 * 366));
  EXPECT_EQ(Run({"foundations"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("[trust-expired]"));
  EXPECT_EQ(connections_, 0);
}

TEST_F(SettingsTest, ATrustDocumentOfAnotherRootIsRefused) {
  ASSERT_EQ(Run({"keygen", "root", "other", "--file", Path("other.key"), "--output", "json"}), 0);
  environment_["SLUICE_TRUST_ROOTS"] = Out().at("public_key");
  EXPECT_EQ(Run({"foundations"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("trust.json")));
  EXPECT_EQ(connections_, 0);
}

TEST_F(SettingsTest, MissingFilesAreBadInputAndNamed) {
  ASSERT_THAT(files_.Remove(Path("trust.json")), IsOk());
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("trust.json")));
  UseTrust(trust_.content());
  ASSERT_THAT(files_.Remove(Path("maria.key")), IsOk());
  EXPECT_EQ(Run({"foundations"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("maria.key")));
  // A card where the key should be.
  environment_["SLUICE_KEY_FILE"] = Path("maria.card");
  EXPECT_NE(Run({"foundations"}), 0);
  EXPECT_THAT(terminal_.notes, HasSubstr(Path("maria.card")));
}

}  // namespace
}  // namespace sluice::cli
