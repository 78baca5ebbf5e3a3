// Which orders the coordinator takes. Agents decide for themselves and trust nothing of this; it
// keeps the ledger clean and tells the operator early.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::trust {
class TrustDocument;
}  // namespace sluice::trust

namespace sluice::coordinator {

struct TakenOrder {
  std::string promotion;
  Event event;  // OrderRecorded or StepOrdered
};

struct IntakeContext {
  const trust::TrustDocument& trust;
  std::string submitter;  // the operator whose session it came through
  absl::Time now;
  // The promotion that a step order is about; null when there is none.
  std::function<const Promotion*(const std::string& id)> find_promotion;
};

// Names of ParseEnvelope(), VerifyEnvelope() and ParseOrder(), and:
//   PermissionDenied    submitted-by-another, not-granted, droplet-denied
//   InvalidArgument     wrong-federation, wrong-original-order, source-differs, targets-differ,
//                       on-failure-not-supported (only rollback is, for now)
//   NotFound            no-foundation, no-promotion
//   Unavailable         trust-too-old
//   FailedPrecondition  trust-expired, order-from-the-future, order-expired, order-life-too-long
StatusOr<TakenOrder> TakeOrder(const std::string& envelope, const IntakeContext& context);

// The name of the operator who signed an envelope, by the hints in it and without any check: for
// showing what was recorded. "key KEYID" when the document does not know the key.
std::string SignerOf(std::string_view envelope, const trust::TrustDocument& trust);

}  // namespace sluice::coordinator
