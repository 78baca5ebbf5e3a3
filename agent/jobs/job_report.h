// What the coordinator is told of a job, and what the target's agent signs at its end.
#pragma once

#include <optional>
#include <string>

#include "agent/jobs/source_record.h"
#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/jobs/target_steps.h"
#include "common/base/status.h"
#include "common/transfer/bulk_exchange.h"
#include "common/trust/receipt.h"

namespace sluice::v1 {
class Error;
class JobReport;
class Progress;
}  // namespace sluice::v1

namespace sluice::agent {

// Both leave promotion, role, index and revision to the caller.
v1::JobReport ReportOf(const SourceRecord& record, const trust::Order& order);
// `refusal`: why a step order had no effect; OK when there is nothing to say.
v1::JobReport ReportOf(const TargetRecord& record, const TargetFacts& facts,
                       const trust::Order& order, const Status& refusal);

// Whether the record is at a point that the coordinator hears of: while a target undoes it has only
// wishes to wait for.
bool Reportable(const TargetRecord& record);

// The outcome that a receipt of this record would have; nothing when there is none to sign.
std::optional<trust::Outcome> OutcomeOf(const TargetRecord& record, const trust::Order& order);
trust::Receipt ReceiptOf(const TargetRecord& record, const TargetFacts& facts,
                         const TargetAssignment& assignment, const std::string& order_sha256,
                         trust::Outcome outcome);

void SetError(v1::Error* message, const Status& status);
void SetProgress(v1::Progress* message, const transfer::TransferFigures& figures);
// A target's.
void AddWays(v1::Progress* message, const std::vector<transfer::WayFigures>& ways);

// Nothing of the droplet had to come: its foundation had it.
bool WasThere(const TargetFacts& facts);

}  // namespace sluice::agent
