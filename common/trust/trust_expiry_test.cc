// Goal: nobody is surprised by a trust document's end. Method: a clock that the test moves, and
// what is logged.
#include "common/trust/trust_expiry.h"

#include <string>

#include "common/base/logging.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::trust {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TrustExpiryTest : public ::testing::Test {
 protected:
  void Expire(absl::Duration from_now) {
    TrustContent content = trust_.content();
    content.expires = clock_.Now() + from_now;
    trust_.Use(content);
  }
  Status Check() { return CheckExpiry(trust_.document(), clock_.Now()); }

  // What is logged while `act` runs.
  template <typename Act>
  static std::string LogOf(Act act) {
    ::testing::internal::CaptureStderr();
    StartLogging("test", LogLevel::kInfo);
    act();
    return ::testing::internal::GetCapturedStderr();
  }
  std::string LogAfter(absl::Duration step) {
    return LogOf([&] {
      clock_.Advance(step);
      timers_.RunDue();
    });
  }

  FakeClock clock_;
  Timers timers_{clock_};
  TestTrust trust_;
  ExpiryWatch watch_{clock_, timers_, [this] { return trust_.shared_document(); }};
};

TEST_F(TrustExpiryTest, DocumentIsGoodUntilAWeekBeforeItsEndAndExpiredFromItsEndOn) {
  Expire(kExpiryNotice + absl::Seconds(1));
  EXPECT_THAT(Check(), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Check(),
              AllOf(StatusIs(StatusCode::kFailedPrecondition), HasErrorName("trust-expires-soon")));
  clock_.Advance(kExpiryNotice - absl::Seconds(1));
  EXPECT_THAT(Check(), HasErrorName("trust-expires-soon"));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Check(),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("trust-expired")));
}

TEST_F(TrustExpiryTest, WarningsComeAWeekBeforeThenDailyAndAtTheEnd) {
  Expire(kExpiryNotice + absl::Hours(30));
  EXPECT_EQ(LogOf([&] { watch_.Look(); }), "");
  EXPECT_EQ(LogAfter(absl::Hours(29)), "");
  EXPECT_THAT(LogAfter(absl::Hours(1)),
              AllOf(HasSubstr("trust-expires-soon"), HasSubstr("\"level\":\"warning\"")));
  EXPECT_EQ(LogAfter(absl::Hours(23)), "");
  EXPECT_THAT(LogAfter(absl::Hours(1)), HasSubstr("trust-expires-soon"));
  LogAfter(kExpiryNotice - absl::Hours(25));
  EXPECT_THAT(LogAfter(absl::Hours(1)),
              AllOf(HasSubstr("trust-expired"), Not(HasSubstr("trust-expires-soon"))));
}

TEST_F(TrustExpiryTest, NewerDocumentIsLookedAtWhenItIsInForce) {
  Expire(absl::Hours(1));
  EXPECT_THAT(LogOf([&] { watch_.Look(); }), HasSubstr("trust-expires-soon"));
  Expire(absl::Hours(24 * 90));
  EXPECT_EQ(LogOf([&] { watch_.Look(); }), "");
  EXPECT_EQ(LogAfter(absl::Hours(2)), "") << "the end of the one before is nobody's any more";
}

}  // namespace
}  // namespace sluice::trust
