// The real CoordinatorLink: one session over ZeroMQ, driven by the caller's waits.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "coordinator/cli/coordinator_link.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

// Begins to connect and returns at once; AskAll() and Listen() wait. `interrupt_descriptor` becomes
// readable when the operator interrupts, and stays so. Borrows `clock` and `entropy`.
StatusOr<std::unique_ptr<CoordinatorLink>> ConnectToCoordinator(const LinkOptions& options,
                                                                const Clock& clock,
                                                                Entropy& entropy,
                                                                int interrupt_descriptor);

}  // namespace sluice::cli
