// Every log line is one JSON object with known fields, whatever bytes a peer put into them.
#include "common/base/logging.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// StartLogging writes to standard error, which each test captures before its first line.
class LoggingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::testing::internal::CaptureStderr();
    StartLogging("sluice-agent", LogLevel::kInfo);
  }
  std::string Written() { return ::testing::internal::GetCapturedStderr(); }
};

TEST_F(LoggingTest, LineIsAnObjectWithTimeLevelProgramEventAndFields) {
  Log(LogLevel::kWarning, "transfer-cut", {{"transfer", "t-1"}, {"bytes", 262144}});
  const auto line = nlohmann::json::parse(Written());
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["program"], "sluice-agent");
  EXPECT_EQ(line["event"], "transfer-cut");
  EXPECT_EQ(line["transfer"], "t-1");
  EXPECT_EQ(line["bytes"], 262144);
  EXPECT_EQ(line.size(), 6u);
  EXPECT_THAT(line["time"].get<std::string>(),
              MatchesRegex("....-..-..T..:..:..\\.[0-9][0-9][0-9]Z"));
}

TEST_F(LoggingTest, LineFeedsAndQuotesInAValueCannotForgeALine) {
  Log(LogLevel::kInfo, "app-found", {{"app", "a\"}\n{\"event\":\"forged\"}%v{}"}});
  const std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
  EXPECT_EQ(nlohmann::json::parse(written)["app"], "a\"}\n{\"event\":\"forged\"}%v{}");
}

TEST_F(LoggingTest, BytesThatAreNotUtf8AreReplacedAndNothingThrows) {
  Log(LogLevel::kInfo, "app-found", {{"app", "ok\xff\xc3"}});
  const auto line = nlohmann::json::parse(Written());
  EXPECT_THAT(line["app"].get<std::string>(), HasSubstr("ok\xef\xbf\xbd"));
}

TEST_F(LoggingTest, LinesBelowTheLevelAreNotWritten) {
  Log(LogLevel::kDebug, "detail", {});
  EXPECT_THAT(Written(), IsEmpty());
}

TEST_F(LoggingTest, StatusIsWrittenWithCodeNameAndMessage) {
  LogStatus(LogLevel::kError, "upload-failed",
            NamedError(StatusCode::kDataLoss, "digest-mismatch", "the droplet differs"),
            {{"app", "checkout"}});
  const auto line = nlohmann::json::parse(Written());
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["code"], "DATA_LOSS");
  EXPECT_EQ(line["error"], "digest-mismatch");
  EXPECT_EQ(line["message"], "the droplet differs");
  EXPECT_EQ(line["app"], "checkout");
}

TEST_F(LoggingTest, LevelsAreReadByName) {
  Written();
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_THAT(ParseLogLevel("loud"), HasErrorName("bad-log-level"));
  EXPECT_THAT(ParseLogLevel(""), HasErrorName("bad-log-level"));
}

TEST(LoggingDeathTest, FieldOutsideTheAllowListEndsTheProcess) {
  EXPECT_DEATH(Log(LogLevel::kError, "login-failed", {{"password", "hunter2"}}),
               "invariant does not hold");
}

// CTest's time limit ends a program that waits for ever.
TEST(LogReaderTest, AReaderThatStopsHoldsNobodyUpAndHearsLaterHowManyLinesItMissed) {
  constexpr int kLines = 400;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_GT(fcntl(ends[1], F_SETPIPE_SZ, 16384), 0);
  const int standard_error = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  StartLogging("sluice-agent", LogLevel::kInfo);
  for (int i = 0; i < kLines; ++i) Log(LogLevel::kInfo, "app-found", {{"app", "checkout"}});
  std::string said(1 << 16, '\0');
  said.resize(static_cast<size_t>(read(ends[0], said.data(), said.size())));
  Log(LogLevel::kInfo, "app-found", {{"app", "the last"}});
  dup2(standard_error, STDERR_FILENO);
  close(standard_error);
  close(ends[1]);
  std::string rest(1 << 16, '\0');
  rest.resize(static_cast<size_t>(read(ends[0], rest.data(), rest.size())));
  close(ends[0]);

  EXPECT_THAT(rest, HasSubstr("the last"));
  int64_t told = 0;
  std::istringstream lines(said + rest);
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text);
    told += line["event"] == "log-lines-lost" ? line["count"].get<int64_t>() : 1;
  }
  EXPECT_EQ(told, kLines + 1);
  EXPECT_THAT(rest, HasSubstr("log-lines-lost"));
}

}  // namespace
}  // namespace sluice
