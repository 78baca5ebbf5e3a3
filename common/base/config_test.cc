// An operator who made five mistakes is told all five, each with its line, and nothing secret.
#include "common/base/config.h"

#include <string>

#include "common/base/config_tree.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Message(const ConfigReader& config) { return std::string(config.Finish().message()); }

TEST(ConfigReaderTest, EveryTypeIsReadAsItIsWritten) {
  const ConfigReader config("agent.yaml", R"(
name: prod-agent
coordinator:
  address: "tcp://127.0.0.1:7710"
  heartbeat: 1m30s
limits:
  droplet: 2G
  reads: 4
features: [a, b]
log_level: debug
)");
  EXPECT_EQ(config.RequiredString("name"), "prod-agent");
  EXPECT_EQ(config.String("coordinator.address", ""), "tcp://127.0.0.1:7710");
  EXPECT_EQ(config.Duration("coordinator.heartbeat", absl::ZeroDuration()), absl::Seconds(90));
  EXPECT_EQ(config.Size("limits.droplet", 0), uint64_t{2} << 30);
  EXPECT_EQ(config.Section("limits").Integer("reads", 1), 4);
  EXPECT_THAT(config.Strings("features"), ElementsAre("a", "b"));
  EXPECT_EQ(config.Choice("log_level", {"debug", "info"}, "info"), "debug");
  EXPECT_THAT(config.Finish(), IsOk());
}

TEST(ConfigReaderTest, WhatIsAbsentGivesTheFallbackAndIsNoMistake) {
  const ConfigReader config("agent.yaml", "coordinator:\n");
  EXPECT_EQ(config.String("coordinator.address", "here"), "here");
  EXPECT_EQ(config.Duration("a.b.c", absl::Seconds(5)), absl::Seconds(5));
  EXPECT_EQ(config.Size("size", 7), 7u);
  EXPECT_EQ(config.Integer("count", -3), -3);
  EXPECT_THAT(config.Strings("list", {"x"}), ElementsAre("x"));
  EXPECT_FALSE(config.Has("flag"));
  EXPECT_TRUE(config.Has("coordinator"));
  EXPECT_THAT(config.Finish(), IsOk());
}

TEST(ConfigReaderTest, EmptyTextIsAnEmptySection) {
  const ConfigReader config("agent.yaml", "");
  EXPECT_EQ(config.RequiredString("name"), "");
  EXPECT_EQ(Message(config), "agent.yaml:1: name: is missing");
}

TEST(ConfigReaderTest, EveryMistakeIsReportedOnItsOwnLineInTheOrderOfTheFile) {
  const ConfigReader config("agent.yaml", R"(nmae: x
coordinator:
  heartbeat: soon
  address: [a]
limits:
  reads: 0
  size: 10Q
  empty:
list: 3
log_level: loud
limits: 4
)");
  config.RequiredString("name");
  config.Duration("coordinator.heartbeat", absl::Seconds(1));
  config.String("coordinator.address", "");
  config.Integer("limits.reads", 1, {.least = 1, .most = 64});
  config.Size("limits.size", 1);
  config.String("limits.empty", "");
  config.Strings("list");
  config.Choice("log_level", {"debug", "info"}, "info");
  const Status status = config.Finish();
  EXPECT_THAT(status,
              AllOf(StatusIs(StatusCode::kInvalidArgument), HasErrorName("bad-configuration")));
  EXPECT_EQ(status.message(),
            "agent.yaml:1: nmae: unknown key; did you mean 'name'?\n"
            "agent.yaml:1: name: is missing\n"
            "agent.yaml:3: coordinator.heartbeat: a duration is a number with a unit, as 250ms, "
            "30s or 1h30m\n"
            "agent.yaml:4: coordinator.address: must be one value, not a list or a section\n"
            "agent.yaml:6: limits.reads: must be between 1 and 64\n"
            "agent.yaml:7: limits.size: a size is a number with an optional K, M, G or T, as 10M\n"
            "agent.yaml:8: limits.empty: has no value\n"
            "agent.yaml:9: list: must be a list of values\n"
            "agent.yaml:10: log_level: must be one of debug, info\n"
            "agent.yaml:11: 'limits' is given twice");
}

TEST(ConfigReaderTest, ValueInTheWrongPlaceIsNeverPrinted) {
  const ConfigReader config("agent.yaml", "timeout: hunter2\npassword: hunter2\nnested: hunter2\n");
  config.Duration("timeout", absl::Seconds(1));
  config.SecretFromEnvironment("password");
  config.String("nested.key", "");
  EXPECT_THAT(Message(config),
              AllOf(Not(HasSubstr("hunter2")), HasSubstr("agent.yaml:1: timeout: "),
                    HasSubstr("agent.yaml:2: password: is a secret"),
                    HasSubstr("agent.yaml:3: nested: must be a section")));
}

TEST(ConfigReaderTest, MistakeAskedForTwiceIsReportedOnce) {
  const ConfigReader config("agent.yaml", "a: x\n");
  config.String("a.b", "");
  config.String("a.c", "");
  EXPECT_EQ(Message(config), "agent.yaml:1: a: must be a section (a map of keys to values)");
}

TEST(ConfigReaderTest, UnknownKeyFarFromEveryKnownOneHasNoSuggestion) {
  const ConfigReader config("agent.yaml", "colour: red\n");
  config.String("name", "");
  EXPECT_EQ(Message(config), "agent.yaml:1: colour: unknown key");
}

TEST(ConfigReaderTest, OverrideReplacesWhatTheFileSaysAndSuppliesWhatItLacks) {
  const ConfigReader config("agent.yaml", "coordinator:\n  heartbeat: 1s\n",
                            {{"SLUICE_COORDINATOR_HEARTBEAT", "9s"},
                             {"SLUICE_TRUST_ROOT_KEY", "root.pub"},
                             {"SLUICE_FEATURES", "a,b"},
                             {"SLUICE_UAA_SECRET", "s3cret"}});
  EXPECT_EQ(config.Duration("coordinator.heartbeat", absl::ZeroDuration()), absl::Seconds(9));
  EXPECT_EQ(config.RequiredString("trust.root-key"), "root.pub");
  EXPECT_THAT(config.Strings("features"), ElementsAre("a", "b"));
  EXPECT_EQ(config.SecretFromEnvironment("uaa.secret").Reveal(), "s3cret");
  EXPECT_THAT(config.Finish(), IsOk());
  EXPECT_THAT(config.UnusedOverrides(), IsEmpty());
}

TEST(ConfigReaderTest, MistakeInAnOverrideNamesTheVariableAndComesLast) {
  const ConfigReader config("agent.yaml", "a: 1\n", {{"SLUICE_LIMITS_READS", "many"}});
  config.Integer("limits.reads", 1);
  config.Mistake("limits.reads", "and more");
  EXPECT_EQ(Message(config),
            "agent.yaml:1: a: unknown key\n"
            "SLUICE_LIMITS_READS: and more\n"
            "SLUICE_LIMITS_READS: must be a whole number");
}

TEST(ConfigReaderTest, OverrideThatNothingAskedForIsListedButNoMistake) {
  const ConfigReader config("agent.yaml", "", {{"SLUICE_TYPO", "1"}, {"PATH", "/bin"}});
  EXPECT_THAT(config.Finish(), IsOk());
  EXPECT_THAT(config.UnusedOverrides(), ElementsAre("SLUICE_TYPO"));
}

TEST(ConfigReaderTest, MisspeltVariableIsAMistakeThatNamesTheOneMeant) {
  const ConfigReader config(
      "agent.yaml", "",
      {{"SLUICE_LOG_LEVLE", "debug"}, {"SLUICE_DATADIR", "/x"}, {"SLUICE_BINARIES", "bin"}});
  config.String("log_level", "");
  config.String("data_dir", "");
  EXPECT_EQ(Message(config),
            "SLUICE_DATADIR: unknown variable; did you mean 'SLUICE_DATA_DIR'?\n"
            "SLUICE_LOG_LEVLE: unknown variable; did you mean 'SLUICE_LOG_LEVEL'?");
}

TEST(ConfigReaderTest, SectionsWithTheOperatorsNamesKeepTheFilesOrderAndCheckTheirKeys) {
  const ConfigReader config("c.yaml", R"(
foundations:
  prod: {url: p}
  dev: {url: d, urk: 1}
)",
                            {{"SLUICE_FOUNDATIONS_PROD_URL", "override"}});
  const auto sections = config.Sections("foundations");
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].first, "prod");
  EXPECT_EQ(sections[0].second.RequiredString("url"), "override");
  EXPECT_EQ(sections[1].first, "dev");
  EXPECT_EQ(sections[1].second.RequiredString("url"), "d");
  EXPECT_EQ(Message(config), "c.yaml:4: foundations.dev.urk: unknown key; did you mean 'url'?");
}

struct Broken {
  const char* text;
  const char* message;
};

class BrokenConfigTest : public ::testing::TestWithParam<Broken> {};

// Of a file that is not YAML as we take it nothing is known, so nothing else is reported.
TEST_P(BrokenConfigTest, TextIsRefusedWithOneLineAndNothingMissingIsReported) {
  const ConfigReader config("f.yaml", GetParam().text);
  config.RequiredString("name");
  EXPECT_THAT(Message(config), AllOf(HasSubstr(GetParam().message), Not(HasSubstr("missing")),
                                     Not(HasSubstr("\n"))));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BrokenConfigTest,
    ::testing::Values(Broken{"a: 1\nb: [1\n", "f.yaml:3: not valid YAML"},
                      Broken{"a: &x 1\nb: 2\n", "f.yaml:1: anchors"},
                      Broken{"a: 1\nb: *x\n", "f.yaml:2: "},
                      Broken{"a: !!binary x\n", "f.yaml:1: tags"},
                      Broken{"a: 1\n---\nb: 2\n", "f.yaml:1: holds several YAML documents"},
                      Broken{"- a\n", "f.yaml:1: must be a map"},
                      Broken{"just text", "f.yaml:1: must be a map"},
                      Broken{"? [a, b]\n: 1\n", "f.yaml:1: a key must be a plain name"},
                      Broken{"a: 1\n\tb: 2\n", "f.yaml:2: "}));

TEST(ConfigLimitTest, TextUpToTheLimitIsReadAndAboveItIsRefused) {
  const std::string fits = "#" + std::string(kConfigBytesMax - 2, 'x') + "\n";
  EXPECT_THAT(ConfigReader("f.yaml", fits).Finish(), IsOk());
  EXPECT_THAT(Message(ConfigReader("f.yaml", fits + "\n")), HasSubstr("f.yaml:1: larger than"));
}

TEST(ConfigLimitTest, NestingUpToTheLimitIsReadAndBelowItIsRefused) {
  const auto nested = [](int depth) {
    // The file itself is the first level.
    return "a: " + std::string(static_cast<size_t>(depth - 1), '[') + "1" +
           std::string(static_cast<size_t>(depth - 1), ']') + "\n";
  };
  const ConfigReader fits("f.yaml", nested(kConfigDepthMax));
  EXPECT_TRUE(fits.Has("a"));
  EXPECT_THAT(fits.Finish(), IsOk());
  EXPECT_THAT(Message(ConfigReader("f.yaml", nested(kConfigDepthMax + 1))),
              HasSubstr("nested deeper than 16 levels"));
}

TEST(ConfigLimitTest, NestingThatWouldExhaustTheStackIsRefused) {
  const std::string open(100000, '[');
  const std::string closed = open + std::string(100000, ']');
  EXPECT_THAT(ConfigReader("f.yaml", "a: " + open).Finish(), HasErrorName("bad-configuration"));
  EXPECT_THAT(Message(ConfigReader("f.yaml", "a: " + closed)), HasSubstr("nested deeper than"));
}

TEST(ConfigLimitTest, MistakesBeyondTheLimitAreCounted) {
  std::string text;
  for (int i = 0; i < 53; ++i) text += "key" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(
      Message(ConfigReader("f.yaml", text)),
      AllOf(HasSubstr("f.yaml:50: "), Not(HasSubstr("f.yaml:51: ")), HasSubstr("\nand 3 more")));
}

TEST(ConfigLimitTest, LongOrControllingKeyIsMadePrintable) {
  const ConfigReader config("f.yaml", "\"a\\e[31m" + std::string(200, 'x') + "\": 1\n");
  EXPECT_THAT(Message(config),
              AllOf(HasSubstr("a?[31mxxx"), HasSubstr("...: unknown key"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace sluice
