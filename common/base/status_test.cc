// A failure keeps its code and its name on the whole way up, and gives the CLI its exit code.
#include "common/base/status.h"

#include <string>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::AllOf;

Status Mismatch() {
  return NamedError(StatusCode::kDataLoss, "digest-mismatch", "the droplet differs");
}

TEST(StatusTest, NamedErrorHasCodeNameAndMessage) {
  EXPECT_THAT(Mismatch(), AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("digest-mismatch")));
  EXPECT_EQ(Mismatch().message(), "the droplet differs");
  EXPECT_EQ(Describe(Mismatch()), "the droplet differs [digest-mismatch]");
}

TEST(StatusTest, UnnamedErrorAndOkHaveNoName) {
  EXPECT_EQ(ErrorName(absl::UnavailableError("away")), "");
  EXPECT_EQ(ErrorName(absl::OkStatus()), "");
  EXPECT_EQ(Describe(absl::UnavailableError("away")), "away");
  EXPECT_EQ(Describe(absl::OkStatus()), "OK");
}

TEST(StatusTest, ContextIsPutBeforeTheMessageAndNameAndCodeStay) {
  const Status status = WithContext(Mismatch(), "prod:acme/payments/checkout");
  EXPECT_THAT(status, AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("digest-mismatch")));
  EXPECT_EQ(status.message(), "prod:acme/payments/checkout: the droplet differs");
  EXPECT_THAT(WithContext(absl::OkStatus(), "anything"), IsOk());
}

TEST(StatusTest, StatusThatCrossedAProcessIsTheSameAgain) {
  const Status sent = Mismatch();
  const Status received =
      StatusFromParts(static_cast<int>(sent.code()), ErrorName(sent), FromAbsl(sent.message()));
  EXPECT_EQ(received, sent);
  EXPECT_THAT(StatusFromParts(0, "", ""), IsOk());
}

TEST(StatusTest, CodeThatAPeerInventedIsUnknownAndNeverOk) {
  for (const int code : {-1, 17, 1000}) {
    EXPECT_THAT(StatusFromParts(code, "x", "y"), StatusIs(StatusCode::kUnknown)) << code;
  }
  EXPECT_THAT(StatusFromParts(16, "x", "y"), StatusIs(StatusCode::kUnauthenticated));
}

TEST(StatusTest, ExitCodesFollowTheCodes) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(absl::DataLossError("")), 1);
  EXPECT_EQ(ExitCode(absl::FailedPreconditionError("")), 1);
  EXPECT_EQ(ExitCode(absl::CancelledError("")), 1);
  EXPECT_EQ(ExitCode(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCode(absl::PermissionDeniedError("")), 3);
  EXPECT_EQ(ExitCode(absl::UnauthenticatedError("")), 3);
  EXPECT_EQ(ExitCode(absl::NotFoundError("")), 4);
  EXPECT_EQ(ExitCode(absl::UnavailableError("")), 5);
  EXPECT_EQ(ExitCode(absl::DeadlineExceededError("")), 6);
}

StatusOr<int> Half(int number) {
  if (number % 2 != 0) return Mismatch();
  return number / 2;
}

StatusOr<int> Quarter(int number) {
  SLUICE_ASSIGN_OR_RETURN(const int half, Half(number));
  SLUICE_ASSIGN_OR_RETURN(const int quarter, Half(half));
  SLUICE_RETURN_IF_ERROR(absl::OkStatus());
  return quarter;
}

TEST(StatusTest, MacrosHandTheFirstFailureUpAndTheValueOn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_THAT(Quarter(6), HasErrorName("digest-mismatch"));
}

TEST(StatusDeathTest, OkCannotBeANamedError) {
  EXPECT_DEATH(NamedError(StatusCode::kOk, "fine", ""), "invariant does not hold");
}

}  // namespace
}  // namespace sluice
