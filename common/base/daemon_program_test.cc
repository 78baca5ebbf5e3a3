#include "common/base/daemon_program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

// A program with one command of each kind, and what they were given.
struct Ferry {
  DaemonProgram program{{.name = "ferry",
                         .purpose = "Carries things.",
                         .version = "1.2.3",
                         .config_file = "/etc/ferry.yaml"}};
  std::string file;
  std::optional<std::string> kept;
  std::optional<std::string> checked_config;
  std::optional<int> signal_taken;
  Status ends;
  std::string out;
  std::string error;

  Ferry() {
    program
        .AddCommand("keep", "Keep a file",
                    [this] {
                      kept = file;
                      return ends;
                    })
        ->add_option("--file", file, "Which")
        ->required();
    program.AddConfiguredCommand("check", "Check", [this](const std::string& config_file) {
      checked_config = config_file;
      return ends;
    });
    program.AddServing([this](const std::string&, SignalDescriptor& signals) {
      raise(SIGTERM);
      signal_taken = signals.Take();
      return ends;
    });
  }

  int Run(std::vector<const char*> words) {
    words.insert(words.begin(), "ferry");
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int exit_code = program.Run(static_cast<int>(words.size()), words.data());
    out = ::testing::internal::GetCapturedStdout();
    error = ::testing::internal::GetCapturedStderr();
    return exit_code;
  }
};

TEST(DaemonProgramTest, ACommandActsOnceWithItsOptionsAndAGoodEndIsExitCode0) {
  Ferry ferry;
  EXPECT_EQ(ferry.Run({"keep", "--file", "a"}), 0);
  EXPECT_EQ(ferry.kept, "a");
  EXPECT_EQ(ferry.out + ferry.error, "");
}

TEST(DaemonProgramTest, AFailureIsSaidOnStandardErrorAndGivesItsExitCode) {
  Ferry ferry;
  ferry.ends = NamedError(StatusCode::kPermissionDenied, "wide-key", "the file is readable by all");
  EXPECT_EQ(ferry.Run({"keep", "--file", "a"}), 3);
  EXPECT_EQ(ferry.error, "ferry: the file is readable by all [wide-key]\n");
  EXPECT_EQ(ferry.out, "");
}

TEST(DaemonProgramTest, WordsThatMeanNothingAreExitCode2AndNothingIsDone) {
  const std::vector<std::vector<const char*>> senseless = {
      {}, {"row"}, {"keep"}, {"keep", "--file", "a", "--oar"}, {"keep", "--file", "a", "check"}};
  for (const std::vector<const char*>& words : senseless) {
    Ferry ferry;
    EXPECT_EQ(ferry.Run(words), 2);
    EXPECT_THAT(ferry.error, HasSubstr("[bad-arguments]\n"));
    EXPECT_FALSE(ferry.kept || ferry.checked_config);
  }
}

TEST(DaemonProgramTest, AConfiguredCommandTakesTheUsualFileUnlessToldAnother) {
  Ferry usual;
  EXPECT_EQ(usual.Run({"check"}), 0);
  EXPECT_EQ(usual.checked_config, "/etc/ferry.yaml");
  Ferry told;
  EXPECT_EQ(told.Run({"check", "--config", "here.yaml"}), 0);
  EXPECT_EQ(told.checked_config, "here.yaml");
}

TEST(DaemonProgramTest, VersionAndHelpAreOfTheWholeProgram) {
  Ferry asked_version;
  EXPECT_EQ(asked_version.Run({"version"}), 0);
  EXPECT_EQ(asked_version.out, "ferry 1.2.3\n");
  for (const char* word : {"help", "--help"}) {
    Ferry asked_help;
    EXPECT_EQ(asked_help.Run({word}), 0);
    for (const char* command : {"keep", "check", "run", "version", "help"}) {
      EXPECT_THAT(asked_help.out, HasSubstr(command)) << word;
    }
  }
}

// In a child, whose standard output is what `open_output` makes of it: the exit code.
int RunWithOutput(const std::vector<const char*>& words, const std::function<void()>& open_output) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    open_output();
    Ferry ferry;
    _exit(ferry.program.Run(static_cast<int>(words.size()), words.data()));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(DaemonProgramTest, OutputThatCannotBeWrittenIsNoSuccess) {
  const auto full = [] { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  const auto closed = [] { close(STDOUT_FILENO); };
  const auto good = [] { dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO); };
  for (const char* word : {"version", "help", "--help"}) {
    EXPECT_EQ(RunWithOutput({"ferry", word}, full), 2) << word;
    EXPECT_EQ(RunWithOutput({"ferry", word}, closed), 2) << word;
    EXPECT_EQ(RunWithOutput({"ferry", word}, good), 0) << word;
  }
  EXPECT_EQ(RunWithOutput({"ferry", "check"}, full), 0) << "it prints nothing";
}

TEST(DaemonProgramTest, AFileThatIsNotThereIsBadInput) {
  Ferry ferry;
  ferry.ends = NamedError(StatusCode::kNotFound, "no-file", "cannot open /none");
  EXPECT_EQ(ferry.Run({"check"}), 2);
}

// Without the descriptor the signal would end this process.
TEST(DaemonProgramTest, ASignalThatComesWhileServingWaitsToBeTaken) {
  Ferry ferry;
  EXPECT_EQ(ferry.Run({"run"}), 0);
  EXPECT_EQ(ferry.signal_taken, SIGTERM);
}

}  // namespace
}  // namespace sluice
