// One client, many threads: what ThreadSanitizer looks at.
#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"

namespace sluice::foundation {
namespace {

constexpr int kThreads = 4;
constexpr int kCallsPerThread = 100;

// Fails now and then in a way that may pass; every login gives another token.
class BusyFoundation {
 public:
  StatusOr<http::FakeReply> Serve(const http::SeenRequest& request) {
    if (request.url == "https://api.test/") {
      return JsonReply(200, {{"links",
                              {{"uaa", {{"href", "https://uaa.test"}}},
                               {"cloud_controller_v3", {{"meta", {{"version", "3.1.0"}}}}}}}});
    }
    if (request.url.starts_with("https://uaa.test")) {
      return JsonReply(200, {{"access_token", absl::StrCat("token-", ++logins)},
                             {"expires_in", 1200},
                             {"scope", ""}});
    }
    if (++calls % 3 == 0 && failures < kThreads * kCallsPerThread / 10) {
      ++failures;
      return ErrorReply(503, 10015, "CF-ServiceUnavailable", "Database connection failure");
    }
    return JsonReply(200, AppJson("app-1", "a", "space-1"));
  }
  std::atomic<int> logins = 0;
  std::atomic<int> calls = 0;
  std::atomic<int> failures = 0;
};

TEST(ThreadsTest, ShareOneClientWhileItsTokenGrowsOldAndIsForgotten) {
  BusyFoundation foundation;
  http::FakeTransport transport(
      [&](const http::SeenRequest& request) { return foundation.Serve(request); });
  FakeClock clock;
  http::FakeWaiter waiter(clock);
  CloudController client(
      {.foundation = "prod", .api_url = "https://api.test", .retry = {}},
      [] {
        return ClientCredentials{"sluice", Secret("s")};
      },
      transport, clock, waiter, /*jitter_seed=*/1);
  std::atomic<int> failed = 0;
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.push_back(std::make_unique<Thread>(absl::StrCat("caller-", i), [&, i] {
        for (int call = 0; call < kCallsPerThread; ++call) {
          if (!client.GetApp(AppGuid("app-1"), {}).ok()) ++failed;
          clock.Advance(absl::Seconds(60));
          if (i == 0 && call % 10 == 0) client.Reload();
        }
      }));
    }
  }
  EXPECT_EQ(failed, 0);
  EXPECT_GE(foundation.logins, kCallsPerThread / 10);
}

}  // namespace
}  // namespace sluice::foundation
