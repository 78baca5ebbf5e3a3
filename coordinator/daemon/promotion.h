// One promotion's state machine, as pure functions: no I/O, no clock, no knowledge of who is
// connected. The ledger's entries of a promotion, applied in their order, always give its state.
//
// Events, and what each does. "Undo" is set once by the first cause and never changes its kind but
// where a step order was refused.
//
//   event                       legal in                            then
//   OrderRecorded               nothing yet                         RECORDED
//   SourceReported ACCEPTED     brings the statement                see below
//     SENDING, SENT             once routes are chosen
//     REFUSED FAILED CANCELLED  any but an ended source             Undo by failure, unless every
//                                                                   target is uploaded already
//   TargetReported ACCEPTED     brings the seal offer               see below
//     TRANSFERRING              once routes are chosen
//     UPLOADED                  with the order's digest             another digest: Undo by failure
//     ACTIVATING, ACTIVE        once activation was released
//     VERIFIED                  likewise; before it only if nothing had to be done (it runs
//     already) an end (REFUSED...STUCK)  any but an ended target             Undo by failure
//     UPLOADED with an error    an activate order was refused there WAITING again
//     VERIFIED with an error    a rollback order was refused there  DONE again
//     any with an error         a cancel order was refused there    goes on
//                               (of several targets one refused:    Undo by failure; STUCK)
//   RoutesChosen, NoPathFound   NeedsRoutes()                       TRANSFERRING; Undo by failure
//   StepOrdered activate        not ended, not activating by itself barrier may open
//     cancel                    not ended, no Undo yet              Undo by cancel
//     rollback                  DONE, STUCK                         Undo by rollback, of the
//     targets
//                                                                   that the order names
//
// The promotion's state follows from its jobs (predecessors are all states above it in a column):
//
//   RECORDED      somebody has not accepted yet
//   TRANSFERRING  all accepted, not all uploaded
//   WAITING       all uploaded, and an activate order is still to come
//   ACTIVATING    the barrier has opened: activation may begin everywhere
//   DONE          all verified, but for those that rollback orders have named, which ended
//                 (leaves only by a rollback order)
//   UNDOING       Undo is set and a target that it concerns has not ended
//   FAILED        Undo by failure, all ended        CANCELLED    Undo by cancel, all ended
//   ROLLED_BACK   Undo by rollback, all ended       STUCK        Undo, all ended, one needs hands
//
// Of several targets in one foundation only the first, their carrier, gets the droplet from the
// source. The others are told to transfer once that one is uploaded: their agent then finds the
// droplet in its own foundation and has it copied there.
//
// An export is a promotion without targets, whose droplet goes to the operator who ordered it. Its
// state follows from the source alone: RECORDED until that has accepted, TRANSFERRING until it has
// sent, DONE when it has, which is when the recipient has found the whole digest right. It has no
// end of its own without a recipient: a cancel order ends it.
//
// The source never holds up an end of another promotion: it changes nothing in its foundation. What
// is still open there is closed by its wish (wish.h) whenever its agent is connected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::v1 {
// The words of the protocol are those of the machine (proto/sluice/v1/control.proto).
enum PathKind : int;
enum PromotionState : int;
enum SourceState : int;
enum TargetState : int;
enum WaitingFor : int;
}  // namespace sluice::v1

namespace sluice::coordinator {

// What the machine needs of the order, and what lists show of it.
struct PromotionTerms {
  struct Target {
    std::string foundation;
    std::string reference;  // canonical, with the app
    bool operator==(const Target&) const = default;
  };
  std::string source_foundation;
  std::string source;  // canonical app reference
  std::vector<Target> targets;
  std::string recipient;  // of an export: the operator's name; else empty
  std::string sha256;     // of the droplet, hexadecimal
  uint64_t size_bytes = 0;
  std::string strategy;
  bool activate = true;  // by itself, once all are uploaded
  bool operator==(const PromotionTerms&) const = default;
};

// A way by which the bytes may get to one target. There may be several; the agents try all of them
// and use the best that works.
struct ChosenRoute {
  enum class Path {
    kDirect,  // one of the two agents dials the other
    kRelay,   // both dial the relay
    kPeer     // other targets may dial this one, which has chunks for them, too
  };
  uint32_t target_index = 0;
  Path path = Path::kDirect;
  bool source_dials = false;  // kDirect
  std::string endpoint;       // what to dial
  bool operator==(const ChosenRoute&) const = default;
};

// The target by which the droplet comes into the foundation of that target: the first one there.
uint32_t CarrierOf(const PromotionTerms& terms, uint32_t target_index);

// The droplet is in that target's foundation from the beginning, which is the source's: its Cloud
// Controller copies it, and the one agent there never sends to itself.
bool IsAtSource(const PromotionTerms& terms, uint32_t target_index);

// In milliseconds, as control.proto's StageTimes.
struct StageTimes {
  uint64_t download = 0;
  uint64_t transfer = 0;
  uint64_t upload = 0;
  uint64_t job = 0;
  uint64_t activation = 0;
  bool operator==(const StageTimes&) const = default;
};

// One way between a target and the source or a fellow, as control.proto's Way.
struct WayReport {
  v1::PathKind path{};
  std::string endpoint;  // what the target dials; empty: it is dialled
  uint64_t tries = 0;
  uint64_t times_ready = 0;
  uint64_t bytes = 0;
  bool carries = false;
  bool given_up = false;
  Status lost_by;
  bool operator==(const WayReport&) const = default;
};

struct TransferProgress {
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_again = 0;
  uint64_t milliseconds = 0;
  std::string phase;
  // bytes_sent by the path they took, and what had not to be sent.
  uint64_t bytes_direct = 0;
  uint64_t bytes_relay = 0;
  uint64_t bytes_peer = 0;
  uint64_t bytes_not_sent = 0;
  StageTimes stages;
  std::vector<WayReport> ways;
  bool operator==(const TransferProgress&) const = default;
};

// Envelopes are kept as the bytes that were signed.
struct OrderRecorded {
  std::string promotion;
  std::string order_sha256;  // of the payload, hexadecimal
  std::string envelope;
  std::string operator_name;
  PromotionTerms terms;
};

struct SourceReported {
  uint64_t revision = 0;
  v1::SourceState state{};
  Status error;
  std::string statement;
  TransferProgress progress;
  std::vector<std::string> warnings;
};

struct TargetReported {
  uint32_t target_index = 0;
  uint64_t revision = 0;
  v1::TargetState state{};
  v1::WaitingFor waiting_for{};
  Status error;
  std::string seal_offer;
  std::string receipt;
  std::string droplet_guid;
  std::string reported_sha256;
  std::string previous_droplet_guid;
  std::string path;
  TransferProgress progress;
  std::vector<std::string> warnings;
};

struct RoutesChosen {
  std::vector<ChosenRoute> routes;  // one at least for each carrier that needs the bytes
};

struct NoPathFound {
  Status error;
};

enum class StepAction { kActivate, kCancel, kRollback };

struct StepOrdered {
  StepAction action = StepAction::kActivate;
  std::vector<std::string> targets;  // app references of the promotion's; a rollback's may be some
  std::string order_sha256;
  std::string envelope;
  std::string operator_name;
};

struct Event {
  absl::Time at;
  std::variant<OrderRecorded, SourceReported, TargetReported, RoutesChosen, NoPathFound,
               StepOrdered>
      what;
};

struct SourceJob {
  uint64_t revision = 0;  // of the last report, 0 before the first
  v1::SourceState state{};
  Status error;
  std::string statement;
  TransferProgress progress;
  std::vector<std::string> warnings;
  bool operator==(const SourceJob&) const = default;
};

struct TargetJob {
  uint64_t revision = 0;
  v1::TargetState state{};
  v1::WaitingFor waiting_for{};
  Status error;
  std::string seal_offer;
  std::string receipt;
  std::string droplet_guid;
  std::string reported_sha256;
  std::string previous_droplet_guid;
  std::string path;
  TransferProgress progress;
  std::vector<std::string> warnings;
  bool rolling_back = false;  // a rollback order has named it
  bool asked_again = false;   // stuck, and a rollback order has asked for another attempt
  bool operator==(const TargetJob&) const = default;
};

struct Step {
  std::string order_sha256;
  std::string envelope;
  size_t targets = 0;  // how many it names
  bool operator==(const Step&) const = default;
};

enum class UndoKind { kFailure, kCancel, kRollback };

struct Promotion {
  std::string id;  // empty: nothing recorded yet
  std::string order_sha256;
  std::string order;  // envelope
  std::string operator_name;
  PromotionTerms terms;
  absl::Time created;
  absl::Time changed;
  v1::PromotionState state{};

  SourceJob source;
  std::vector<TargetJob> targets;     // as in the terms
  std::vector<ChosenRoute> routes;    // empty until chosen
  std::optional<Step> activate_step;  // the activate order, once there is one
  bool activation_released = false;   // all were uploaded and activation was wanted
  std::optional<UndoKind> undo;
  std::optional<Step> undo_step;         // the cancel or rollback order
  Status own_failure;                    // found by the coordinator, not reported by an agent
  uint64_t events = 0;                   // how many were applied
  std::vector<std::string> step_orders;  // digests of all step orders that had effect
  bool operator==(const Promotion&) const = default;
};

// The promotion after `event`. On an error nothing has changed: FailedPrecondition
// "report-repeated", "report-out-of-order", "promotion-ended", "promotion-ending",
// "promotion-activates-itself", "promotion-not-done", "promotion-exists", "routes-not-wanted";
// InvalidArgument "report-without-evidence", "no-such-target"; NotFound "no-promotion".
StatusOr<Promotion> Apply(const Promotion& promotion, const Event& event);

// The droplet goes to an operator and not to targets.
bool IsExport(const PromotionTerms& terms);

// All have accepted and somebody needs the bytes, but how they get there is not chosen yet.
bool NeedsRoutes(const Promotion& promotion);

// It has accepted, needs the bytes, and is to get them from the source.
bool NeedsRoute(const Promotion& promotion, uint32_t target_index);

// The promotion is being undone, and so is this target of it: a rollback may leave some as they
// are.
bool UndoConcerns(const Promotion& promotion, const TargetJob& job);

// DONE, FAILED, CANCELLED, ROLLED_BACK or STUCK.
bool Ended(const Promotion& promotion);

// Of all failures the one to act on: wrong bytes before refusals before states before what may
// pass by itself; a cancelled job is only the echo of another's failure. OK when there is none.
Status Cause(const Promotion& promotion);

// Why it is in this state and what comes next, in one line for people.
std::string Reason(const Promotion& promotion);

}  // namespace sluice::coordinator
