// The login at a foundation's UAA by the grant client_credentials (RFC 6749 section 4.4).
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/foundation/records.h"
#include "agent/foundation/retrying_client.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::foundation {

struct AccessToken {
  Secret text;
  std::string client_id;
  std::vector<std::string> scopes;  // sorted
  absl::Duration issued_at;         // Clock::Monotonic() before it was asked for
  absl::Duration life;

  bool Expired(absl::Duration now) const { return now >= issued_at + life; }
  // Less than a quarter of its life is left.
  bool WorthRenewing(absl::Duration now) const { return now >= issued_at + life * 0.75; }
};

// Unauthenticated "login-refused", Unavailable "uaa-unavailable", "rate-limited" or "bad-answer",
// or the transport's failure. No message holds the secret, nor anything else UAA said but its
// error code.
StatusOr<AccessToken> LogIn(std::string_view login_url, const ClientCredentials& credentials,
                            RetryingClient& client, std::stop_token stop);

}  // namespace sluice::foundation
