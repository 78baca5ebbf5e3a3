// What a source's agent does for one promotion, as a pure state machine: the coordinator's wishes
// and the ends of its one step in, what to do next out. It changes nothing in its foundation, so
// there is nothing to undo.
//
//   phase      on                                    next
//   Accepted   TRANSFER                              Sending, start sending
//              CANCEL                                Cancelled
//   Sending    sending ended well                    Sent
//              sending failed                        Failed
//              CANCEL                                stop sending; when it has ended: Cancelled
//              Restarted (it died with the process)  Sending, and nothing runs; Cancelled if it was
//                                                    being cancelled
//     when nothing runs:
//              TRANSFER                              start sending again, with the same seed
//              CANCEL                                Cancelled
//
// Ends: Sent, Failed, Cancelled, and Refused, in which a job is born. A wish that a phase has
// outgrown, or not reached, is ignored: wishes are level-triggered and come again.
#pragma once

#include <string_view>
#include <variant>

#include "common/base/status.h"

namespace sluice::agent {

enum class SourcePhase { kAccepted, kSending, kSent, kRefused, kFailed, kCancelled };
std::string_view SourcePhaseName(SourcePhase phase);
StatusOr<SourcePhase> ParseSourcePhase(std::string_view name);
bool Ended(SourcePhase phase);

struct SourceState {
  SourcePhase phase = SourcePhase::kAccepted;
  bool cancelling = false;  // sending was told to stop
  bool running = false;     // sending runs in this process
  Status cause;             // why it was refused, failed or was cancelled
};

// Wishes of the coordinator, and what happened.
struct SendWished {};
struct CancelWished {};
struct SendingEnded {
  Status status;
};
struct SourceRestarted {};
using SourceEvent = std::variant<SendWished, CancelWished, SendingEnded, SourceRestarted>;

struct SourceDecision {
  SourceState state;
  bool changed = false;        // journal and report, but for what runs
  bool start_sending = false;  // after the journal has the state
  bool stop_sending = false;   // its SendingEnded still comes
};
SourceDecision Decide(const SourceState& state, const SourceEvent& event);

}  // namespace sluice::agent
