// One job of TargetJobs; for its two .cc files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/jobs/transfer_terms.h"
#include "agent/target_jobs.h"

namespace sluice::agent {

struct TargetJobs::Job : HeldJob {
  TargetRecord record;
  TargetFacts facts;               // as the latest checkpoint has them
  bool checking_rollback = false;  // a rollback order is being judged by the foundation
  bool transfer_reported = false;
  std::optional<ChosenPath> path;  // from the latest command; the transfer needs it
  Status refusal;                  // of the latest step order, until something happens
  std::string refused_order;       // its SHA-256

  bool Busy() const { return checking_rollback; }
  std::string_view Phase(const transfer::TransferFigures& figures) const {
    if (record.state.phase != TargetPhase::kTransferring) return "";
    return figures.bytes_done == figures.bytes_total ? "upload" : "transfer";
  }
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
