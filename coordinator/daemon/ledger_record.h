// Events as the ledger keeps them, and back: what a restarted coordinator knows.
//
//   kind            body
//   trust           the trust document that holds from here on (DSSE envelope)
//   order           the promote or export order (DSSE envelope)
//   step-order      the activate, cancel or rollback order (DSSE envelope)
//   source-report   JSON: promotion, revision, state, error, statement (base64 of its envelope),
//   ... target-report   JSON: likewise, with target_index, seal_offer, receipt, what the CC reports
//   routes          JSON: promotion, routes
//   no-path         JSON: promotion, error
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::trust {
enum class Action;
struct Order;
}  // namespace sluice::trust

namespace sluice::coordinator {

inline constexpr std::string_view kTrustKind = "trust";

// `promotion` is whose event it is.
LedgerDraft RecordOf(const Event& event, const std::string& promotion);

struct RecordedEvent {
  std::string promotion;
  Event event;
};

// Whose order an envelope is, by the trust document in force; orders do not say so themselves.
using OperatorOf = std::function<std::string(std::string_view envelope)>;

// DataLoss "ledger-unreadable": written by another program than this one, or a newer one.
StatusOr<RecordedEvent> EventOf(const LedgerEntry& entry, const OperatorOf& operator_of);

// Promote and export orders; others are about a promotion that is there.
bool BeginsPromotion(trust::Action action);

// What the machine needs of an order.
OrderRecorded RecordedOrder(const trust::Order& order, std::string envelope,
                            std::string operator_name);
StepOrdered RecordedStep(const trust::Order& order, std::string envelope,
                         std::string operator_name);

}  // namespace sluice::coordinator
