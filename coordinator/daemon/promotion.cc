#include "coordinator/daemon/promotion.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/job_states.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

using v1::PromotionState;
using v1::SourceState;
using v1::TargetState;

Status OutOfOrder(std::string_view who, const std::string& from, const std::string& to) {
  return NamedError(StatusCode::kFailedPrecondition, "report-out-of-order",
                    absl::StrCat("the report of ", ToAbsl(who), " goes from ", from, " to ", to,
                                 ", which the promotion does not allow now"));
}

bool SourceAccepted(const Promotion& promotion) { return !promotion.source.statement.empty(); }

bool AllTargets(const Promotion& promotion, bool (*holds)(TargetState)) {
  return std::all_of(promotion.targets.begin(), promotion.targets.end(),
                     [holds](const TargetJob& job) { return holds(job.state); });
}

bool AnyTarget(const Promotion& promotion, bool (*holds)(TargetState)) {
  return std::any_of(promotion.targets.begin(), promotion.targets.end(),
                     [holds](const TargetJob& job) { return holds(job.state); });
}

// Does something that happened end the promotion without success?
bool HasFailed(const Promotion& promotion) {
  if (!promotion.own_failure.ok()) return true;
  if (AnyTarget(promotion, IsEnd)) return true;
  // Once the bits are proven everywhere the source has done its part.
  const bool needed = IsExport(promotion.terms) || !SourceAccepted(promotion) ||
                      !AllTargets(promotion, HasUploaded);
  return needed && IsFailure(promotion.source.state);
}

PromotionState UndoneState(const Promotion& promotion) {
  for (const TargetJob& job : promotion.targets) {
    if (!UndoConcerns(promotion, job)) continue;
    if (!IsEnd(job.state) || job.asked_again) return v1::PROMOTION_STATE_UNDOING;
  }
  if (AnyTarget(promotion, [](TargetState state) { return state == v1::TARGET_STATE_STUCK; })) {
    return v1::PROMOTION_STATE_STUCK;
  }
  switch (*promotion.undo) {
    case UndoKind::kRollback:
      return AllTargets(promotion, IsEnd) ? v1::PROMOTION_STATE_ROLLED_BACK
                                          : v1::PROMOTION_STATE_DONE;
    case UndoKind::kCancel:
      return v1::PROMOTION_STATE_CANCELLED;
    case UndoKind::kFailure:
      break;
  }
  return Cause(promotion).code() == StatusCode::kCancelled ? v1::PROMOTION_STATE_CANCELLED
                                                           : v1::PROMOTION_STATE_FAILED;
}

PromotionState ForwardState(const Promotion& promotion) {
  if (IsExport(promotion.terms)) {
    if (promotion.source.state == v1::SOURCE_STATE_SENT) return v1::PROMOTION_STATE_DONE;
    return SourceAccepted(promotion) ? v1::PROMOTION_STATE_TRANSFERRING
                                     : v1::PROMOTION_STATE_RECORDED;
  }
  const bool all_uploaded = AllTargets(promotion, HasUploaded);
  const bool all_verified =
      AllTargets(promotion, [](TargetState state) { return state == v1::TARGET_STATE_VERIFIED; });
  if (!SourceAccepted(promotion) || !AllTargets(promotion, HasAccepted)) {
    return v1::PROMOTION_STATE_RECORDED;
  }
  if (all_verified) return v1::PROMOTION_STATE_DONE;
  if (promotion.activation_released) return v1::PROMOTION_STATE_ACTIVATING;
  return all_uploaded ? v1::PROMOTION_STATE_WAITING : v1::PROMOTION_STATE_TRANSFERRING;
}

// Brings the promotion as a whole in line with its jobs, after whatever has changed.
void Settle(Promotion& promotion) {
  // History: late reports close jobs and change nothing else.
  if (Ended(promotion) && promotion.state != v1::PROMOTION_STATE_DONE &&
      promotion.state != v1::PROMOTION_STATE_STUCK) {
    return;
  }
  if (!promotion.undo && HasFailed(promotion)) promotion.undo = UndoKind::kFailure;
  if (promotion.undo) {
    promotion.state = UndoneState(promotion);
    return;
  }
  const bool wanted = !IsExport(promotion.terms) &&
                      (promotion.terms.activate || promotion.activate_step.has_value());
  if (wanted && SourceAccepted(promotion) && AllTargets(promotion, HasUploaded)) {
    promotion.activation_released = true;
  }
  promotion.state = ForwardState(promotion);
}

// The rollback order that names this target alone was refused there: what others have done by
// earlier rollback orders stays done.
void TakeBackRollback(Promotion& promotion, TargetJob& job) {
  job.rolling_back = false;
  const bool others = std::any_of(promotion.targets.begin(), promotion.targets.end(),
                                  [](const TargetJob& other) { return other.rolling_back; });
  if (others) return;
  promotion.undo.reset();
  promotion.undo_step.reset();
}

// A step order was refused by an agent's own judgement. With one target it is as if it had not
// come; with several it may already have had effect elsewhere, so that nothing can be taken back.
void TakeBackStep(Promotion& promotion, TargetJob& job) {
  const bool alone = promotion.targets.size() == 1;
  if (promotion.undo == UndoKind::kRollback) {
    if (promotion.undo_step->targets == 1) return TakeBackRollback(promotion, job);
    job.state = v1::TARGET_STATE_STUCK;
  } else if (promotion.undo == UndoKind::kCancel) {
    promotion.undo.reset();
    promotion.undo_step.reset();
  } else if (!promotion.undo && promotion.activate_step && job.state == v1::TARGET_STATE_UPLOADED) {
    if (!alone) {
      promotion.own_failure = job.error;
      return;
    }
    promotion.activate_step.reset();
    promotion.activation_released = false;
  }
}

bool Names(const StepOrdered& step, const std::string& target) {
  return std::find(step.targets.begin(), step.targets.end(), target) != step.targets.end();
}

template <typename Field>
void Keep(Field& field, const Field& reported) {
  if (reported != Field()) field = reported;
}

Status CheckDigest(const Promotion& promotion, const TargetReported& report) {
  const TargetJob& job = promotion.targets[report.target_index];
  const std::string& digest =
      report.reported_sha256.empty() ? job.reported_sha256 : report.reported_sha256;
  if (!HasUploaded(report.state) || digest == promotion.terms.sha256) return absl::OkStatus();
  return NamedError(
      StatusCode::kDataLoss, "digest-mismatch",
      absl::StrCat("the Cloud Controller of ",
                   promotion.terms.targets[report.target_index].foundation, " reports SHA-256 ",
                   digest.empty() ? "(none)" : digest, ", the order names ", promotion.terms.sha256,
                   ": nothing is activated"));
}

struct Machine {
  const Promotion& before;
  absl::Time at;

  StatusOr<Promotion> operator()(const OrderRecorded& event) const {
    if (!before.id.empty()) {
      return NamedError(StatusCode::kFailedPrecondition, "promotion-exists",
                        absl::StrCat("promotion ", before.id,
                                     " exists with another order: choose another id, or "
                                     "watch it with: sluice watch ",
                                     before.id));
    }
    if (event.promotion.empty() || event.terms.targets.empty() != IsExport(event.terms)) {
      return NamedError(StatusCode::kInvalidArgument, "no-such-target",
                        "an order names its promotion, and one target at least or a recipient");
    }
    Promotion after;
    after.id = event.promotion;
    after.order_sha256 = event.order_sha256;
    after.order = event.envelope;
    after.operator_name = event.operator_name;
    after.terms = event.terms;
    after.created = at;
    after.source.state = v1::SOURCE_STATE_PLANNED;
    after.targets.resize(event.terms.targets.size());
    for (TargetJob& job : after.targets) job.state = v1::TARGET_STATE_PLANNED;
    return Finish(std::move(after));
  }

  StatusOr<Promotion> operator()(const SourceReported& report) const {
    SLUICE_RETURN_IF_ERROR(CheckRevision(report.revision, before.source.revision));
    if (!MaySourceGo(before.source.state, report.state, !before.routes.empty())) {
      return OutOfOrder("the source", v1::SourceState_Name(before.source.state),
                        v1::SourceState_Name(report.state));
    }
    if (report.state == v1::SOURCE_STATE_ACCEPTED && report.statement.empty() &&
        !SourceAccepted(before)) {
      return NamedError(StatusCode::kInvalidArgument, "report-without-evidence",
                        "the source accepts by its signed statement, and there is none");
    }
    Promotion after = before;
    after.source.revision = report.revision;
    after.source.state = report.state;
    after.source.error = report.error;
    Keep(after.source.statement, report.statement);
    Keep(after.source.progress, report.progress);
    Keep(after.source.warnings, report.warnings);
    return Finish(std::move(after));
  }

  StatusOr<Promotion> operator()(const TargetReported& report) const {
    if (!before.id.empty() && report.target_index >= before.targets.size()) {
      return NamedError(StatusCode::kInvalidArgument, "no-such-target",
                        absl::StrCat("promotion ", before.id, " has ", before.targets.size(),
                                     " targets, the report is about index ", report.target_index));
    }
    SLUICE_RETURN_IF_ERROR(CheckTargetReport(report));
    const Status digest = CheckDigest(before, report);
    if (Ended(before)) SLUICE_RETURN_IF_ERROR(digest);
    Promotion after = before;
    TargetJob& job = after.targets[report.target_index];
    job.revision = report.revision;
    job.state = report.state;
    job.waiting_for = report.waiting_for;
    job.error = report.error;
    job.asked_again = false;
    Keep(job.seal_offer, report.seal_offer);
    Keep(job.receipt, report.receipt);
    Keep(job.droplet_guid, report.droplet_guid);
    Keep(job.reported_sha256, report.reported_sha256);
    Keep(job.previous_droplet_guid, report.previous_droplet_guid);
    Keep(job.path, report.path);
    Keep(job.progress, report.progress);
    Keep(job.warnings, report.warnings);
    if (!digest.ok()) {
      if (after.own_failure.ok()) after.own_failure = digest;
    } else if (!report.error.ok() && !IsEnd(report.state)) {
      TakeBackStep(after, job);
    }
    return Finish(std::move(after));
  }

  StatusOr<Promotion> operator()(const RoutesChosen& event) const {
    SLUICE_RETURN_IF_ERROR(CheckRoutesWanted());
    for (uint32_t index = 0; index < before.targets.size(); ++index) {
      const auto routed =
          std::any_of(event.routes.begin(), event.routes.end(), [index](const ChosenRoute& route) {
            return route.target_index == index && route.path != ChosenRoute::Path::kPeer;
          });
      if (routed != NeedsRoute(before, index)) {
        return NamedError(StatusCode::kInvalidArgument, "no-such-target",
                          "routes are for exactly the targets that need the bytes");
      }
    }
    Promotion after = before;
    after.routes = event.routes;
    return Finish(std::move(after));
  }

  StatusOr<Promotion> operator()(const NoPathFound& event) const {
    SLUICE_RETURN_IF_ERROR(CheckRoutesWanted());
    Promotion after = before;
    after.own_failure = event.error;
    return Finish(std::move(after));
  }

  StatusOr<Promotion> operator()(const StepOrdered& event) const {
    SLUICE_RETURN_IF_ERROR(CheckStep(event.action));
    Promotion after = before;
    const Step step{event.order_sha256, event.envelope, event.targets.size()};
    after.step_orders.push_back(event.order_sha256);
    switch (event.action) {
      case StepAction::kActivate:
        after.activate_step = step;
        for (TargetJob& job : after.targets) job.error = absl::OkStatus();
        break;
      case StepAction::kCancel:
        after.undo = UndoKind::kCancel;
        after.undo_step = step;
        break;
      case StepAction::kRollback:
        after.undo = UndoKind::kRollback;
        after.undo_step = step;
        for (size_t index = 0; index < after.targets.size(); ++index) {
          if (!Names(event, before.terms.targets[index].reference)) continue;
          TargetJob& job = after.targets[index];
          job.rolling_back = true;
          job.asked_again = job.state == v1::TARGET_STATE_STUCK;
          job.error = absl::OkStatus();
        }
        break;
    }
    return Finish(std::move(after));
  }

 private:
  StatusOr<Promotion> Finish(Promotion after) const {
    after.changed = at;
    ++after.events;
    Settle(after);
    return after;
  }

  Status CheckRevision(uint64_t reported, uint64_t known) const {
    if (before.id.empty()) {
      return NamedError(StatusCode::kNotFound, "no-promotion", "a report about no promotion");
    }
    if (reported <= known) {
      return NamedError(StatusCode::kFailedPrecondition, "report-repeated",
                        absl::StrCat("report ", reported, " is recorded already"));
    }
    return absl::OkStatus();
  }

  Status CheckTargetReport(const TargetReported& report) const {
    SLUICE_RETURN_IF_ERROR(CheckRevision(
        report.revision, before.id.empty() ? 0 : before.targets[report.target_index].revision));
    const TargetJob& job = before.targets[report.target_index];
    const bool at_source = IsAtSource(before.terms, report.target_index) && SourceAccepted(before);
    const TargetGates gates{.transfer_wished = !before.routes.empty() || at_source,
                            .activation_released = before.activation_released,
                            .undoing = UndoConcerns(before, job)};
    if (!MayTargetGo(job.state, report.state, gates)) {
      return OutOfOrder(before.terms.targets[report.target_index].reference,
                        v1::TargetState_Name(job.state), v1::TargetState_Name(report.state));
    }
    if (report.state == v1::TARGET_STATE_ACCEPTED && report.seal_offer.empty() &&
        job.seal_offer.empty()) {
      return NamedError(StatusCode::kInvalidArgument, "report-without-evidence",
                        "a target accepts by its signed seal offer, and there is none");
    }
    return absl::OkStatus();
  }

  Status CheckRoutesWanted() const {
    if (NeedsRoutes(before)) return absl::OkStatus();
    return NamedError(StatusCode::kFailedPrecondition, "routes-not-wanted",
                      absl::StrCat("promotion ", before.id, " needs no routes now"));
  }

  Status CheckStep(StepAction action) const {
    if (before.id.empty()) {
      return NamedError(StatusCode::kNotFound, "no-promotion", "a step order for no promotion");
    }
    const std::string state = StateWord(before.state);
    if (before.undo && !Ended(before)) {
      return NamedError(
          StatusCode::kFailedPrecondition, "promotion-ending",
          absl::StrCat("promotion ", before.id,
                       before.undo == UndoKind::kRollback ? " is being rolled back already"
                                                          : " is being undone already",
                       "; watch it with: sluice watch ", before.id));
    }
    if (action == StepAction::kRollback) {
      if (before.state == v1::PROMOTION_STATE_DONE || before.state == v1::PROMOTION_STATE_STUCK) {
        return absl::OkStatus();
      }
      return NamedError(StatusCode::kFailedPrecondition, "promotion-not-done",
                        absl::StrCat("promotion ", before.id, " is ", state,
                                     Ended(before) ? ": there is nothing to roll back"
                                                   : ": only what is done can be rolled back; to "
                                                     "stop one that goes on: sluice cancel " +
                                                         before.id));
    }
    if (Ended(before)) {
      return NamedError(
          StatusCode::kFailedPrecondition, "promotion-ended",
          absl::StrCat("promotion ", before.id, " has ended: ", state,
                       (before.state == v1::PROMOTION_STATE_DONE && !IsExport(before.terms)) ||
                               before.state == v1::PROMOTION_STATE_STUCK
                           ? "; to go back: sluice rollback " + before.id
                           : ""));
    }
    if (action == StepAction::kActivate && before.activate_step) {
      return NamedError(
          StatusCode::kFailedPrecondition, "promotion-activating",
          absl::StrCat("promotion ", before.id,
                       " is being activated already; watch it with: sluice watch ", before.id));
    }
    if (action == StepAction::kActivate && before.terms.activate) {
      return NamedError(
          StatusCode::kFailedPrecondition, "promotion-activates-itself",
          absl::StrCat("promotion ", before.id, " activates as soon as all targets are uploaded"));
    }
    return absl::OkStatus();
  }
};

}  // namespace

StatusOr<Promotion> Apply(const Promotion& promotion, const Event& event) {
  return std::visit(Machine{promotion, event.at}, event.what);
}

bool IsExport(const PromotionTerms& terms) { return !terms.recipient.empty(); }

uint32_t CarrierOf(const PromotionTerms& terms, uint32_t target_index) {
  const std::string& foundation = terms.targets[target_index].foundation;
  uint32_t first = 0;
  while (terms.targets[first].foundation != foundation) ++first;
  return first;
}

bool IsAtSource(const PromotionTerms& terms, uint32_t target_index) {
  return terms.targets[target_index].foundation == terms.source_foundation;
}

bool NeedsRoute(const Promotion& promotion, uint32_t target_index) {
  return promotion.targets[target_index].state == v1::TARGET_STATE_ACCEPTED &&
         !IsAtSource(promotion.terms, target_index) &&
         CarrierOf(promotion.terms, target_index) == target_index;
}

bool NeedsRoutes(const Promotion& promotion) {
  if (promotion.state != v1::PROMOTION_STATE_TRANSFERRING || !promotion.routes.empty())
    return false;
  if (IsExport(promotion.terms)) return true;
  for (uint32_t index = 0; index < promotion.targets.size(); ++index) {
    if (NeedsRoute(promotion, index)) return true;
  }
  return false;
}

bool UndoConcerns(const Promotion& promotion, const TargetJob& job) {
  return promotion.undo && (*promotion.undo != UndoKind::kRollback || job.rolling_back);
}

bool Ended(const Promotion& promotion) { return IsEnd(promotion.state); }

}  // namespace sluice::coordinator
