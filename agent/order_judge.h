// Whether a job is begun: the order's own checks, and that the coordinator asks for the part of it
// that is this agent's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/authority.h"
#include "agent/journal.h"
#include "common/base/status.h"
#include "common/trust/order.h"

namespace sluice::agent {

struct JudgedOrder {
  trust::Order order;
  std::string sha256;
  std::string operator_name;
  std::vector<CounterUse> counters;  // that it uses up here
};
// A step order, and which of its targets is the job's: a rollback order may name fewer than the
// promotion has.
struct JudgedStep : JudgedOrder {
  size_t target_index = 0;
  const trust::OrderTarget& target() const { return order.targets[target_index]; }
};

// The promote order of a job that there is none of yet, or at a source the export order. Names of
// trust::AcceptOrder(), and InvalidArgument "wrong-action", "wrong-promotion", "wrong-part" when
// the coordinator asks for something else than what was signed. An agent that is source and target
// of one order uses it up once and judges it whole for each part.
StatusOr<JudgedOrder> JudgePromoteOrder(const Authority& authority, std::string_view envelope,
                                        const JobKey& key);

// An order that continues, ends or undoes the promotion of `original`: names of
// trust::AcceptOrder(), and InvalidArgument "wrong-action", "wrong-promotion",
// "wrong-original-order", "order-differs" unless it is about the same artifact, source and target.
// An agent with several targets of one order uses it up once and judges it whole for each.
struct StepSubject {
  trust::Action action;
  const trust::Order& original;
  const std::string& original_sha256;
  size_t target_index = 0;  // in the original
};
StatusOr<JudgedStep> JudgeStepOrder(const Authority& authority, std::string_view envelope,
                                    const StepSubject& subject);

}  // namespace sluice::agent
