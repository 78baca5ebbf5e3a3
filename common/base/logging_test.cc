// Every log line is one JSON object with known fields, whatever bytes a peer put into them.
#include "common/base/logging.h"

#include <algorithm>
#include <nlohmann/json.hpp>
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

}  // namespace
}  // namespace sluice
