// Goal: what is made from the command table for shells and for man(1): bash takes the script and
// completes by it, and deploy/man/sluice.1 is the page of this very table.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/testing/golden_file.h"
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
