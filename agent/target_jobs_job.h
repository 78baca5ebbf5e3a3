// One job of TargetJobs; for its two .cc files.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/jobs/transfer_terms.h"
#include "agent/order_judge.h"
#include "agent/target_jobs.h"

namespace sluice::agent {

// A step order that was judged; it is journalled with what it leads to.
struct TargetJobs::ObeyedOrder {
  std::string envelope;
  JudgedOrder judged;
  std::optional<RollbackTerms> rollback = std::nullopt;  // of a rollback order
};

// What a job's machine is told, and by which order, if it is a wish that needed one.
struct TargetJobs::Happening {
  TargetEvent event;
  std::optional<ObeyedOrder> order = std::nullopt;
};

struct TargetJobs::Job : HeldJob {
  TargetRecord record;
  TargetFacts facts;               // as the latest checkpoint has them
  bool checking_rollback = false;  // a rollback order is being judged by the foundation
  // What reports have shown of the running transfer.
  bool transfer_reported = false;
  int64_t uploads_reported = 0;
  std::string waiting_reported;
  // From the latest command; a transfer needs it. None: another target of the order brings the
  // droplet into this foundation.
  std::optional<ChosenPath> path;
  std::vector<ChosenPath> fellow_paths;
  Status refusal;                       // of the latest step order, until something happens
  std::string refused_order;            // its SHA-256
  std::deque<Happening> unsaved;        // the journal had no room for what they decide
  std::optional<TargetStep> unstarted;  // it is journalled that it runs, and no thread was free

  bool Busy() const { return checking_rollback || !unsaved.empty(); }
  // Whether that wish, or that order, waits for the journal already.
  bool Waits(const Happening& wish) const {
    return std::any_of(unsaved.begin(), unsaved.end(), [&wish](const Happening& other) {
      return other.event.index() == wish.event.index() &&
             other.order.has_value() == wish.order.has_value() &&
             (!wish.order || other.order->judged.sha256 == wish.order->judged.sha256);
    });
  }
  std::string_view Phase(const transfer::TransferFigures& figures) const {
    if (record.state.phase == TargetPhase::kUndoing) {
      if (facts.waiting_for == kWaitingForRoom) return "undo waiting for room";
      return facts.waiting_for == kWaitingForFoundation ? "undo waiting for foundation" : "";
    }
    if (record.state.phase == TargetPhase::kActivating) {
      return facts.waiting_for == kWaitingForRoom ? "activation waiting for room" : "";
    }
    if (record.state.phase != TargetPhase::kTransferring) return "";
    if (facts.waiting_for == kWaitingForPeer) return "waiting for peer";
    if (facts.waiting_for == kWaitingForRoom) return "waiting for room";
    if (facts.waiting_for == kWaitingForLimit) return "waiting for limit";
    if (facts.uploads_begun > 1) return "upload again";
    return figures.bytes_done == figures.bytes_total ? "upload" : "transfer";
  }
  // The transfer's key and what has arrived are still needed, or will be.
  bool MayTransfer() const {
    return record.state.phase == TargetPhase::kAccepted ||
           record.state.phase == TargetPhase::kTransferring;
  }
  // So is what has arrived.
  bool NeedsSpooled() const {
    return !accepting && (MayTransfer() || record.state.running == TargetStep::kUpload);
  }
  bool AwaitsTransfer() const { return MayTransfer() && !record.state.running; }
  TargetAssignment Assignment() const {
    return {.order = order, .index = stored.key.target_index, .rollback = record.rollback};
  }
};

// What a step has come to.
struct TargetJobs::StepEnd {
  TargetStep step = TargetStep::kUpload;
  Status status;
  bool runs_already = false;
  TargetFacts facts;
};

}  // namespace sluice::agent
