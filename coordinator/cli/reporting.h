// How a command ends: its exit code, and what is said about a failure.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/terminal.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitNotAllowed = 3;
inline constexpr int kExitUnreachable = 5;
inline constexpr int kExitTimeout = 6;
inline constexpr int kExitNeedsHands = 7;
inline constexpr int kExitWaiting = 8;
inline constexpr int kExitInterrupted = 130;

// By the table of sluice::ExitCode(), and what only the CLI knows: interrupted, --timeout.
int ExitCodeOf(const Status& status);

// "sluice: MESSAGE [NAME]" on standard error, or one JSON object. Secrets never reach a Status.
void ReportError(Terminal& terminal, OutputFormat output, const Status& status);

// What a command wanted of a promotion: cancelled is the aim of cancel, and a failure of promote.
enum class Aim { kDone, kCancelled, kRolledBack };

// OK when the aim is reached. Otherwise what went wrong, of the targets the one that says most, or
// "waiting" and "needs-hands", whose exit codes are 8 and 7. `undone` are the references of the
// targets that a rollback was to put back: the promotion may be done still at the others.
Status OutcomeOf(const v1::PromotionDetail& detail, Aim aim,
                 const std::vector<std::string>& undone = {});

}  // namespace sluice::cli
