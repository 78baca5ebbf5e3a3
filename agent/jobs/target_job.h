// What a target's agent does for one promotion, as a pure state machine: the coordinator's wishes
// and the ends of steps in, the next step out. The steps themselves (target_steps.h) do the work.
//
//   phase         on wish / end of step                       next
//   Accepted      TRANSFER                                    Transferring, start upload
//   Transferring  upload ended well                           Uploaded
//                 upload failed                               Undoing, start undo
//   Uploaded      ACTIVATE                                    Activating, start activate
//   Activating    activate ended well                         Verified
//                 activate failed                             Undoing, start undo
//   Undoing       undo ended well                             Failed, Cancelled or RolledBack
//                 undo failed                                 Stuck
//                 CANCEL, of which the source told first      Undoing, which ends Cancelled
//   Stuck         UNDO, CANCEL                                Undoing, start undo
//   Verified      UNDO                                        Undoing, start undo
//   any before Verified but Undoing and the ends
//                 UNDO, CANCEL                                Undoing: stop the running step, then
//                                                             start undo
//   Transferring  Restarted (the step died with the process)  Transferring, and nothing runs
//     when nothing runs:
//                 TRANSFER                                    start upload, which goes on
//   Activating, Undoing
//                 Restarted                                   Undoing, start undo
//
// An undo is a step also when there is nothing to put back: only the step can tell. Ends: Failed,
// Cancelled, RolledBack, and Refused, in which a job is born. A wish that a phase has outgrown, or
// not reached, is ignored: wishes are level-triggered and come again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/status.h"

namespace sluice::agent {

enum class TargetPhase {
  kAccepted,
  kTransferring,
  kUploaded,
  kActivating,
  kVerified,
  kUndoing,
  kRefused,
  kFailed,
  kCancelled,
  kRolledBack,
  kStuck,
};
std::string_view TargetPhaseName(TargetPhase phase);
StatusOr<TargetPhase> ParseTargetPhase(std::string_view name);
bool Ended(TargetPhase phase);  // all but Stuck and Verified can go no further

enum class TargetStep { kUpload, kActivate, kUndo };

// Why a job is undone decides what it is called when it is.
enum class UndoKind { kFailure, kCancel, kRollback };

struct TargetState {
  TargetPhase phase = TargetPhase::kAccepted;
  std::optional<TargetStep> running;
  UndoKind undo = UndoKind::kFailure;
  Status cause;       // of the undo: what failed first
  Status undo_error;  // of Stuck
};

// Wishes of the coordinator, orders already checked.
struct TransferWished {};
struct ActivateWished {};
struct UndoWished {
  UndoKind kind = UndoKind::kFailure;
};
struct StepEnded {
  TargetStep step = TargetStep::kUpload;
  Status status;
  bool runs_already = false;  // upload: the app runs this very droplet, so there is nothing to do
};
struct Restarted {};
using TargetEvent = std::variant<TransferWished, ActivateWished, UndoWished, StepEnded, Restarted>;

struct TargetDecision {
  TargetState state;
  bool changed = false;       // journal and report
  bool stop_running = false;  // request the running step to stop; its StepEnded still comes
  std::optional<TargetStep> start = std::nullopt;  // after the journal has the state
};
TargetDecision Decide(const TargetState& state, const TargetEvent& event);

}  // namespace sluice::agent
