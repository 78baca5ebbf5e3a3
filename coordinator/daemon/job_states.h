// The states of a promotion and its jobs: their order, their ends, and which may follow which.
#pragma once

#include <string>

namespace sluice::v1 {
enum PromotionState : int;
enum SourceState : int;
enum TargetState : int;
}  // namespace sluice::v1

namespace sluice::coordinator {

bool IsEnd(v1::PromotionState state);

// SENT or a failure.
bool IsEnd(v1::SourceState state);
bool IsFailure(v1::SourceState state);  // REFUSED, FAILED, CANCELLED

// REFUSED, FAILED, CANCELLED, ROLLED_BACK, STUCK: the job does nothing by itself any more.
bool IsEnd(v1::TargetState state);
// On the way forward, this far or farther.
bool HasAccepted(v1::TargetState state);
bool HasUploaded(v1::TargetState state);

// May a source's report of `to` follow `from`? Steps may be skipped (an agent reports where it is,
// not how it got there), and SENDING may fall back to ACCEPTED: a retry.
bool MaySourceGo(v1::SourceState from, v1::SourceState to, bool routes_chosen);

struct TargetGates {
  bool transfer_wished = false;
  bool activation_released = false;
  bool undoing = false;
};

// Likewise for a target. Falling back is allowed where work is repeated: TRANSFERRING to ACCEPTED,
// ACTIVE to ACTIVATING. VERIFIED is left only when undoing, an end only for itself, STUCK also for
// an end that says it is undone after all.
bool MayTargetGo(v1::TargetState from, v1::TargetState to, const TargetGates& gates);

// "rolled_back": as the design writes states, and JSON and tables show them.
std::string StateWord(v1::PromotionState state);
std::string StateWord(v1::SourceState state);
std::string StateWord(v1::TargetState state);

}  // namespace sluice::coordinator
