#include "agent/jobs/target_job.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::agent {
namespace {

constexpr std::array<std::pair<TargetPhase, std::string_view>, 11> kPhaseNames = {{
    {TargetPhase::kAccepted, "accepted"},
    {TargetPhase::kTransferring, "transferring"},
    {TargetPhase::kUploaded, "uploaded"},
    {TargetPhase::kActivating, "activating"},
    {TargetPhase::kVerified, "verified"},
    {TargetPhase::kUndoing, "undoing"},
    {TargetPhase::kRefused, "refused"},
    {TargetPhase::kFailed, "failed"},
    {TargetPhase::kCancelled, "cancelled"},
    {TargetPhase::kRolledBack, "rolled_back"},
    {TargetPhase::kStuck, "stuck"},
}};

TargetDecision Stay(const TargetState& state) { return {.state = state}; }

TargetDecision Start(TargetState state, TargetPhase phase, TargetStep step) {
  state.phase = phase;
  state.running = step;
  return {.state = std::move(state), .changed = true, .start = step};
}

TargetDecision Undo(TargetState state, UndoKind kind, Status cause) {
  state.undo = kind;
  state.cause = std::move(cause);
  state.undo_error = absl::OkStatus();
  return Start(std::move(state), TargetPhase::kUndoing, TargetStep::kUndo);
}

TargetPhase EndOf(UndoKind kind) {
  switch (kind) {
    case UndoKind::kCancel:
      return TargetPhase::kCancelled;
    case UndoKind::kRollback:
      return TargetPhase::kRolledBack;
    case UndoKind::kFailure:
      break;
  }
  return TargetPhase::kFailed;
}

Status CauseOf(UndoKind kind) {
  switch (kind) {
    case UndoKind::kCancel:
      return NamedError(StatusCode::kCancelled, "cancelled", "cancelled by the operator");
    case UndoKind::kRollback:
      return absl::OkStatus();
    case UndoKind::kFailure:
      break;
  }
  return NamedError(StatusCode::kCancelled, "failed-elsewhere",
                    "undone because the promotion failed elsewhere");
}

// The source obeyed the same cancel first, and its word was here before the coordinator's.
bool HeardOfCancelFromSource(const TargetState& state, const UndoWished& wish) {
  return wish.kind == UndoKind::kCancel && state.undo == UndoKind::kFailure &&
         absl::IsCancelled(state.cause);
}

TargetDecision OnWish(const TargetState& state, const UndoWished& wish) {
  if (Ended(state.phase)) return Stay(state);
  if (state.phase == TargetPhase::kUndoing) {
    if (!HeardOfCancelFromSource(state, wish)) return Stay(state);
    TargetDecision decision{.state = state, .changed = true};
    decision.state.undo = wish.kind;
    decision.state.cause = CauseOf(wish.kind);
    return decision;
  }
  if (!state.running) return Undo(state, wish.kind, CauseOf(wish.kind));
  // The running step is told to stop; what it leaves behind is undone when it has ended.
  TargetDecision decision{.state = state, .changed = true, .stop_running = true};
  decision.state.phase = TargetPhase::kUndoing;
  decision.state.undo = wish.kind;
  decision.state.cause = CauseOf(wish.kind);
  return decision;
}

TargetDecision OnEnd(TargetState state, const StepEnded& end) {
  if (state.running != end.step) return Stay(state);
  state.running.reset();
  if (end.step == TargetStep::kUndo) {
    state.phase = end.status.ok() ? EndOf(state.undo) : TargetPhase::kStuck;
    state.undo_error = end.status;
    return {.state = std::move(state), .changed = true};
  }
  if (state.phase == TargetPhase::kUndoing) {
    // Stopped for an undo. A failure of its own that came first is the better story.
    const bool own = !end.status.ok() && !absl::IsCancelled(end.status);
    const Status cause = own ? end.status : state.cause;
    const UndoKind kind = state.undo;
    return Undo(std::move(state), kind, cause);
  }
  if (!end.status.ok()) return Undo(std::move(state), UndoKind::kFailure, end.status);
  const bool finished = end.step == TargetStep::kActivate || end.runs_already;
  state.phase = finished ? TargetPhase::kVerified : TargetPhase::kUploaded;
  return {.state = std::move(state), .changed = true};
}

TargetDecision OnRestart(TargetState state) {
  if (state.phase == TargetPhase::kUndoing) {
    const UndoKind kind = state.undo;
    const Status cause = state.cause;
    return Undo(std::move(state), kind, cause);
  }
  if (state.phase == TargetPhase::kActivating) {
    return Undo(std::move(state), UndoKind::kFailure,
                NamedError(StatusCode::kUnavailable, "agent-restarted",
                           "the target's agent was restarted in the middle; promote again"));
  }
  state.running.reset();
  return Stay(state);
}

}  // namespace

std::string_view TargetPhaseName(TargetPhase phase) {
  for (const auto& [known, name] : kPhaseNames) {
    if (known == phase) return name;
  }
  return "unknown";
}

StatusOr<TargetPhase> ParseTargetPhase(std::string_view name) {
  for (const auto& [phase, known] : kPhaseNames) {
    if (known == name) return phase;
  }
  return NamedError(StatusCode::kDataLoss, "journal-unreadable",
                    absl::StrCat("the journal names an unknown phase '", ToAbsl(name), "'"));
}

bool Ended(TargetPhase phase) {
  return phase == TargetPhase::kRefused || phase == TargetPhase::kFailed ||
         phase == TargetPhase::kCancelled || phase == TargetPhase::kRolledBack;
}

TargetDecision Decide(const TargetState& state, const TargetEvent& event) {
  if (std::holds_alternative<TransferWished>(event)) {
    const bool begins = state.phase == TargetPhase::kAccepted;
    const bool goes_on = state.phase == TargetPhase::kTransferring;
    if ((!begins && !goes_on) || state.running) return Stay(state);
    return Start(state, TargetPhase::kTransferring, TargetStep::kUpload);
  }
  if (std::holds_alternative<ActivateWished>(event)) {
    if (state.phase != TargetPhase::kUploaded || state.running) return Stay(state);
    return Start(state, TargetPhase::kActivating, TargetStep::kActivate);
  }
  if (const auto* undo = std::get_if<UndoWished>(&event)) return OnWish(state, *undo);
  if (const auto* end = std::get_if<StepEnded>(&event)) return OnEnd(state, *end);
  return OnRestart(state);
}

}  // namespace sluice::agent
