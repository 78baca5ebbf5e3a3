// Goal: a source's machine. Method: the table of source_job.h row by row, then every state with
// every event.
#include "agent/jobs/source_job.h"

#include <vector>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

// In a process that does what the phase says.
SourceState In(SourcePhase phase) {
  return {.phase = phase,
          .cancelling = false,
          .running = phase == SourcePhase::kSending,
          .cause = absl::OkStatus()};
}

Status Cut() { return NamedError(StatusCode::kDataLoss, "download-truncated", "cut"); }

TEST(SourceJob, AcceptedJobThatIsToTransferSendsOnce) {
  const auto sending = Decide(In(SourcePhase::kAccepted), SendWished{});
  EXPECT_EQ(sending.state.phase, SourcePhase::kSending);
  EXPECT_TRUE(sending.start_sending);
  EXPECT_FALSE(Decide(sending.state, SendWished{}).changed);
}

TEST(SourceJob, SendingThatEndsWellIsSent) {
  const auto end = Decide(In(SourcePhase::kSending), SendingEnded{absl::OkStatus()});
  EXPECT_EQ(end.state.phase, SourcePhase::kSent);
  EXPECT_THAT(end.state.cause, IsOk());
}

TEST(SourceJob, SendingThatFailsHasItsCause) {
  const auto end = Decide(In(SourcePhase::kSending), SendingEnded{Cut()});
  EXPECT_EQ(end.state.phase, SourcePhase::kFailed);
  EXPECT_THAT(end.state.cause, HasErrorName("download-truncated"));
}

TEST(SourceJob, CancelBeforeSendingEndsAtOnce) {
  EXPECT_EQ(Decide(In(SourcePhase::kAccepted), CancelWished{}).state.phase,
            SourcePhase::kCancelled);
}

TEST(SourceJob, CancelWhileSendingWaitsForTheStepToEnd) {
  const auto stopping = Decide(In(SourcePhase::kSending), CancelWished{});
  EXPECT_TRUE(stopping.stop_sending);
  EXPECT_EQ(stopping.state.phase, SourcePhase::kSending);
  const auto end = Decide(stopping.state, SendingEnded{absl::CancelledError("stopped")});
  EXPECT_EQ(end.state.phase, SourcePhase::kCancelled);
  EXPECT_EQ(Decide(stopping.state, SendingEnded{Cut()}).state.phase, SourcePhase::kFailed);
}

TEST(SourceJob, SendingThatDiedWithTheProcessGoesOnWithTheNextWish) {
  const auto restarted = Decide(In(SourcePhase::kSending), SourceRestarted{});
  EXPECT_EQ(restarted.state.phase, SourcePhase::kSending);
  EXPECT_FALSE(restarted.changed);
  const auto again = Decide(restarted.state, SendWished{});
  EXPECT_TRUE(again.start_sending);
  EXPECT_EQ(again.state.phase, SourcePhase::kSending);
  EXPECT_FALSE(Decide(again.state, SendWished{}).start_sending);
  EXPECT_FALSE(Decide(In(SourcePhase::kAccepted), SourceRestarted{}).changed);
}

TEST(SourceJob, SendingThatDiedWithTheProcessIsCancelledAtOnce) {
  const auto restarted = Decide(In(SourcePhase::kSending), SourceRestarted{});
  EXPECT_EQ(Decide(restarted.state, CancelWished{}).state.phase, SourcePhase::kCancelled);
  SourceState cancelling = In(SourcePhase::kSending);
  cancelling.cancelling = true;
  const auto end = Decide(cancelling, SourceRestarted{});
  EXPECT_EQ(end.state.phase, SourcePhase::kCancelled);
  EXPECT_TRUE(end.changed);
}

TEST(SourceJob, EndsAreEndsForEveryEvent) {
  const std::vector<SourceEvent> events = {SendWished{}, CancelWished{}, SourceRestarted{},
                                           SendingEnded{absl::OkStatus()}, SendingEnded{Cut()}};
  for (const auto phase :
       {SourcePhase::kSent, SourcePhase::kRefused, SourcePhase::kFailed, SourcePhase::kCancelled}) {
    EXPECT_TRUE(Ended(phase));
    for (const SourceEvent& event : events) {
      const auto next = Decide(In(phase), event);
      EXPECT_FALSE(next.changed || next.start_sending || next.stop_sending);
      EXPECT_EQ(next.state.phase, phase);
    }
  }
}

TEST(SourceJob, PhaseNamesReadBackAndOthersAreUnreadable) {
  for (const auto phase : {SourcePhase::kAccepted, SourcePhase::kSending, SourcePhase::kSent,
                           SourcePhase::kRefused, SourcePhase::kFailed, SourcePhase::kCancelled}) {
    EXPECT_EQ(*ParseSourcePhase(SourcePhaseName(phase)), phase);
  }
  EXPECT_THAT(ParseSourcePhase("asleep"), HasErrorName("journal-unreadable"));
}

}  // namespace
}  // namespace sluice::agent
