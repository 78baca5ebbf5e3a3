// Who we are to one registry: learnt from its 401, kept until it ends.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/secret.h"
#include "common/http/message.h"
#include "common/http/transport.h"
#include "common/http/url.h"
#include "common/registry/challenge.h"
#include "common/registry/credentials.h"

namespace sluice::registry {

// "repository:NAME:pull" or "...:pull,push"; a mount needs two.
using Scopes = std::vector<std::string>;
std::string PullScope(const std::string& repository_path);
std::string PushScope(const std::string& repository_path);

// Thread-safe: threads that lack a token wait for the one that fetches it. Borrows transport and
// clock.
class Login {
 public:
  struct Options {
    // Whether the registry itself is asked without TLS, which alone lets its token server be too.
    bool plain_http = false;
    // Where credentials may be sent, by host; empty: wherever the registry says, over TLS.
    std::vector<std::string> token_hosts;
    absl::Duration call_timeout = absl::Seconds(30);
  };
  Login(Options options, http::Url registry, Credentials credentials,
        http::HttpTransport& transport, const Clock& clock);

  // The Authorization field for these rights; nothing as long as the registry has not asked for
  // any. Fetches another token when the one at hand is about to end.
  StatusOr<std::optional<Secret>> Authorization(const Scopes& scopes, std::stop_token stop);

  // After a 401: what Authorization() gave is used no more, and how to log in is learnt.
  // Unauthenticated "registry-login-needed"; FailedPrecondition "bad-challenge",
  // "unknown-login-scheme", "token-realm-refused", "plain-login-refused" (a password is sent over
  // TLS or loopback only).
  Status Refused(const Scopes& scopes, const http::HttpHeaders& answer);

 private:
  struct CachedToken {
    Secret value;
    absl::Duration ends;  // on the monotonic clock
  };
  enum class Scheme { kNone, kBasic, kBearer };

  Status LearnLocked(const std::vector<Challenge>& challenges)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status CheckRealm(const std::string& realm) const;
  StatusOr<Secret> TokenLocked(const Scopes& scopes, std::stop_token stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  http::HttpRequest TokenRequestLocked(const Scopes& scopes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Secret BasicField() const;

  const Options options_;
  const http::Url registry_;
  const Credentials credentials_;
  http::HttpTransport& transport_;
  const Clock& clock_;
  Mutex mutex_;
  Scheme scheme_ ABSL_GUARDED_BY(mutex_) = Scheme::kNone;
  std::string realm_ ABSL_GUARDED_BY(mutex_);
  std::string service_ ABSL_GUARDED_BY(mutex_);
  std::map<Scopes, CachedToken> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry
