// The command line as an operator mistypes it: each mistake is told on one line, with what to
// write.
#include "coordinator/cli/arguments.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/testing/status_matchers.h"
#include "coordinator/cli/command_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const std::string kSource = "dev:acme/payments/checkout";
const std::string kTarget = "prod:acme/payments";

// The words of an example, whose only quotes are single ones.
Words WordsOf(std::string_view example) {
  Words words;
  bool quoted = false;
  std::string word;
  for (const char c : example) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      words.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  words.push_back(word);
  words.erase(words.begin());  // "sluice"
  return words;
}

template <typename Command>
Command Parsed(const Words& words) {
  const StatusOr<Arguments> arguments = ParseArguments(words);
  EXPECT_THAT(arguments, IsOk());
  return std::get<Command>(arguments.value().command);
}

TEST(ArgumentsTest, PromoteTakesSourceTargetAndEveryFlag) {
  const auto promote = Parsed<PromoteArguments>({"promote",
                                                 kSource,
                                                 kTarget,
                                                 "--droplet",
                                                 "11111111-0000-4000-8000-000000000002",
                                                 "--create",
                                                 "--no-activate",
                                                 "--strategy",
                                                 "restart",
                                                 "--startup-timeout",
                                                 "90s",
                                                 "--id",
                                                 "CHG-7",
                                                 "--reason",
                                                 "because --this",
                                                 "--yes",
                                                 "--timeout",
                                                 "10m",
                                                 "--deadline",
                                                 "2h"});
  EXPECT_EQ(promote.source, kSource);
  EXPECT_THAT(promote.targets, ElementsAre(kTarget));
  EXPECT_EQ(promote.droplet, "11111111-0000-4000-8000-000000000002");
  EXPECT_TRUE(promote.create);
  EXPECT_FALSE(promote.activate);
  EXPECT_EQ(promote.strategy, "restart");
  EXPECT_EQ(promote.startup_timeout, absl::Seconds(90));
  EXPECT_EQ(promote.id, "CHG-7");
  EXPECT_EQ(promote.reason, "because --this");
  EXPECT_TRUE(promote.yes);
  EXPECT_EQ(promote.wait.timeout, absl::Minutes(10));
  EXPECT_EQ(promote.deadline, absl::Hours(2));
}

TEST(ArgumentsTest, PromoteTakesSeveralTargetsWithFlagsAmongThem) {
  for (const Words& words :
       {Words{"promote", kSource, kTarget, "east:acme/payments", "west:acme/payments", "--yes"},
        Words{"promote", "--yes", kSource, kTarget, "east:acme/payments", "west:acme/payments"},
        Words{"promote", kSource, kTarget, "--yes", "east:acme/payments", "--id", "CHG-7",
              "west:acme/payments"}}) {
    const auto promote = Parsed<PromoteArguments>(words);
    EXPECT_EQ(promote.source, kSource);
    EXPECT_THAT(promote.targets, ElementsAre(kTarget, "east:acme/payments", "west:acme/payments"));
    EXPECT_TRUE(promote.yes);
  }
}

TEST(ArgumentsTest, FlagsMayStandBeforeBetweenAndAfterTheWordsOfACommand) {
  for (const Words& words : {Words{"--output", "json", "promote", kSource, kTarget, "--yes"},
                             Words{"promote", "--yes", kSource, "--output=json", kTarget},
                             Words{"promote", kSource, kTarget, "--yes", "--output", "json"}}) {
    const StatusOr<Arguments> arguments = ParseArguments(words);
    ASSERT_THAT(arguments, IsOk());
    EXPECT_EQ(arguments->global.output, OutputFormat::kJson);
    EXPECT_TRUE(std::get<PromoteArguments>(arguments->command).yes);
  }
}

TEST(ArgumentsTest, TheNameOfACommandMayBeThatOfSomethingElse) {
  EXPECT_EQ(Parsed<KeygenArguments>({"keygen", "operator", "watch"}).name, "watch");
  EXPECT_EQ(Parsed<PromotionArguments>({"promotion", "help"}).id, "help");
}

struct Mistake {
  Words words;
  std::string name;
  std::string says;
};

TEST(ArgumentsTest, ARateIsBytesASecondAndAnythingElseIsToldByItsName) {
  EXPECT_EQ(Parsed<PromoteArguments>({"promote", kSource, kTarget}).bytes_per_second_max,
            std::nullopt);
  EXPECT_EQ(Parsed<PromoteArguments>({"promote", kSource, kTarget, "--limit-rate", "10M"})
                .bytes_per_second_max,
            10 << 20);
  for (const std::string wrong : {"fast", "10MB", "-1M", "0", "16383", "9999999T", ""}) {
    const StatusOr<Arguments> refused =
        ParseArguments({"promote", kSource, kTarget, "--limit-rate", wrong});
    EXPECT_THAT(refused, HasErrorName("bad-rate")) << wrong;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("500K or 10M, from 16K on"));
  }
}

void ExpectMistakes(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    const StatusOr<Arguments> arguments = ParseArguments(mistake.words);
    SCOPED_TRACE(absl::StrCat("'", absl::StrJoin(mistake.words, "' '"), "'"));
    EXPECT_THAT(arguments, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(arguments, HasErrorName(mistake.name));
    EXPECT_THAT(std::string(arguments.status().message()), HasSubstr(mistake.says));
    EXPECT_FALSE(absl::StrContains(arguments.status().message(), "\n"));
  }
}

TEST(ArgumentsTest, EveryMistakeIsToldByItsNameOnOneLine) {
  const std::string long_id(65, 'x');
  const std::vector<Mistake> mistakes = {
      {{}, "no-command", "'sluice help'"},
      {{"promte"}, "unknown-command", "promte"},
      {{"--bogus"}, "unknown-flag", "--bogus"},
      {{"trust"}, "no-command", "'sluice help trust'"},
      {{"trust", "ini"}, "unknown-command", "'trust ini'"},
      {{"promote"}, "bad-arguments", "needs SOURCE"},
      {{"promote", kSource}, "bad-arguments", "needs TARGET"},
      {{"promote", "", kTarget}, "bad-arguments", "needs SOURCE"},
      {{"watch", "5f1c", "third"}, "bad-arguments", "third"},
      {{"promote", kSource, kTarget, "--bogus"}, "unknown-flag", "--bogus"},
      {{"promote", kSource, kTarget, "--strategy"}, "bad-arguments", "--strategy takes one value"},
      {{"promote", kSource, kTarget, "--id", "a", "--id", "b"}, "bad-arguments", "--id takes one"},
      {{"promote", kSource, kTarget, "--strategy", "canary"}, "bad-arguments", "rolling, restart"},
      {{"promote", kSource, kTarget, "--droplet", "sha256:ABC"}, "bad-droplet", "64 lower-case"},
      {{"promote", kSource, kTarget, "--droplet", "a/b"}, "bad-droplet", "guid"},
      {{"promote", kSource, kTarget, "--droplet", ""}, "bad-droplet", "guid"},
      {{"promote", kSource, kTarget, "--timeout", "soon"}, "bad-duration", "90s"},
      {{"promote", kSource, kTarget, "--timeout", "-1s"}, "bad-duration", "90s"},
      {{"promote", kSource, kTarget, "--timeout", "0.5s"}, "bad-duration", "from 1s"},
      {{"promote", kSource, kTarget, "--startup-timeout", "25h"}, "bad-duration", "24h"},
      {{"promote", kSource, kTarget, "--deadline", "0s"}, "bad-duration", "from 1s"},
      {{"promote", kSource, kTarget, "--detach", "--timeout", "1m"}, "bad-arguments", "--detach"},
      {{"promote", kSource, kTarget, "--id", ""}, "bad-promotion-id", "--id"},
      {{"promote", kSource, kTarget, "--id", long_id}, "bad-promotion-id", "64"},
      {{"promote", kSource, kTarget, "--id", "a b"}, "bad-promotion-id", "letters"},
      {{"promote", kSource, kTarget, "--reason", std::string(513, 'x')}, "bad-arguments", "512"},
      {{"promote", kSource, kTarget, "--output", "yaml"}, "bad-arguments", "table, json"},
      {{"watch"}, "bad-arguments", "needs ID"},
      {{"promote", kSource, kTarget, "--reason", "two\nlines"}, "bad-arguments", "one line"},
      {{"cancel", kSource}, "bad-promotion-id", absl::StrCat("promotions --app ", kSource)},
      {{"watch", "../etc"}, "bad-promotion-id", "ID"},
      {{"activate", "a/b"}, "bad-promotion-id", "ID"},
      {{"cancel", "a", "b"}, "bad-arguments", "b"},
      {{"cancel", "a", "--yes"}, "unknown-flag", "--yes"},
      {{"rollback"}, "bad-arguments", "needs PROMOTION"},
      {{"promotion"}, "bad-arguments", "needs ID"},
      {{"promotions", "--state", "finished"}, "bad-arguments", "rolled_back"},
      {{"promotions", "extra"}, "bad-arguments", "extra"},
      {{"foundations", "dev"}, "bad-arguments", "dev"},
      {{"apps"}, "bad-arguments", "needs SCOPE"},
      {{"droplets"}, "bad-arguments", "needs APP"},
      {{"keygen"}, "bad-arguments", "needs KIND"},
      {{"keygen", "agent", "x"}, "bad-arguments", "root, or operator"},
      {{"keygen", "operator"}, "bad-arguments", "NAME"},
      {{"keygen", "operator", "a b"}, "bad-arguments", "letters"},
      {{"trust", "init", "--federation", "acme"}, "bad-arguments", "needs --root-key"},
      {{"trust", "add-operator", "--document", "d", "--root-key", "k", "--grant", "read@*:*/*"},
       "bad-arguments",
       "needs CARD"},
      {{"trust", "add-operator", "c", "--document", "d", "--root-key", "k"},
       "bad-arguments",
       "needs --grant"},
      {{"trust", "add-foundation", "prod"}, "bad-arguments", "needs CARD"},
      {{"trust", "show", "--life", "1h"}, "unknown-flag", "--life"},
      {{"completion", "tcsh"}, "bad-arguments", "bash, zsh or fish"},
      {{"help", "promte"}, "unknown-command", "sluice help"},
      {{"version", "--short"}, "unknown-flag", "--short"},
  };
  ExpectMistakes(mistakes);
}

TEST(ArgumentsTest, ValuesThatSomebodyWillRegretAreMistakes) {
  ExpectMistakes({
      {{"promote", kSource, kTarget, "--reason", "\xff\xfe"}, "bad-arguments", "UTF-8"},
      {{"promote", kSource, kTarget, "--reason", "\xc2\x85"}, "bad-arguments", "control"},
      {{"promote", kSource, kTarget, "--reason", "--dry-run"}, "bad-arguments", "no value"},
      {{"promote", kSource, kTarget, "--id", "--yes"}, "bad-arguments", "--yes"},
      {{"promote", kSource, kTarget, "--id", "--output"}, "bad-arguments", "--output"},
      {{"promote", kSource, kTarget, "--id", "-x"}, "bad-promotion-id", "begins with"},
      {{"promote", kSource, kTarget, "--id", ".."}, "bad-promotion-id", "begins with"},
      {{"promotions", "--limit", "0"}, "bad-arguments", "1 to 1000"},
      {{"promotions", "--limit", "1001"}, "bad-arguments", "1 to 1000"},
      {{"promotions", "--limit", "many"}, "bad-arguments", "1 to 1000"},
  });
}

TEST(ArgumentsTest, EveryCommandHasHelpWithUsageFlagsAndExamples) {
  for (const CommandDescription& command : CommandTable()) {
    SCOPED_TRACE(command.name);
    Words words = absl::StrSplit(ToAbsl(command.name), ' ');
    words.push_back("--help");
    const std::string text = Parsed<HelpArguments>(words).text;
    EXPECT_THAT(text, HasSubstr(absl::StrCat("Usage: sluice ", ToAbsl(command.name))));
    EXPECT_THAT(text, HasSubstr("Examples:\n"));
    for (const FlagDescription& flag : command.flags) {
      EXPECT_THAT(text, HasSubstr(std::string(flag.name)));
    }
    for (const ExampleDescription& example : command.examples) {
      EXPECT_THAT(text, HasSubstr(std::string(example.command)));
    }
    EXPECT_FALSE(command.examples.empty());
    // The same by the other way to ask.
    words.pop_back();
    words.insert(words.begin(), "help");
    EXPECT_EQ(Parsed<HelpArguments>(words).text, text);
  }
}

TEST(ArgumentsTest, EveryExampleOfTheHelpIsACommandLineThatParses) {
  for (const CommandDescription& command : CommandTable()) {
    for (const ExampleDescription& example : command.examples) {
      if (!absl::StartsWith(ToAbsl(example.command), "sluice ")) continue;  // "source <(…"
      EXPECT_THAT(ParseArguments(WordsOf(example.command)), IsOk()) << example.command;
    }
  }
}

TEST(ArgumentsTest, TheVersionIsGivenAsACommandAndAsAFlag) {
  Parsed<VersionArguments>({"version"});
  Parsed<VersionArguments>({"--version"});
  Parsed<VersionArguments>({"promote", "--version"});
}

TEST(ArgumentsTest, HelpIsGivenEvenBesideMistakes) {
  EXPECT_THAT(Parsed<HelpArguments>({"promote", "--strategy", "canary", "--help"}).text,
              HasSubstr("Usage: sluice promote"));
  EXPECT_THAT(Parsed<HelpArguments>({"--help"}).text, HasSubstr("Usage: sluice COMMAND"));
  EXPECT_EQ(Parsed<HelpArguments>({"promote", "-h"}).text,
            Parsed<HelpArguments>({"promote", "--help"}).text);
  EXPECT_THAT(Parsed<HelpArguments>({"help"}).text, HasSubstr("Exit codes"));
  EXPECT_THAT(Parsed<HelpArguments>({"trust", "--help"}).text, HasSubstr("trust add-foundation"));
}

TEST(ArgumentsTest, TheRequestedFormatIsKnownEvenWhenTheRestIsWrong) {
  EXPECT_EQ(RequestedOutput({"promte", "--output", "json"}), OutputFormat::kJson);
  EXPECT_EQ(RequestedOutput({"--output=json"}), OutputFormat::kJson);
  EXPECT_EQ(RequestedOutput({"promote", "--output", "yaml"}), OutputFormat::kTable);
  EXPECT_EQ(RequestedOutput({"promote", "--output"}), OutputFormat::kTable);
  EXPECT_EQ(RequestedOutput({"--", "--output", "json"}), OutputFormat::kTable);
}

}  // namespace
}  // namespace sluice::cli
