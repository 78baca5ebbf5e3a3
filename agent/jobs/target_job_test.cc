// Goal: a target's machine. Method: the table of target_job.h row by row, then every state with
// every event for what must hold in all of them.
#include "agent/jobs/target_job.h"

#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

Status Broken() { return NamedError(StatusCode::kUnavailable, "upload-broke", "it broke"); }

TargetState In(TargetPhase phase, std::optional<TargetStep> running = std::nullopt) {
  TargetState state;
  state.phase = phase;
  state.running = running;
  return state;
}

StepEnded Ends(TargetStep step, Status status = absl::OkStatus()) {
  return {.step = step, .status = std::move(status), .runs_already = false};
}

TEST(TargetJob, AcceptedJobThatIsToTransferStartsItsUpload) {
  const auto next = Decide(In(TargetPhase::kAccepted), TransferWished{});
  EXPECT_EQ(next.state.phase, TargetPhase::kTransferring);
  EXPECT_EQ(next.start, TargetStep::kUpload);
  EXPECT_TRUE(next.changed);
}

TEST(TargetJob, UploadThatEndsWellWaitsForActivation) {
  const auto next =
      Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), Ends(TargetStep::kUpload));
  EXPECT_EQ(next.state.phase, TargetPhase::kUploaded);
  EXPECT_EQ(next.start, std::nullopt);
  EXPECT_EQ(next.state.running, std::nullopt);
}

TEST(TargetJob, UploadOfWhatRunsAlreadyIsVerifiedAtOnce) {
  StepEnded end = Ends(TargetStep::kUpload);
  end.runs_already = true;
  const auto next = Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), end);
  EXPECT_EQ(next.state.phase, TargetPhase::kVerified);
}

TEST(TargetJob, UploadThatFailsIsUndoneAndFailsWithItsOwnCause) {
  const auto undoing = Decide(In(TargetPhase::kTransferring, TargetStep::kUpload),
                              Ends(TargetStep::kUpload, Broken()));
  EXPECT_EQ(undoing.state.phase, TargetPhase::kUndoing);
  EXPECT_EQ(undoing.start, TargetStep::kUndo);
  const auto end = Decide(undoing.state, Ends(TargetStep::kUndo));
  EXPECT_EQ(end.state.phase, TargetPhase::kFailed);
  EXPECT_THAT(end.state.cause, HasErrorName("upload-broke"));
}

TEST(TargetJob, UploadedJobActivatesAndIsVerified) {
  const auto activating = Decide(In(TargetPhase::kUploaded), ActivateWished{});
  EXPECT_EQ(activating.state.phase, TargetPhase::kActivating);
  EXPECT_EQ(activating.start, TargetStep::kActivate);
  const auto verified = Decide(activating.state, Ends(TargetStep::kActivate));
  EXPECT_EQ(verified.state.phase, TargetPhase::kVerified);
}

TEST(TargetJob, ActivationThatFailsIsUndone) {
  const auto next = Decide(In(TargetPhase::kActivating, TargetStep::kActivate),
                           Ends(TargetStep::kActivate, Broken()));
  EXPECT_EQ(next.state.phase, TargetPhase::kUndoing);
  EXPECT_EQ(next.start, TargetStep::kUndo);
}

TEST(TargetJob, CancelStopsTheRunningStepFirstAndUndoesWhenItHasEnded) {
  const auto stopping =
      Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), UndoWished{UndoKind::kCancel});
  EXPECT_TRUE(stopping.stop_running);
  EXPECT_EQ(stopping.start, std::nullopt);
  const auto undoing =
      Decide(stopping.state, Ends(TargetStep::kUpload, absl::CancelledError("stopped")));
  EXPECT_EQ(undoing.start, TargetStep::kUndo);
  const auto end = Decide(undoing.state, Ends(TargetStep::kUndo));
  EXPECT_EQ(end.state.phase, TargetPhase::kCancelled);
  EXPECT_THAT(end.state.cause, HasErrorName("cancelled"));
}

TEST(TargetJob, FailureThatCameBeforeTheCancellationIsTheCauseThatIsTold) {
  const auto stopping =
      Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), UndoWished{UndoKind::kCancel});
  const auto undoing = Decide(stopping.state, Ends(TargetStep::kUpload, Broken()));
  EXPECT_THAT(undoing.state.cause, HasErrorName("upload-broke"));
}

TEST(TargetJob, CancelThatTheSourceObeyedAndToldFirstIsStillACancel) {
  const Status told = NamedError(StatusCode::kCancelled, "cancelled", "the source was cancelled");
  const auto undoing =
      Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), Ends(TargetStep::kUpload, told));
  const auto wished = Decide(undoing.state, UndoWished{UndoKind::kCancel});
  EXPECT_TRUE(wished.changed);
  EXPECT_EQ(wished.start, std::nullopt) << "the undo runs already";
  const auto end = Decide(wished.state, Ends(TargetStep::kUndo));
  EXPECT_EQ(end.state.phase, TargetPhase::kCancelled);
}

TEST(TargetJob, CancelOfWhatHasFailedByItselfLeavesItFailed) {
  const auto undoing = Decide(In(TargetPhase::kTransferring, TargetStep::kUpload),
                              Ends(TargetStep::kUpload, Broken()));
  const auto wished = Decide(undoing.state, UndoWished{UndoKind::kCancel});
  EXPECT_FALSE(wished.changed);
  EXPECT_EQ(Decide(wished.state, Ends(TargetStep::kUndo)).state.phase, TargetPhase::kFailed);
}

TEST(TargetJob, UndoOfAVerifiedJobByRollbackEndsRolledBackWithoutError) {
  const auto undoing = Decide(In(TargetPhase::kVerified), UndoWished{UndoKind::kRollback});
  EXPECT_EQ(undoing.start, TargetStep::kUndo);
  const auto end = Decide(undoing.state, Ends(TargetStep::kUndo));
  EXPECT_EQ(end.state.phase, TargetPhase::kRolledBack);
  EXPECT_THAT(end.state.cause, IsOk());
}

TEST(TargetJob, UndoThatFailsIsStuckAndCanBeTriedAgain) {
  const auto stuck =
      Decide(In(TargetPhase::kUndoing, TargetStep::kUndo), Ends(TargetStep::kUndo, Broken()));
  EXPECT_EQ(stuck.state.phase, TargetPhase::kStuck);
  EXPECT_THAT(stuck.state.undo_error, HasErrorName("upload-broke"));
  const auto again = Decide(stuck.state, UndoWished{UndoKind::kRollback});
  EXPECT_EQ(again.start, TargetStep::kUndo);
  EXPECT_THAT(again.state.undo_error, IsOk());
}

TEST(TargetJob, ActivationThatDiedWithTheProcessIsUndone) {
  const auto next = Decide(In(TargetPhase::kActivating, TargetStep::kActivate), Restarted{});
  EXPECT_EQ(next.start, TargetStep::kUndo);
  EXPECT_THAT(next.state.cause, HasErrorName("agent-restarted"));
}

TEST(TargetJob, UploadThatDiedWithTheProcessGoesOnWithTheNextWish) {
  const auto restarted = Decide(In(TargetPhase::kTransferring, TargetStep::kUpload), Restarted{});
  EXPECT_EQ(restarted.state.phase, TargetPhase::kTransferring);
  EXPECT_EQ(restarted.state.running, std::nullopt);
  EXPECT_EQ(restarted.start, std::nullopt);
  const auto again = Decide(restarted.state, TransferWished{});
  EXPECT_EQ(again.start, TargetStep::kUpload);
  EXPECT_EQ(again.state.phase, TargetPhase::kTransferring);
  EXPECT_EQ(Decide(restarted.state, UndoWished{UndoKind::kCancel}).start, TargetStep::kUndo);
}

TEST(TargetJob, UndoThatDiedWithTheProcessIsDoneAgainForTheSameReason) {
  TargetState state = In(TargetPhase::kUndoing, TargetStep::kUndo);
  state.undo = UndoKind::kRollback;
  const auto next = Decide(state, Restarted{});
  EXPECT_EQ(next.start, TargetStep::kUndo);
  EXPECT_EQ(next.state.undo, UndoKind::kRollback);
}

std::vector<TargetState> AllStates() {
  std::vector<TargetState> states;
  for (int phase = 0; phase <= static_cast<int>(TargetPhase::kStuck); ++phase) {
    const auto known = static_cast<TargetPhase>(phase);
    if (known == TargetPhase::kTransferring) {
      states.push_back(In(known, TargetStep::kUpload));
      states.push_back(In(known));  // of a process before
    } else if (known == TargetPhase::kActivating) {
      states.push_back(In(known, TargetStep::kActivate));
    } else if (known == TargetPhase::kUndoing) {
      for (const auto step : {TargetStep::kUpload, TargetStep::kActivate, TargetStep::kUndo}) {
        states.push_back(In(known, step));
      }
    } else {
      states.push_back(In(known));
    }
  }
  return states;
}

std::vector<TargetEvent> AllEvents() {
  std::vector<TargetEvent> events = {TransferWished{}, ActivateWished{}, Restarted{}};
  for (const auto kind : {UndoKind::kFailure, UndoKind::kCancel, UndoKind::kRollback}) {
    events.push_back(UndoWished{kind});
  }
  for (const auto step : {TargetStep::kUpload, TargetStep::kActivate, TargetStep::kUndo}) {
    events.push_back(Ends(step));
    events.push_back(Ends(step, Broken()));
  }
  return events;
}

TEST(TargetJob, InEveryStateAndForEveryEventTheRulesHold) {
  for (const TargetState& state : AllStates()) {
    for (const TargetEvent& event : AllEvents()) {
      const auto next = Decide(state, event);
      SCOPED_TRACE(testing::Message()
                   << TargetPhaseName(state.phase) << ", event " << event.index());
      if (next.start) {
        EXPECT_EQ(next.state.running, next.start) << "what is started is known to run";
        EXPECT_TRUE(next.changed) << "what is started is journalled first";
        const bool before_free = !state.running || std::holds_alternative<StepEnded>(event) ||
                                 std::holds_alternative<Restarted>(event);
        EXPECT_TRUE(before_free) << "one step at a time";
      }
      if (Ended(state.phase)) {
        EXPECT_FALSE(next.changed) << "an end is an end";
      }
      if (next.stop_running) {
        EXPECT_TRUE(state.running.has_value());
      }
      if (!next.changed) {
        EXPECT_EQ(next.state.phase, state.phase);
      }
      const bool done_well =
          std::holds_alternative<StepEnded>(event) && std::get<StepEnded>(event).status.ok();
      if (next.state.phase == TargetPhase::kVerified && state.phase != TargetPhase::kVerified) {
        EXPECT_TRUE(done_well) << "nothing is verified but by a step that ended well";
      }
    }
  }
}

TEST(TargetJob, RepeatedWishHasNoSecondEffect) {
  for (const TargetState& state : AllStates()) {
    for (const TargetEvent& event : AllEvents()) {
      if (std::holds_alternative<StepEnded>(event) || std::holds_alternative<Restarted>(event)) {
        continue;
      }
      const auto once = Decide(state, event);
      const auto twice = Decide(once.state, event);
      EXPECT_FALSE(once.changed && twice.changed)
          << TargetPhaseName(state.phase) << ", event " << event.index();
    }
  }
}

TEST(TargetJob, PhaseNamesReadBackAndOthersAreUnreadable) {
  for (const TargetState& state : AllStates()) {
    EXPECT_EQ(*ParseTargetPhase(TargetPhaseName(state.phase)), state.phase);
  }
  EXPECT_THAT(ParseTargetPhase("asleep"), HasErrorName("journal-unreadable"));
}

}  // namespace
}  // namespace sluice::agent
