#include "agent/order_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::agent {
namespace {

Status Mismatch(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

std::vector<CounterUse> CountersOf(const trust::Order& order, const FoundationName& foundation) {
  std::vector<CounterUse> counters;
  for (const trust::OrderTarget& target : order.targets) {
    if (target.reference.foundation != foundation || target.counter == 0) continue;
    counters.push_back({target.reference.text(), target.counter});
  }
  return counters;
}

Status CheckPart(const trust::Order& order, const FoundationName& own, const JobKey& key) {
  const bool exports = order.action == trust::Action::kExport && key.role == JobRole::kSource;
  if (order.action != trust::Action::kPromote && !exports) {
    return Mismatch("wrong-action",
                    "a job begins with a promote or export order, not with another");
  }
  if (order.promotion.value() != key.promotion) {
    return Mismatch("wrong-promotion",
                    absl::StrCat("the order is for promotion ", order.promotion.value(),
                                 ", the coordinator asks for ", key.promotion));
  }
  const bool ours = key.role == JobRole::kSource
                        ? order.source.reference.foundation == own
                        : key.target_index < order.targets.size() &&
                              order.targets[key.target_index].reference.foundation == own;
  if (ours) return absl::OkStatus();
  return Mismatch(
      "wrong-part",
      absl::StrCat("the part that the coordinator asks for is not that of ", own.value()));
}

// What an order asks and this agent cannot do is refused, never left out or done in another way.
Status CheckSupported(const trust::Order& order) {
  if (order.strategy == trust::Strategy::kCanary) {
    return NamedError(StatusCode::kInvalidArgument, "strategy-not-supported",
                      "this agent knows the strategies rolling and restart");
  }
  if (!order.manifest_sha256.empty()) {
    return NamedError(StatusCode::kInvalidArgument, "manifest-not-supported",
                      "this agent applies no manifests");
  }
  if (order.on_failure != trust::OnFailure::kRollback) {
    return NamedError(StatusCode::kInvalidArgument, "on-failure-not-supported",
                      "this agent knows only on_failure \"rollback\"");
  }
  return absl::OkStatus();
}

// Whom it is obeyed for, whatever is asked of it.
StatusOr<JudgedOrder> Judge(const Authority& authority, std::string_view envelope) {
  SLUICE_ASSIGN_OR_RETURN(trust::AcceptedOrder accepted, authority.AcceptOrder(envelope));
  JudgedOrder judged;
  judged.sha256 = std::move(accepted.order_sha256);
  judged.operator_name = std::move(accepted.operator_name);
  judged.counters = CountersOf(accepted.order, authority.foundation());
  judged.order = std::move(accepted.order);
  return judged;
}

}  // namespace

StatusOr<JudgedOrder> JudgePromoteOrder(const Authority& authority, std::string_view envelope,
                                        const JobKey& key) {
  SLUICE_ASSIGN_OR_RETURN(JudgedOrder judged, Judge(authority, envelope));
  SLUICE_RETURN_IF_ERROR(CheckPart(judged.order, authority.foundation(), key));
  SLUICE_RETURN_IF_ERROR(CheckSupported(judged.order));
  return judged;
}

StatusOr<JudgedStep> JudgeStepOrder(const Authority& authority, std::string_view envelope,
                                    const StepSubject& subject) {
  JudgedStep judged;
  SLUICE_ASSIGN_OR_RETURN(static_cast<JudgedOrder&>(judged), Judge(authority, envelope));
  const trust::Order& order = judged.order;
  const trust::Order& original = subject.original;
  if (order.action != subject.action) {
    return Mismatch(
        "wrong-action",
        absl::StrCat("the operator signed an order to ", ToAbsl(trust::ActionName(order.action)),
                     ", not to ", ToAbsl(trust::ActionName(subject.action))));
  }
  if (order.promotion != original.promotion) {
    return Mismatch("wrong-promotion",
                    absl::StrCat("the order is for promotion ", order.promotion.value()));
  }
  if (order.original_order_sha256 != subject.original_sha256) {
    return Mismatch("wrong-original-order",
                    "the order continues another order than this promotion's");
  }
  const trust::OrderTarget& target = original.targets[subject.target_index];
  const auto named = std::find_if(
      order.targets.begin(), order.targets.end(),
      [&target](const trust::OrderTarget& other) { return other.reference == target.reference; });
  const bool same =
      order.artifact == original.artifact && order.source == original.source &&
      named != order.targets.end() && named->space_guid == target.space_guid &&
      (target.app_guid.empty() || named->app_guid == target.app_guid) &&
      (order.action == trust::Action::kRollback || order.targets.size() == original.targets.size());
  if (!same) {
    return Mismatch("order-differs",
                    "the order names another droplet, source or target than the "
                    "promotion that it belongs to");
  }
  judged.target_index = static_cast<size_t>(named - order.targets.begin());
  return judged;
}

}  // namespace sluice::agent
