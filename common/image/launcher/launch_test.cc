// What an exported image starts, and in which environment: the decisions as tables, without a
// container; then the start script, in a real bash, against scripts that show their order.
#include "common/image/launcher/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/launcher/app_environment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image::launcher {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kRecord[] =
    R"({"application_id":"a-1","application_name":"shop","default_process_type":"",)"
    R"("process_types":{"web":"run web","worker":"run worker","empty":""}})";
constexpr char kStaging[] = R"({"detected_buildpack":"go","start_command":"run staged"})";

std::string Command(const std::variant<Launch, Refusal>& prepared) {
  const Launch* launch = std::get_if<Launch>(&prepared);
  return launch == nullptr ? "refused: " + std::get<Refusal>(prepared).message
                           : launch->arguments.at(5);
}

Environment Variables(const Surroundings& surroundings) {
  const auto prepared = PrepareLaunch(surroundings);
  const Launch* launch = std::get_if<Launch>(&prepared);
  return launch == nullptr ? Environment{} : launch->environment;
}

Surroundings WithCommand(Environment environment = {}) {
  Surroundings surroundings;
  surroundings.arguments = {"run"};
  surroundings.environment = std::move(environment);
  surroundings.random_guid = "guid-1";
  return surroundings;
}

struct ChoiceCase {
  const char* situation;
  std::vector<std::string> arguments;
  const char* process_type;  // of the environment; nullptr: not set
  const char* record;
  const char* staging;
  const char* command;  // or the part of the refusal that matters
};

class CommandChoice : public ::testing::TestWithParam<ChoiceCase> {};

TEST_P(CommandChoice, IsMadeInTheOrderOfTheContract) {
  const ChoiceCase& a = GetParam();
  Surroundings surroundings;
  surroundings.arguments = a.arguments;
  if (a.process_type != nullptr) {
    surroundings.environment[std::string(kProcessTypeVariable)] = a.process_type;
  }
  if (a.record != nullptr) surroundings.launch_record = a.record;
  if (a.staging != nullptr) surroundings.staging_record = a.staging;
  EXPECT_THAT(Command(PrepareLaunch(surroundings)), HasSubstr(a.command)) << a.situation;
}

INSTANTIATE_TEST_SUITE_P(
    All, CommandChoice,
    ::testing::Values(
        ChoiceCase{"arguments win, joined", {"a", "b c"}, nullptr, kRecord, kStaging, "a b c"},
        ChoiceCase{"empty arguments are none", {"", ""}, nullptr, kRecord, kStaging, "run web"},
        ChoiceCase{"one empty word is kept", {"", "b"}, nullptr, kRecord, kStaging, "b"},
        ChoiceCase{"web by default", {}, nullptr, kRecord, kStaging, "run web"},
        ChoiceCase{"the named process type", {}, "worker", kRecord, kStaging, "run worker"},
        ChoiceCase{"an empty name is none", {}, "", kRecord, kStaging, "run web"},
        ChoiceCase{"the record's default",
                   {},
                   nullptr,
                   R"({"default_process_type":"worker","process_types":{"worker":"w"}})",
                   kStaging,
                   "w"},
        ChoiceCase{"the environment over the record's default",
                   {},
                   "web",
                   R"({"default_process_type":"worker","process_types":{"worker":"w","web":"v"}})",
                   kStaging,
                   "v"},
        ChoiceCase{"no record: staging_info.yml", {}, nullptr, nullptr, kStaging, "run staged"},
        ChoiceCase{"web without a command: staging_info.yml",
                   {},
                   "web",
                   R"({"process_types":{"web":""}})",
                   kStaging,
                   "run staged"},
        ChoiceCase{"another type never falls back to the web command",
                   {},
                   "clock",
                   kRecord,
                   kStaging,
                   "refused: no start command for the process type 'clock'"},
        ChoiceCase{"a type without a command", {}, "empty", kRecord, kStaging, "refused: no start"},
        ChoiceCase{"nothing at all", {}, nullptr, nullptr, nullptr, "refused: no start command"},
        ChoiceCase{"an empty staging_info.yml", {}, nullptr, nullptr, "", "refused: no start"},
        ChoiceCase{"not JSON", {}, nullptr, nullptr, "{start", "refused: /home/vcap/staging_info"},
        ChoiceCase{"not an object", {"x"}, nullptr, nullptr, "[]", "refused: /home/vcap/staging"},
        ChoiceCase{"no text", {"x"}, nullptr, nullptr, R"({"start_command":1})", "refused: "},
        ChoiceCase{"a bad record",
                   {"x"},
                   nullptr,
                   R"({"process_types":[]})",
                   kStaging,
                   "refused: /sluice/launch.json"},
        ChoiceCase{"a bad command",
                   {"x"},
                   nullptr,
                   R"({"process_types":{"web":7}})",
                   kStaging,
                   "refused: /sluice/launch.json"}));

TEST(LaunchRefusal, ACommandThatIsMissingEndsWithOneAndNamesWhatThereIs) {
  Surroundings surroundings;
  surroundings.launch_record = kRecord;
  surroundings.environment[std::string(kProcessTypeVariable)] = "clock";
  const auto prepared = PrepareLaunch(surroundings);
  EXPECT_EQ(std::get<Refusal>(prepared).exit_code, 1);
  EXPECT_THAT(std::get<Refusal>(prepared).message, HasSubstr("empty, web, worker"));
}

TEST(LaunchEnvironment, PlacesAreSetWhateverTheEngineSaid) {
  const Environment variables = Variables(
      WithCommand({{"HOME", "/root"}, {"TMPDIR", "/x"}, {"DEPS_DIR", "/y"}, {"USER", "root"}}));
  EXPECT_EQ(variables.at("HOME"), "/home/vcap/app");
  EXPECT_EQ(variables.at("TMPDIR"), "/home/vcap/tmp");
  EXPECT_EQ(variables.at("DEPS_DIR"), "/home/vcap/deps");
  EXPECT_EQ(variables.at("USER"), "vcap");
}

TEST(LaunchEnvironment, ATemporaryFolderThatCannotBeWrittenIsReplacedByOneThatCan) {
  Surroundings surroundings = WithCommand();
  surroundings.temporary_folder_is_writable = false;
  EXPECT_EQ(Variables(surroundings).at("TMPDIR"), "/tmp");
  surroundings.other_temporary_folder_is_writable = false;
  EXPECT_EQ(Variables(surroundings).at("TMPDIR"), "/home/vcap/tmp");
}

TEST(LaunchEnvironment, WhatIsMissingIsFilledIn) {
  Surroundings surroundings = WithCommand();
  surroundings.ipv4_address = "10.0.0.7";
  const Environment variables = Variables(surroundings);
  EXPECT_EQ(variables.at("LANG"), "en_US.UTF-8");
  EXPECT_EQ(variables.at("PATH"), "/usr/local/bin:/usr/bin:/bin");
  EXPECT_EQ(variables.at("PORT"), "8080");
  EXPECT_EQ(variables.at("VCAP_APP_PORT"), "8080");
  EXPECT_EQ(variables.at("VCAP_APP_HOST"), "0.0.0.0");
  EXPECT_EQ(variables.at("VCAP_SERVICES"), "{}");
  EXPECT_EQ(variables.at("INSTANCE_INDEX"), "0");
  EXPECT_EQ(variables.at("CF_INSTANCE_INDEX"), "0");
  EXPECT_EQ(variables.at("INSTANCE_GUID"), "guid-1");
  EXPECT_EQ(variables.at("CF_INSTANCE_GUID"), "guid-1");
  EXPECT_EQ(variables.at("CF_INSTANCE_IP"), "10.0.0.7");
  EXPECT_EQ(variables.at("CF_INSTANCE_INTERNAL_IP"), "10.0.0.7");
  EXPECT_EQ(variables.at("CF_INSTANCE_PORT"), "8080");
  EXPECT_EQ(variables.at("CF_INSTANCE_ADDR"), "10.0.0.7:8080");
  EXPECT_EQ(variables.at("CF_INSTANCE_PORTS"), R"([{"external":8080,"internal":8080}])");
}

TEST(LaunchEnvironment, WhatThePlatformGaveIsKept) {
  const Environment given = {{"LANG", "C"},
                             {"PATH", "/p"},
                             {"PORT", "9000"},
                             {"VCAP_APP_HOST", "127.0.0.1"},
                             {"VCAP_SERVICES", R"({"a":[]})"},
                             {"INSTANCE_GUID", "g"},
                             {"CF_INSTANCE_INDEX", "4"},
                             {"CF_INSTANCE_ADDR", "1.2.3.4:61000"},
                             {"MEMORY_LIMIT", "64m"},
                             {"DATABASE_URL", "mine"}};
  const Environment variables = Variables(WithCommand(given));
  for (const auto& [name, value] : given) EXPECT_EQ(variables.at(name), value) << name;
  EXPECT_EQ(variables.at("VCAP_APP_PORT"), "9000") << "follows PORT";
  EXPECT_EQ(variables.at("CF_INSTANCE_GUID"), "g") << "one instance has one guid";
  EXPECT_EQ(variables.at("INSTANCE_INDEX"), "4");
}

TEST(LaunchEnvironment, WithoutAnAddressTheInstanceHasNoneAndStarts) {
  const Environment variables = Variables(WithCommand());
  EXPECT_FALSE(variables.contains("CF_INSTANCE_IP"));
  EXPECT_FALSE(variables.contains("CF_INSTANCE_ADDR"));
  EXPECT_EQ(variables.at("PORT"), "8080");
}

TEST(LaunchEnvironment, BindingsGivenAsFilesAreNotHiddenByAnEmptyVariable) {
  EXPECT_FALSE(Variables(WithCommand({{"SERVICE_BINDING_ROOT", "/b"}})).contains("VCAP_SERVICES"));
  EXPECT_FALSE(
      Variables(WithCommand({{"VCAP_SERVICES_FILE_PATH", "/b"}})).contains("VCAP_SERVICES"));
}

TEST(LaunchEnvironment, TheApplicationIsMadeUpWithItsRealName) {
  Surroundings surroundings = WithCommand();
  surroundings.arguments.clear();
  surroundings.launch_record = kRecord;
  const Json application = Json::parse(Variables(surroundings).at("VCAP_APPLICATION"));
  EXPECT_EQ(application, Json::parse(R"({"application_id":"a-1","application_name":"shop",
    "application_uris":[],"host":"0.0.0.0","instance_id":"guid-1","instance_index":0,"name":"shop",
    "port":8080,"process_type":"web","uris":[]})"));
}

TEST(LaunchEnvironment, TheApplicationThatWasGivenIsCorrectedAndElseKept) {
  const Environment variables =
      Variables(WithCommand({{"PORT", "61001"},
                             {"INSTANCE_GUID", "i"},
                             {"INSTANCE_INDEX", "3"},
                             {"VCAP_APPLICATION", R"({"name":"x","port":8080,"limits":{}})"}}));
  EXPECT_EQ(variables.at("VCAP_APPLICATION"),
            R"({"host":"0.0.0.0","instance_id":"i","instance_index":3,"limits":{},"name":"x",)"
            R"("port":61001})");
}

TEST(LaunchEnvironment, AnApplicationOrAPortThatCannotBeReadIsNoReasonNotToStart) {
  EXPECT_EQ(Variables(WithCommand({{"VCAP_APPLICATION", "{no"}})).at("VCAP_APPLICATION"), "{no");
  const Environment variables = Variables(
      WithCommand({{"VCAP_APPLICATION", "{}"}, {"PORT", "x"}, {"INSTANCE_GUID", "\xff"}}));
  EXPECT_EQ(Json::parse(variables.at("VCAP_APPLICATION")).count("port"), 0U);
  EXPECT_FALSE(variables.contains("CF_INSTANCE_PORTS"));
}

TEST(LaunchEnvironment, PlatformOptionsGoAndUnresolvedCredentialsAreRefused) {
  Environment given = {{"VCAP_PLATFORM_OPTIONS", R"({"credhub-uri":"https://c"})"},
                       {"VCAP_SERVICES", R"({"a":[{"credentials":{}}]})"}};
  EXPECT_FALSE(Variables(WithCommand(given)).contains("VCAP_PLATFORM_OPTIONS"));
  given["VCAP_SERVICES"] = R"({"a":[{"credentials":{"credhub-ref":"/x"}}]})";
  const auto refused = PrepareLaunch(WithCommand(given));
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).exit_code, 3);
  given["CREDHUB_SKIP_INTERPOLATION"] = "1";
  EXPECT_TRUE(std::holds_alternative<Launch>(PrepareLaunch(WithCommand(given))));
}

TEST(MemoryLimit, ComesFromTheNewerFileThenTheOlderAndElseIsAbsent) {
  EXPECT_EQ(MemoryLimit("536870912\n", std::nullopt), "512m");
  EXPECT_EQ(MemoryLimit("536870912\n", "1073741824\n"), "512m");
  EXPECT_EQ(MemoryLimit("max\n", "1073741824\n"), "1024m");
  EXPECT_EQ(MemoryLimit("max\n", std::nullopt), std::nullopt);
  EXPECT_EQ(MemoryLimit(std::nullopt, "9223372036854771712\n"), std::nullopt) << "no limit";
  EXPECT_EQ(MemoryLimit("", "-1"), std::nullopt);
  EXPECT_EQ(MemoryLimit("1048575", std::nullopt), std::nullopt) << "below one mebibyte";
  EXPECT_EQ(MemoryLimit("1048576", std::nullopt), "1m");
}

TEST(DatabaseUrl, IsTheFirstRelationalOneWithItsSchemeAsFrameworksKnowIt) {
  const auto of = [](const std::string& uri) {
    return DatabaseUrl(Json{{"s", Json::array({{{"credentials", {{"uri", uri}}}}})}}.dump());
  };
  EXPECT_EQ(of("mysql://u:p@h/d"), "mysql2://u:p@h/d");
  EXPECT_EQ(of("mysql2://h/d"), "mysql2://h/d");
  EXPECT_EQ(of("postgres://h/d?x=1"), "postgres://h/d?x=1");
  EXPECT_EQ(of("postgresql://h/d"), "postgres://h/d");
  EXPECT_EQ(of("amqp://h"), std::nullopt);
  EXPECT_EQ(of("mysql"), std::nullopt);
  EXPECT_EQ(DatabaseUrl(R"({"z":[{"credentials":{"uri":"mysql://first"}}],)"
                        R"("a":[{"credentials":{"uri":"mysql://second"}}]})"),
            "mysql2://first");
  for (const char* odd : {"", "[]", R"({"a":1})", R"({"a":[1,{"credentials":[]}]})",
                          R"({"a":[{"credentials":{"uri":7}}]})"}) {
    EXPECT_EQ(DatabaseUrl(odd), std::nullopt) << odd;
  }
}

// A home of vcap's in a temporary folder, and the start script run in it.
class StartScript : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "start-script-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    std::filesystem::create_directories(home_ + "/app/.profile.d");
    std::filesystem::create_directories(home_ + "/profile.d/folder");
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_THAT(files_.Replace(home_ + "/" + name, text, FileAccess::kEveryone), IsOk());
  }

  // What it printed on standard output; its exit code in exit_code_.
  std::string Run(const std::string& command, const std::string& prefix = "") {
    Surroundings surroundings = WithCommand();
    surroundings.arguments = {command};
    if (!prefix.empty()) {
      surroundings.staging_record = Json{{"config", {{"entrypoint_prefix", prefix}}}}.dump();
    }
    std::vector<std::string> words = std::get<Launch>(PrepareLaunch(surroundings)).arguments;
    words.at(4) = home_ + "/app";
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return "no pipe";
    const pid_t child = fork();
    if (child == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      close(pipe_ends[0]);
      close(pipe_ends[1]);
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      execv("/bin/bash", arguments.data());
      _exit(99);
    }
    close(pipe_ends[1]);
    std::string output;
    char buffer[1024];
    for (ssize_t count; (count = read(pipe_ends[0], buffer, sizeof buffer)) > 0;) {
      output.append(buffer, static_cast<size_t>(count));
    }
    close(pipe_ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    exit_code_ = WEXITSTATUS(status);
    return output;
  }

  SystemFiles files_;
  std::string home_;
  int exit_code_ = -1;
};

TEST_F(StartScript, SourcesTheBuildpacksScriptsThenTheAppsThenItsProfileInOneShell) {
  Write("profile.d/b.sh", "echo b; export SEEN=$SEEN:b");
  Write("profile.d/a name.sh", "echo a; export SEEN=a");
  Write("app/.profile.d/c.sh", "echo c; SEEN=$SEEN:c; cd ..");
  Write("app/.profile", "echo never: the script before went elsewhere");
  EXPECT_EQ(Run("echo $SEEN; pwd"),
            "Invoking pre-start scripts.\na\nb\nc\nInvoking start command.\n"
            "a:b:c\n" +
                home_ + "\n");
}

TEST_F(StartScript, TheProfileIsSourcedLastAndExports) {
  Write("app/.profile.d/c.sh", "X=1");
  Write("app/.profile", "export GREETING=hello$X; umask 027");
  EXPECT_EQ(Run("echo $GREETING; umask"),
            "Invoking pre-start scripts.\nInvoking start command.\nhello1\n0027\n");
}

TEST_F(StartScript, AScriptThatFailsOrTakesTheArgumentsStopsNothing) {
  Write("profile.d/1.sh", "set -- gone; false");
  Write("profile.d/2.sh", "no-such-program 2> /dev/null");
  Write("profile.d/3.sh", "echo 'echo late' > .profile.d/late.sh");
  EXPECT_EQ(Run("echo ran; exit 7"),
            "Invoking pre-start scripts.\nlate\nInvoking start command.\nran\n");
  EXPECT_EQ(exit_code_, 7);
}

TEST_F(StartScript, AnEntrypointPrefixStandsInThePlaceOfBash) {
  EXPECT_EQ(Run("a  b", "printf %s|"),
            "Invoking pre-start scripts.\nInvoking start command.\na  b|");
}

TEST_F(StartScript, WithoutTheAppsFolderNothingIsStarted) {
  std::filesystem::remove_all(home_ + "/app");
  EXPECT_EQ(Run("echo ran"), "");
  EXPECT_EQ(exit_code_, 4);
}

}  // namespace
}  // namespace sluice::image::launcher
