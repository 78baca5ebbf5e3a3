#include "coordinator/daemon/job_states.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

std::string Word(const std::string& name, const char* prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

// How far on the way forward; -1 for what is not on it.
int Rank(v1::TargetState state) {
  return state >= v1::TARGET_STATE_PLANNED && state <= v1::TARGET_STATE_VERIFIED ? state : -1;
}

}  // namespace

bool IsEnd(v1::PromotionState state) {
  switch (state) {
    case v1::PROMOTION_STATE_DONE:
    case v1::PROMOTION_STATE_FAILED:
    case v1::PROMOTION_STATE_CANCELLED:
    case v1::PROMOTION_STATE_ROLLED_BACK:
    case v1::PROMOTION_STATE_STUCK:
      return true;
    default:
      return false;
  }
}

bool IsFailure(v1::SourceState state) {
  return state == v1::SOURCE_STATE_REFUSED || state == v1::SOURCE_STATE_FAILED ||
         state == v1::SOURCE_STATE_CANCELLED;
}

bool IsEnd(v1::SourceState state) { return state == v1::SOURCE_STATE_SENT || IsFailure(state); }

bool IsEnd(v1::TargetState state) {
  return state >= v1::TARGET_STATE_REFUSED && state <= v1::TARGET_STATE_STUCK;
}

bool HasAccepted(v1::TargetState state) { return Rank(state) >= v1::TARGET_STATE_ACCEPTED; }
bool HasUploaded(v1::TargetState state) { return Rank(state) >= v1::TARGET_STATE_UPLOADED; }

bool MaySourceGo(v1::SourceState from, v1::SourceState to, bool routes_chosen) {
  if (IsEnd(from)) return from == to;
  if (IsFailure(to)) return true;
  if (to == v1::SOURCE_STATE_SENDING || to == v1::SOURCE_STATE_SENT) return routes_chosen;
  return to == v1::SOURCE_STATE_ACCEPTED;
}

bool MayTargetGo(v1::TargetState from, v1::TargetState to, const TargetGates& gates) {
  if (from == v1::TARGET_STATE_STUCK) {
    return to == v1::TARGET_STATE_FAILED || to == v1::TARGET_STATE_CANCELLED ||
           to == v1::TARGET_STATE_ROLLED_BACK || to == v1::TARGET_STATE_STUCK;
  }
  if (IsEnd(from)) return from == to;
  // A foundation that runs the promoted droplet gives it up only when the promotion is undone.
  const bool settled = from == v1::TARGET_STATE_VERIFIED && !gates.undoing;
  if (IsEnd(to)) return !settled;
  switch (to) {
    case v1::TARGET_STATE_ACCEPTED:
      return Rank(from) <= v1::TARGET_STATE_TRANSFERRING;
    case v1::TARGET_STATE_TRANSFERRING:
      return gates.transfer_wished && Rank(from) <= v1::TARGET_STATE_TRANSFERRING;
    case v1::TARGET_STATE_UPLOADED:
      return Rank(from) <= v1::TARGET_STATE_UPLOADED;
    case v1::TARGET_STATE_ACTIVATING:
    case v1::TARGET_STATE_ACTIVE:
      return gates.activation_released && from != v1::TARGET_STATE_VERIFIED;
    case v1::TARGET_STATE_VERIFIED:
      return gates.activation_released || from == v1::TARGET_STATE_PLANNED ||
             from == v1::TARGET_STATE_ACCEPTED || from == v1::TARGET_STATE_VERIFIED;
    default:
      return false;
  }
}

std::string StateWord(v1::PromotionState state) {
  return Word(v1::PromotionState_Name(state), "PROMOTION_STATE_");
}
std::string StateWord(v1::SourceState state) {
  return Word(v1::SourceState_Name(state), "SOURCE_STATE_");
}
std::string StateWord(v1::TargetState state) {
  return Word(v1::TargetState_Name(state), "TARGET_STATE_");
}

}  // namespace sluice::coordinator
