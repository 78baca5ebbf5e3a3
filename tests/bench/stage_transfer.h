// The sealed transfer by itself, from file to file between two processes.
#pragma once

#include <string>

#include "common/base/status.h"

namespace sluice::bench {

// Forks: the child receives, this process sends. Returns when both are done. Before any thread.
// The receiver checks the digest, as agents do.
Status TransferFile(const std::string& from, const std::string& to, const std::string& sha256);

}  // namespace sluice::bench
