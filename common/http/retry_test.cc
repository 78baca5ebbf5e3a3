// What is worth another attempt, when, and how often. The server is a function, a wait moves a
// FakeClock: every history takes microseconds and follows from its seed.
#include "common/http/retry.h"

#include <string>
#include <vector>

#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/http/testing/fake_transport.h"
#include "common/http/testing/fake_waiter.h"
#include "gmock/gmock.h"

namespace sluice::http {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RetryTest : public ::testing::Test {
 protected:
  // The server answers by this list, then by the last entry for ever.
  StatusOr<HttpResponse> Perform(std::vector<StatusOr<FakeReply>> replies,
                                 Repeat repeat = Repeat::kAfterAnyTransient) {
    size_t next = 0;
    transport_ = std::make_unique<FakeTransport>(
        [&](const SeenRequest&) { return replies[std::min(next++, replies.size() - 1)]; });
    HttpRequest request;
    request.url = "https://cc.example/v3/apps";
    return PerformWithRetry(*transport_, request, repeat, policy_, random_, clock_, waiter_,
                            stop_.get_token());
  }
  static StatusOr<FakeReply> Reply(int status, HttpHeaders headers = {}) {
    return FakeReply{.status = status, .headers = std::move(headers), .body = "", .then_fail = {}};
  }
  static Status Failure(std::string_view name, StatusCode code = StatusCode::kUnavailable) {
    return NamedError(code, name, "as the test wants it");
  }

  FakeClock clock_;
  FakeWaiter waiter_{clock_};
  SeededRandom random_{7};
  RetryPolicy policy_;
  std::stop_source stop_;
  std::unique_ptr<FakeTransport> transport_;
};

TEST_F(RetryTest, EachTransientStatusIsAskedAgainUntilTheAnswer) {
  const auto response = Perform({Reply(429), Reply(502), Reply(503), Reply(504), Reply(200)});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(waiter_.Waits(), SizeIs(4));
}

TEST_F(RetryTest, AnswerThatIsNotTransientIsReturnedAtOnce) {
  for (int status : {200, 301, 400, 401, 404, 422, 500, 501}) {
    EXPECT_EQ(Perform({Reply(status)})->status, status);
  }
  EXPECT_THAT(waiter_.Waits(), IsEmpty());
}

TEST_F(RetryTest, LastAnswerIsReturnedWhenAttemptsRunOut) {
  EXPECT_EQ(Perform({Reply(503)})->status, 503);
  EXPECT_THAT(transport_->Seen(), SizeIs(policy_.attempts_max));
  EXPECT_THAT(Perform({Failure("connection-cut")}), HasErrorName("connection-cut"));
  EXPECT_THAT(transport_->Seen(), SizeIs(policy_.attempts_max));
}

TEST_F(RetryTest, FailureThatAnotherAttemptWouldMeetAgainIsNotRepeated) {
  EXPECT_THAT(Perform({Failure("tls-untrusted", StatusCode::kFailedPrecondition)}),
              HasErrorName("tls-untrusted"));
  EXPECT_THAT(transport_->Seen(), SizeIs(1));
}

TEST_F(RetryTest, RequestWithAnEffectIsRepeatedOnlyWhenItCannotHaveBeenTaken) {
  EXPECT_EQ(Perform({Reply(429), Reply(202)}, Repeat::kIfNotTaken)->status, 202);
  EXPECT_EQ(Perform({Failure("connect-failed"), Reply(202)}, Repeat::kIfNotTaken)->status, 202);
  for (const char* name : {"connection-cut", "idle-timeout", "not-http", "http-failed"}) {
    EXPECT_THAT(Perform({Failure(name), Reply(202)}, Repeat::kIfNotTaken), HasErrorName(name));
    EXPECT_THAT(transport_->Seen(), SizeIs(1));
  }
  for (int status : {502, 503, 504}) {
    EXPECT_EQ(Perform({Reply(status), Reply(202)}, Repeat::kIfNotTaken)->status, status);
  }
}

TEST_F(RetryTest, RetryAfterIsWaitedForWithJitterOnTop) {
  ASSERT_THAT(Perform({Reply(429, {{"Retry-After", "20"}}), Reply(200)}), IsOk());
  ASSERT_THAT(waiter_.Waits(), SizeIs(1));
  EXPECT_GE(waiter_.Waits()[0], absl::Seconds(20));
  EXPECT_LE(waiter_.Waits()[0], absl::Seconds(20) + policy_.backoff_first);
}

TEST_F(RetryTest, RetryAfterBeyondThePolicyReturnsTheAnswerAtOnce) {
  ASSERT_EQ(Perform({Reply(429, {{"Retry-After", "60"}}), Reply(200)})->status, 200);
  ASSERT_EQ(Perform({Reply(429, {{"Retry-After", "61"}}), Reply(200)})->status, 429);
  EXPECT_THAT(waiter_.Waits(), SizeIs(1));
}

TEST_F(RetryTest, StopDuringAWaitEndsTheCall) {
  FakeTransport transport([&](const SeenRequest&) {
    stop_.request_stop();
    return Reply(503);
  });
  HttpRequest request;
  request.url = "https://cc.example/v3/apps";
  const auto response = PerformWithRetry(transport, request, Repeat::kAfterAnyTransient, policy_,
                                         random_, clock_, waiter_, stop_.get_token());
  EXPECT_THAT(response, HasErrorName("cancelled"));
  EXPECT_THAT(transport.Seen(), SizeIs(1));
}

TEST(BackoffTest, DelaysFollowFromTheSeedAndStayBelowADoublingCeiling) {
  RetryPolicy policy;
  policy.backoff_first = absl::Milliseconds(200);
  policy.backoff_max = absl::Seconds(1);
  const absl::Duration ceilings[] = {absl::Milliseconds(200), absl::Milliseconds(400),
                                     absl::Milliseconds(800), absl::Seconds(1), absl::Seconds(1)};
  SeededRandom random(1);
  SeededRandom again(1);
  for (int failures = 1; failures <= 5; ++failures) {
    absl::Duration longest;
    for (int i = 0; i < 200; ++i) {
      const absl::Duration delay = BackoffDelay(policy, failures, random);
      EXPECT_EQ(delay, BackoffDelay(policy, failures, again));
      ASSERT_GE(delay, absl::ZeroDuration());
      ASSERT_LE(delay, ceilings[failures - 1]);
      longest = std::max(longest, delay);
    }
    EXPECT_GT(longest, ceilings[failures - 1] / 2) << "jitter uses the whole range";
  }
  EXPECT_LE(BackoffDelay(policy, 1'000'000, random), absl::Seconds(1));
}

TEST(RetryAfterTest, SecondsAndDatesAreReadAndNeverNegative) {
  const absl::Time now = absl::FromUnixSeconds(784111777);  // the date below
  const auto after = [now](const char* value) { return RetryAfter({{"Retry-After", value}}, now); };
  EXPECT_EQ(after("0"), absl::ZeroDuration());
  EXPECT_EQ(after("120"), absl::Seconds(120));
  EXPECT_EQ(after("-5"), absl::ZeroDuration());
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:47 GMT"), absl::Seconds(10));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:27 GMT"), absl::ZeroDuration());
  EXPECT_EQ(after("soon"), std::nullopt);
  EXPECT_EQ(RetryAfter({}, now), std::nullopt);
}

TEST(TransportFailureTest, OnlyFailuresBeforeTheFirstByteCountAsNotSent) {
  for (const char* name :
       {"bad-url", "bad-header", "plain-http-refused", "ca-file-unreadable", "dns-failed",
        "connect-failed", "connect-timeout", "tls-failed", "tls-untrusted"}) {
    EXPECT_FALSE(MayHaveBeenSent(NamedError(StatusCode::kUnavailable, name, ""))) << name;
  }
  for (const char* name :
       {"connection-cut", "idle-timeout", "http-timeout", "cancelled", "other"}) {
    EXPECT_TRUE(MayHaveBeenSent(NamedError(StatusCode::kUnavailable, name, ""))) << name;
  }
}

}  // namespace
}  // namespace sluice::http
