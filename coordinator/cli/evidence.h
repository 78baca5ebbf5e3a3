// Whether what the coordinator tells of a promotion is what was signed. The coordinator is trusted
// with nothing: an order counts by its operator's signature, a success by the targets' receipts.
#pragma once

#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"

namespace sluice::v1 {
class PromotionDetail;
}

namespace sluice::cli {

struct RecordedOrder {
  trust::Order order;
  std::string sha256;                      // of its envelope
  std::optional<std::string> revoked_key;  // id of the key that signed it, if no other one did
};

// The promote or export order among the ledger entries of `detail`, signed by an operator of
// `trust` and in agreement with the rest of `detail`. An operator's key that was revoked since
// counts, as such: who may end or undo a promotion need not have begun it, and what is ordered then
// stands on its own signature. DataLoss "no-recorded-order" or "record-differs"; names as
// VerifyEnvelope().
StatusOr<RecordedOrder> FindOrder(const v1::PromotionDetail& detail,
                                  const trust::TrustDocument& trust);

// A line for the operator who is about to see or do something about it; "" for a key in force.
std::string RevokedKeyNote(const RecordedOrder& recorded);

// The promotion that is told of has the order's id, source, targets and digest. DataLoss
// "record-differs".
Status CheckRecord(const RecordedOrder& recorded, const v1::PromotionDetail& detail);

// Of a promotion that is said to be done: each target has a receipt by its own agent that its Cloud
// Controller reported the order's digest for it, verified; one that is said to be rolled back has a
// receipt of that. DataLoss "no-receipt" or
// "receipt-differs"; names as VerifyReceipt().
Status CheckReceipts(const RecordedOrder& recorded, const v1::PromotionDetail& detail,
                     const trust::TrustDocument& trust);

}  // namespace sluice::cli
