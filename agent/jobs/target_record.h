// A target's job as the journal keeps it, but for what its steps have done (target_facts.h):
// written by the control loop alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "agent/jobs/target_job.h"
#include "common/base/status.h"
#include "common/base/strong.h"

namespace sluice::agent {

// What an accepted rollback order asks for, beyond undoing.
struct RollbackTerms {
  std::string order_sha256;
  DropletGuid restore_droplet_guid;  // empty: the app had none, or goes as a whole
  // What the operator saw there when the order was signed, and agreed to replace.
  DropletGuid expected_current_droplet_guid;
  absl::Time expires_at = absl::UnixEpoch();  // of the order; whole seconds
  bool operator==(const RollbackTerms&) const = default;
};

struct TargetRecord {
  TargetState state;
  std::string seal_offer;  // envelope
  std::string statement;   // envelope, once known
  std::string receipt;     // envelope, once signed
  std::optional<RollbackTerms> rollback;
};

std::string FormatTargetRecord(const TargetRecord& record);
// DataLoss "journal-unreadable".
StatusOr<TargetRecord> ParseTargetRecord(std::string_view text);

}  // namespace sluice::agent
