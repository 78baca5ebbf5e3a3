#include "common/trust/trust_expiry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"

namespace sluice::trust {
namespace {

constexpr absl::Duration kLookAgain = absl::Hours(24);

// Until CheckExpiry() may answer otherwise.
absl::Duration UntilChange(const TrustDocument& document, absl::Time now) {
  const absl::Time expires = document.content().expires;
  for (const absl::Time change : {expires - kExpiryNotice, expires}) {
    if (now < change) return change - now;
  }
  return absl::InfiniteDuration();
}

}  // namespace

Status CheckExpiry(const TrustDocument& document, absl::Time now) {
  const absl::Time expires = document.content().expires;
  if (document.ExpiredAt(now)) {
    return NamedError(
        StatusCode::kPermissionDenied, "trust-expired",
        absl::StrCat("version ", document.version(), " of the trust document expired at ",
                     sluice::FormatTime(expires),
                     "; agents refuse everything new until they have a later one "
                     "from the trust root"));
  }
  if (expires - now > kExpiryNotice) return absl::OkStatus();
  return NamedError(StatusCode::kFailedPrecondition, "trust-expires-soon",
                    absl::StrCat("version ", document.version(),
                                 " of the trust document expires at ", sluice::FormatTime(expires),
                                 "; from then on agents refuse everything new: have the "
                                 "trust root sign a later one before"));
}

StatusOr<std::vector<std::string>> ExpiryWarnings(const TrustDocument& document, absl::Time now) {
  const Status expiry = CheckExpiry(document, now);
  if (absl::IsPermissionDenied(expiry)) return expiry;
  if (expiry.ok()) return std::vector<std::string>();
  return std::vector<std::string>{Describe(expiry)};
}

ExpiryWatch::ExpiryWatch(const Clock& clock, Timers& timers, InForce in_force)
    : clock_(clock), timers_(timers), in_force_(std::move(in_force)) {}

ExpiryWatch::~ExpiryWatch() {
  if (next_) timers_.Cancel(*next_);
}

void ExpiryWatch::Look() {
  if (next_) timers_.Cancel(*next_);
  const auto document = in_force_();
  const absl::Time now = clock_.Now();
  const Status expiry = CheckExpiry(*document, now);
  if (!expiry.ok()) LogStatus(LogLevel::kWarning, ErrorName(expiry), expiry);
  next_ = timers_.After(std::min(kLookAgain, UntilChange(*document, now)), [this] { Look(); });
}

}  // namespace sluice::trust
