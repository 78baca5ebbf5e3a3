// Goal: what is made from the command table for shells and for man(1): bash takes the script and
// completes by it, and deploy/man/sluice.1 is the page of this very table. The daemons' pages are
// written by hand and held against what the programs say of themselves.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "coordinator/cli/command_table.h"
#include "coordinator/cli/rendering/completion_script.h"
#include "coordinator/cli/rendering/help_text.h"
#include "coordinator/cli/rendering/man_page.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

struct Shown {
  int exit = -1;
  std::vector<std::string> lines;
};

// What bash prints that runs `script` from its standard input.
Shown RunBash(const std::string& arguments, const std::string& script) {
  std::string path = ::testing::TempDir() + "sluice-bash-XXXXXX";
  const int file = mkstemp(path.data());
  EXPECT_GE(file, 0);
  FILE* stream = fdopen(file, "w");
  fwrite(script.data(), 1, script.size(), stream);
  fclose(stream);
  FILE* shell = popen(absl::StrCat("bash ", arguments, " ", path, " 2>&1").c_str(), "r");
  std::string out;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, shell)) out.append(buffer, count);
  Shown shown;
  shown.exit = WEXITSTATUS(pclose(shell));
  shown.lines = Lines(out);
  remove(path.c_str());
  return shown;
}

// What bash would offer after these words, the last of which is being typed.
std::vector<std::string> Completed(const std::string& words) {
  const std::string script = absl::StrCat(CompletionScript("bash"), "COMP_WORDS=(", words,
                                          ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sluice\n"
                                          "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
  return RunBash("", script).lines;
}

TEST(CompletionTest, BashParsesTheScripts) {
  for (const std::string shell : {"bash", "zsh"}) {
    const Shown shown = RunBash("-n", CompletionScript(shell));
    EXPECT_EQ(shown.exit, 0) << shell << ": " << ::testing::PrintToString(shown.lines);
  }
}

TEST(CompletionTest, BashCompletesCommandsFlagsAndValues) {
  EXPECT_THAT(Completed("sluice prom"), ElementsAre("promote", "promotions", "promotion"));
  EXPECT_THAT(Completed("sluice trust ''"),
              ElementsAre("init", "add-operator", "add-foundation", "show"));
  EXPECT_THAT(Completed("sluice promote dev:a/b/c --st"),
              ElementsAre("--strategy", "--startup-timeout"));
  EXPECT_THAT(Completed("sluice promote a b --strategy ''"), ElementsAre("rolling", "restart"));
  EXPECT_THAT(Completed("sluice trust init --fed"), ElementsAre("--federation"));
  EXPECT_THAT(Completed("sluice completion ''"), Contains("fish"));
  EXPECT_THAT(Completed("sluice keygen ''"), Contains("operator"));
  EXPECT_THAT(Completed("sluice help prom"), Contains("promote"));
  EXPECT_THAT(Completed("sluice --output ''"), ElementsAre("table", "json"));
}

TEST(CompletionTest, AWordAfterTheValueOfAFlagIsStillOfTheCommand) {
  EXPECT_THAT(Completed("sluice --output json prom"), Contains("promote"));
  EXPECT_THAT(Completed("sluice --output = json prom"), Contains("promote"));
  EXPECT_THAT(Completed("sluice --config c.yaml trust add-"),
              ElementsAre("add-operator", "add-foundation"));
}

TEST(CompletionTest, FishGetsALineForEveryCommandAndFlag) {
  const std::string script = CompletionScript("fish");
  for (const CommandDescription& command : CommandTable()) {
    for (const FlagDescription& flag : command.flags) {
      EXPECT_THAT(script, HasSubstr(absl::StrCat(" -l ", std::string(flag.name.substr(2)))));
    }
  }
  for (const std::string& line : Lines(script)) {
    EXPECT_EQ(line.rfind("complete -c sluice ", 0), 0u) << line;
    const std::string quotes = absl::StrReplaceAll(line, {{"\\'", ""}});
    EXPECT_EQ(std::count(quotes.begin(), quotes.end(), '\'') % 2, 0) << line;
  }
}

TEST(ManPageTest, TheDeployedPageIsTheOneOfTheCommandTable) {
  ExpectGolden("deploy/man/sluice.1", ManPage());
}

TEST(ManPageTest, ManReadsItWithoutAWarning) {
  const Shown shown =
      RunBash("", absl::StrCat("groff -ww -man -Tutf8 >/dev/null <<'PAGE'\n", ManPage(), "PAGE\n"));
  EXPECT_EQ(shown.exit, 0);
  EXPECT_THAT(shown.lines, IsEmpty());
}

// What a daemon's own help names: its commands, each with its options.
std::map<std::string, std::set<std::string>> CommandsOf(const std::string& program) {
  const std::string path = absl::StrCat(SLUICE_BINARY_DIR, "/bin/", program);
  std::map<std::string, std::set<std::string>> commands;
  bool listed = false;
  for (const std::string& line : RunBash("", path + " help").lines) {
    if (listed) {
      const std::string words(absl::StripAsciiWhitespace(line));
      commands[words.substr(0, words.find(' '))];
    }
    listed = listed || line == "Subcommands:";
  }
  for (auto& [command, options] : commands) {
    for (const std::string& line : RunBash("", absl::StrCat(path, " ", command, " --help")).lines) {
      if (line.rfind("  --", 0) == 0)
        options.insert(line.substr(2, line.find_first_of(" =", 2) - 2));
    }
  }
  return commands;
}

// The same of its manual page: the commands of its .SS lines, with the options in bold below.
std::map<std::string, std::set<std::string>> CommandsIn(const std::string& page,
                                                        const std::string& program) {
  std::map<std::string, std::set<std::string>> commands;
  std::set<std::string>* options = nullptr;
  const std::string heading = absl::StrCat(".SS ", program, " ");
  for (const std::string& line : Lines(absl::StrReplaceAll(page, {{"\\-", "-"}, {"\"", ""}}))) {
    if (line.rfind(heading, 0) == 0) {
      const std::string rest = line.substr(heading.size());
      options = &commands[rest.substr(0, rest.find(' '))];
    } else if (line.rfind(".SH ", 0) == 0) {
      options = nullptr;
    }
    const size_t option = line.find(" --");
    if (options == nullptr || option == std::string::npos || line.rfind(".B", 0) != 0) continue;
    options->insert(line.substr(option + 1, line.find(' ', option + 1) - option - 1));
  }
  return commands;
}

TEST(ManPageTest, DaemonsPagesNameTheCommandsAndOptionsOfTheirHelp) {
  for (const std::string program : {"sluice-agent", "sluice-coordinator"}) {
    const std::string path = absl::StrCat(SLUICE_SOURCE_DIR, "/deploy/man/", program, ".8");
    const auto page = SystemFiles().Read(path, 1 << 20);
    ASSERT_THAT(page, IsOk());
    const auto commands = CommandsOf(program);
    EXPECT_GE(commands.size(), 6u) << program;
    EXPECT_EQ(CommandsIn(*page, program), commands) << program;
    const Shown shown = RunBash("", absl::StrCat("groff -ww -man -Tutf8 ", path, " >/dev/null"));
    EXPECT_EQ(shown.exit, 0);
    EXPECT_THAT(shown.lines, IsEmpty());
  }
}

TEST(HelpTest, NoLineIsLongerThanAWideTerminal) {
  for (const CommandDescription& command : CommandTable()) {
    const std::string text = *HelpTextOf(command.name);
    for (const std::string& line : Lines(text)) {
      const bool example = line.rfind("  sluice ", 0) == 0;
      EXPECT_TRUE(line.size() <= 100 || example) << line;
    }
  }
}

}  // namespace
}  // namespace sluice::cli
