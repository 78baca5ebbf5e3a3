// Signed orders on their way: made, submitted, watched to their end, and checked against receipts.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/trust/order.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/evidence.h"
#include "coordinator/cli/reporting.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

// Everything about the promotion of that id, or of which it is the only beginning. NotFound
// "no-promotion", InvalidArgument "ambiguous-id".
StatusOr<v1::PromotionDetail> GetPromotion(Session& session, const std::string& id);

// Fills in what all orders of this session share: order id, federation, trust version, times.
void StampOrder(World& world, const Session& session, trust::Order& order);

// An order that asks for a step of a recorded promotion; its targets are the promotion's, with
// counter 0.
trust::Order StepOrder(const RecordedOrder& recorded, trust::Action action,
                       const std::string& reason);

// The question, and the operator's answer. OK for yes; Cancelled "declined"; InvalidArgument
// "needs-confirmation" when nobody is there to ask.
Status Confirm(World& world, bool yes, std::string_view question);

// Signs and submits. The envelope's text.
inline constexpr absl::Duration kOrderAnswerWait = absl::Seconds(30);
StatusOr<std::string> Submit(Session& session, const trust::Order& order,
                             absl::Duration wait = kOrderAnswerWait);

// What comes after an order is recorded: nothing with --detach, else watching, the summary on
// standard output, and the check of the receipts. `undone` as OutcomeOf() has it.
Status FollowToEnd(World& world, Session& session, const GlobalArguments& global,
                   const WaitArguments& wait, const RecordedOrder& recorded, Aim aim,
                   const std::vector<std::string>& undone = {});

}  // namespace sluice::cli
