// The sealed transfer by itself, from a file between two processes.
#pragma once

#include <string>

#include "common/base/status.h"

namespace sluice::bench {

// Forks: the child receives, this process sends. Returns when both are done. Before any thread.
// The receiver checks the digest, as agents do.
Status TransferFile(const std::string& from, const std::string& to, const std::string& sha256);

// What the same costs when it ends with the digest verified and the chunks in the spool `to`.
struct EngineCost {
  double seconds = 0;  // from the two ends' being there
  double source_core_seconds = 0;
  double target_core_seconds = 0;
};
StatusOr<EngineCost> MeasureEngine(const std::string& from, const std::string& to,
                                   const std::string& sha256);

}  // namespace sluice::bench
