// The commands' line to the coordinator: ask and be answered, then listen.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::v1 {
class ControlMessage;
}

namespace sluice::cli {

// What ended a wait.
enum class Heard {
  kMessage,      // one that answers nothing: an event or progress
  kConnected,    // a session began, or began again: watch again
  kLost,         // the session is gone; the link goes on trying
  kInterrupted,  // SIGINT or SIGTERM; heard from then on at every wait
  kNothing,      // the time has passed
};

// One thread at a time.
class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;

  // Sends every question and waits for their answers, in the order of the questions. A question is
  // sent again when the session was lost meanwhile: each must be harmless when repeated. An answer
  // that is an Error is that status. Otherwise, by name:
  //   Unavailable "coordinator-unreachable"   no session within the link's connect wait
  //   Unavailable "no-answer"                 a session, but no answer within `wait`
  //   Unauthenticated "not-admitted"          the coordinator does not know our key
  //   Unauthenticated "wrong-coordinator-key" it is not the one of the trust document
  //   Cancelled "interrupted"
  virtual std::vector<StatusOr<v1::ControlMessage>> AskAll(
      std::vector<v1::ControlMessage> questions, absl::Duration wait) = 0;

  // Waits for whatever comes first; on kMessage it is in `on_message`.
  virtual Heard Listen(absl::Duration wait,
                       const std::function<void(const v1::ControlMessage&)>& on_message) = 0;

  // Waits from here on are no longer ended by an interrupt that has come: for what must still be
  // said because of it.
  virtual void ForgetInterrupt() = 0;

  // One question.
  StatusOr<v1::ControlMessage> Ask(const v1::ControlMessage& question, absl::Duration wait);
};

}  // namespace sluice::cli
