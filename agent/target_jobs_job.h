// One job of TargetJobs; for its two .cc files.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/jobs/transfer_terms.h"
#include "agent/target_jobs.h"

namespace sluice::agent {

struct TargetJobs::Job {
  JobRecord stored;
  TargetRecord record;
  TargetFacts facts;  // as the latest checkpoint has them
  trust::Order order;
  std::string order_sha256;
  bool accepting = false;          // being judged by the foundation; nothing is journalled yet
  bool checking_rollback = false;  // likewise, for a rollback order
  std::stop_source stop;           // of what runs
  std::shared_ptr<TransferMeter> meter = std::make_shared<TransferMeter>();
  uint64_t bytes_shown = 0;  // by the latest progress message
  bool transfer_reported = false;
  std::optional<ChosenPath> path;  // from the latest command; the transfer needs it
  Status refusal;                  // of the latest step order, until something happens
  std::string refused_order;       // its SHA-256

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
