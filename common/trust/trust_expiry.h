// That a trust document ends is told before everybody is refused by it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

// How long before its end a document is warned of.
inline constexpr absl::Duration kExpiryNotice = absl::Hours(7 * 24);

// PermissionDenied "trust-expired" from its end on; before, FailedPrecondition "trust-expires-soon"
// when no more than kExpiryNotice is left.
Status CheckExpiry(const TrustDocument& document, absl::Time now);

// The same for a check on demand: "trust-expired", or what else it finds in a sentence each.
StatusOr<std::vector<std::string>> ExpiryWarnings(const TrustDocument& document, absl::Time now);

// Logs what CheckExpiry() finds, as a warning of that name: when it is told to look, as soon as
// that changes, and once a day. Belongs to the timers' loop; everything is borrowed.
class ExpiryWatch {
 public:
  using InForce = std::function<std::shared_ptr<const TrustDocument>()>;
  ExpiryWatch(const Clock& clock, Timers& timers, InForce in_force);
  ~ExpiryWatch();
  ExpiryWatch(const ExpiryWatch&) = delete;
  ExpiryWatch& operator=(const ExpiryWatch&) = delete;

  // At the document that is in force now.
  void Look();

 private:
  const Clock& clock_;
  Timers& timers_;
  const InForce in_force_;
  std::optional<Timers::Id> next_;
};

}  // namespace sluice::trust
