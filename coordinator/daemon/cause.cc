// Which of several failures to report, and how to say where a promotion stands.
#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/promotion.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

// Lower is more interesting: the cause before its echo.
int Interest(const Status& status) {
  constexpr std::array kByInterest = {
      StatusCode::kDataLoss,           StatusCode::kPermissionDenied,  StatusCode::kUnauthenticated,
      StatusCode::kInvalidArgument,    StatusCode::kNotFound,          StatusCode::kAlreadyExists,
      StatusCode::kFailedPrecondition, StatusCode::kResourceExhausted, StatusCode::kInternal,
      StatusCode::kDeadlineExceeded,   StatusCode::kUnavailable};
  for (size_t i = 0; i < kByInterest.size(); ++i) {
    if (kByInterest[i] == status.code()) return static_cast<int>(i);
  }
  const int others = static_cast<int>(kByInterest.size());
  if (absl::IsUnknown(status)) return others + 1;  // what the other end of a transfer told
  return absl::IsCancelled(status) ? others + 2 : others;
}

// With where it happened before it, once. Agents begin most messages with that themselves: with the
// app or with their foundation, and after it with the other end's, when that told them.
Status Placed(const Status& error, const std::string& where, const PromotionTerms& terms) {
  if (absl::StartsWith(error.message(), where)) return error;
  const std::string own = where.substr(0, where.find(':'));
  absl::string_view told = error.message();
  absl::ConsumePrefix(&told, absl::StrCat(own, ": "));
  const auto told_by = [&own, told](const std::string& foundation) {
    return foundation != own && absl::StartsWith(told, absl::StrCat(foundation, ":"));
  };
  const bool of_another =
      told_by(terms.source_foundation) ||
      std::any_of(terms.targets.begin(), terms.targets.end(),
                  [&](const auto& target) { return told_by(target.foundation); });
  if (!of_another) return WithContext(error, where);
  return NamedError(error.code(), ErrorName(error), FromAbsl(told));
}

// A job may end without saying why; that it ended is then the reason.
Status ErrorOf(const Status& error, bool failed, bool cancelled, const PromotionTerms& terms,
               const std::string& where, const std::string& state) {
  if (!failed) return absl::OkStatus();
  if (!error.ok()) return Placed(error, where, terms);
  return NamedError(cancelled ? StatusCode::kCancelled : StatusCode::kInternal,
                    cancelled ? "cancelled" : "no-reason-given", where + " reports " + state);
}

std::vector<Status> Failures(const Promotion& promotion) {
  std::vector<Status> failures;
  if (!promotion.own_failure.ok()) failures.push_back(promotion.own_failure);
  failures.push_back(ErrorOf(promotion.source.error, IsFailure(promotion.source.state),
                             promotion.source.state == v1::SOURCE_STATE_CANCELLED, promotion.terms,
                             promotion.terms.source, StateWord(promotion.source.state)));
  for (size_t i = 0; i < promotion.targets.size(); ++i) {
    const TargetJob& job = promotion.targets[i];
    const bool cancelled =
        job.state == v1::TARGET_STATE_CANCELLED || job.state == v1::TARGET_STATE_ROLLED_BACK;
    failures.push_back(ErrorOf(job.error, IsEnd(job.state), cancelled, promotion.terms,
                               promotion.terms.targets[i].reference, StateWord(job.state)));
  }
  return failures;
}

std::string StuckReason(const Promotion& promotion) {
  std::vector<std::string> stuck;
  for (size_t i = 0; i < promotion.targets.size(); ++i) {
    if (promotion.targets[i].state != v1::TARGET_STATE_STUCK) continue;
    stuck.push_back(absl::StrCat(promotion.terms.targets[i].reference, ": ",
                                 promotion.targets[i].error.ok()
                                     ? "no reason given"
                                     : Describe(promotion.targets[i].error)));
  }
  return "needs hands at " + absl::StrJoin(stuck, "; ");
}

void AddOnce(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// The foundations whose agents have yet to report.
template <typename Waits>
std::string Foundations(const Promotion& promotion, bool source_waits, Waits target_waits) {
  std::vector<std::string> names;
  if (source_waits) names.push_back(promotion.terms.source_foundation);
  for (size_t i = 0; i < promotion.targets.size(); ++i) {
    if (target_waits(promotion.targets[i].state)) {
      AddOnce(names, promotion.terms.targets[i].foundation);
    }
  }
  return absl::StrJoin(names, ", ");
}

// Where the undo has yet to end.
std::string Undoing(const Promotion& promotion) {
  std::vector<std::string> names;
  for (size_t i = 0; i < promotion.targets.size(); ++i) {
    const TargetJob& job = promotion.targets[i];
    if (UndoConcerns(promotion, job) && (!IsEnd(job.state) || job.asked_again)) {
      AddOnce(names, promotion.terms.targets[i].foundation);
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

Status Cause(const Promotion& promotion) {
  Status cause;
  for (const Status& failure : Failures(promotion)) {
    if (failure.ok()) continue;
    if (cause.ok() || Interest(failure) < Interest(cause)) cause = failure;
  }
  return cause;
}

std::string Reason(const Promotion& promotion) {
  switch (promotion.state) {
    case v1::PROMOTION_STATE_RECORDED:
      return "waiting for agents to accept: " +
             Foundations(promotion, promotion.source.statement.empty(),
                         [](v1::TargetState state) { return !HasAccepted(state); });
    case v1::PROMOTION_STATE_TRANSFERRING:
      if (IsExport(promotion.terms)) {
        return absl::StrCat("waiting for operator ", promotion.terms.recipient,
                            " to receive the droplet; to end it: sluice cancel ", promotion.id);
      }
      return "waiting for the upload at " +
             Foundations(promotion, false,
                         [](v1::TargetState state) { return !HasUploaded(state); });
    case v1::PROMOTION_STATE_WAITING: {
      for (const TargetJob& job : promotion.targets) {
        if (!job.error.ok()) return "activation was refused: " + Describe(job.error);
      }
      return "uploaded everywhere; to go on: sluice activate " + promotion.id;
    }
    case v1::PROMOTION_STATE_ACTIVATING:
      return "waiting for activation at " +
             Foundations(promotion, false,
                         [](v1::TargetState state) { return state != v1::TARGET_STATE_VERIFIED; });
    case v1::PROMOTION_STATE_DONE: {
      for (const TargetJob& job : promotion.targets) {
        if (!job.error.ok()) return "a rollback was refused: " + Describe(job.error);
      }
      const std::string back = Foundations(promotion, false, [](v1::TargetState state) {
        return state == v1::TARGET_STATE_ROLLED_BACK;
      });
      return back.empty() ? "" : "rolled back by order at " + back;
    }
    case v1::PROMOTION_STATE_UNDOING: {
      const std::string waiting = "waiting for the undo at " + Undoing(promotion);
      if (promotion.undo == UndoKind::kCancel) return waiting + "; cancelled by order";
      const Status cause = Cause(promotion);
      return cause.ok() ? waiting : absl::StrCat(waiting, "; because ", Describe(cause));
    }
    case v1::PROMOTION_STATE_FAILED:
      return Describe(Cause(promotion));
    case v1::PROMOTION_STATE_CANCELLED:
      return promotion.undo == UndoKind::kCancel ? "cancelled by order"
                                                 : Describe(Cause(promotion));
    case v1::PROMOTION_STATE_ROLLED_BACK:
      return "rolled back by order";
    case v1::PROMOTION_STATE_STUCK:
      return StuckReason(promotion);
    default:
      return "";
  }
}

}  // namespace sluice::coordinator
