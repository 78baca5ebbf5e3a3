#include "coordinator/cli/reporting.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/rendering/text.h"

namespace sluice::cli {
namespace {

// Which failure of several is the cause and not its echo.
int Weight(StatusCode code) {
  switch (code) {
    case StatusCode::kDataLoss:
      return 5;
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
      return 4;
    case StatusCode::kCancelled:
    case StatusCode::kUnknown:  // what the source told it
      return 0;
    case StatusCode::kUnavailable:
      return 1;
    default:
      return 3;
  }
}

const v1::TargetDetail* WorstTarget(const v1::PromotionDetail& detail) {
  const v1::TargetDetail* worst = nullptr;
  int worst_weight = -1;
  for (const v1::TargetDetail& target : detail.targets()) {
    if (!target.has_error()) continue;
    const int stuck = target.state() == v1::TARGET_STATE_STUCK ? 10 : 0;
    const int weight = stuck + Weight(static_cast<StatusCode>(target.error().code()));
    if (weight > worst_weight) {
      worst = &target;
      worst_weight = weight;
    }
  }
  return worst;
}

// A target that was undone because something failed elsewhere knows nothing of that, or what the
// source of the transfer told.
bool IsEcho(const v1::TargetDetail& target, const v1::PromotionSummary& summary) {
  return Weight(static_cast<StatusCode>(target.error().code())) == 0 && !summary.reason().empty();
}

// Refusals of an order that are a question of rights, by name: a sum has no code.
bool IsOfRights(const std::string& name) {
  return name == "not-granted" || name == "key-revoked" || name == "unknown-operator" ||
         name == "droplet-denied" || absl::StartsWith(name, "policy-");
}

// The coordinator's sum of it, "...message [name]", taken apart again.
Status FailureBySummary(const v1::PromotionDetail& detail, std::string message,
                        std::string_view name) {
  absl::string_view reason = detail.summary().reason();
  std::string cause_name(name);
  const size_t bracket = reason.rfind(" [");
  if (bracket != absl::string_view::npos && absl::ConsumeSuffix(&reason, "]")) {
    cause_name = std::string(reason.substr(bracket + 2));
    reason = reason.substr(0, bracket);
  }
  if (!reason.empty()) absl::StrAppend(&message, ": ", reason);
  const bool of_rights =
      detail.source_state() == v1::SOURCE_STATE_REFUSED && IsOfRights(cause_name);
  return NamedError(of_rights ? StatusCode::kPermissionDenied : StatusCode::kFailedPrecondition,
                    cause_name, message);
}

// The source's agent is the only one that an export could fail at.
Status ExportFailure(const v1::PromotionDetail& detail, std::string_view what,
                     std::string_view name) {
  const v1::Error& error = detail.source_error();
  const auto code = static_cast<StatusCode>(error.code());
  const bool of_rights = detail.source_state() == v1::SOURCE_STATE_REFUSED &&
                         ExitCode(Status(code, "")) == kExitNotAllowed;
  return NamedError(
      code == StatusCode::kDataLoss || of_rights ? code : StatusCode::kFailedPrecondition,
      error.name().empty() ? name : std::string_view(error.name()),
      absl::StrCat("export ", detail.summary().id(), " ", ToAbsl(what), " at ",
                   WithPlace(detail.summary().source(), error.message())));
}

// The cause as the targets tell it, else as the coordinator sums it up.
Status Failure(const v1::PromotionDetail& detail, std::string_view what, std::string_view name) {
  if (detail.has_source_error()) return ExportFailure(detail, what, name);
  const v1::TargetDetail* target = WorstTarget(detail);
  std::string message = absl::StrCat("promotion ", detail.summary().id(), " ", ToAbsl(what));
  if (target == nullptr || IsEcho(*target, detail.summary())) {
    return FailureBySummary(detail, std::move(message), name);
  }
  absl::StrAppend(&message, " at ", WithPlace(target->target(), target->error().message()));
  const std::string& told_name = target->error().name();
  const auto refusal = static_cast<StatusCode>(target->error().code());
  // A refused order is a question of rights; every other failure is one of the promotion.
  const bool of_rights = target->state() == v1::TARGET_STATE_REFUSED &&
                         ExitCode(Status(refusal, "")) == kExitNotAllowed;
  return NamedError(
      refusal == StatusCode::kDataLoss || of_rights ? refusal : StatusCode::kFailedPrecondition,
      told_name.empty() ? name : std::string_view(told_name), message);
}

std::string WaitingText(const v1::PromotionDetail& detail) {
  const std::string& id = detail.summary().id();
  for (const v1::TargetDetail& target : detail.targets()) {
    const std::string waiting = WaitingName(target.waiting_for());
    if (!waiting.empty() && waiting != "activate") {
      return absl::StrCat("promotion ", id, " waits for ", waiting);
    }
  }
  return absl::StrCat("promotion ", id, " is uploaded and waits; go on with: sluice activate ", id);
}

bool AreRolledBack(const v1::PromotionDetail& detail, const std::vector<std::string>& targets) {
  if (targets.empty()) return false;
  return std::all_of(detail.targets().begin(), detail.targets().end(), [&](const auto& target) {
    return std::find(targets.begin(), targets.end(), target.target()) == targets.end() ||
           target.state() == v1::TARGET_STATE_ROLLED_BACK;
  });
}

}  // namespace

int ExitCodeOf(const Status& status) {
  const std::string name = ErrorName(status);
  if (name == "interrupted") return kExitInterrupted;
  if (name == "timeout-passed") return kExitTimeout;
  if (name == "needs-hands") return kExitNeedsHands;
  if (name == "waiting") return kExitWaiting;
  if (name == "no-file") return kExitBadInput;  // a file of the operator's, not a thing of CF's
  // Somebody else's limit, not --timeout: a foundation that does not answer.
  if (absl::IsDeadlineExceeded(status)) return kExitUnreachable;
  return ExitCode(status);
}

void ReportError(Terminal& terminal, OutputFormat output, const Status& status) {
  if (output == OutputFormat::kJson) {
    const nlohmann::json error = {{"error",
                                   {{"code", absl::StatusCodeToString(status.code())},
                                    {"name", ErrorName(status)},
                                    {"message", std::string(status.message())},
                                    {"exit", ExitCodeOf(status)}}}};
    terminal.Note(JsonLine(error));
    return;
  }
  std::string text;
  std::string line;
  // Mistakes of a file come one a line; each line is made printable by itself.
  for (const char c : absl::StrCat(Describe(status), "\n")) {
    if (c != '\n') {
      line += c;
      continue;
    }
    absl::StrAppend(&text, text.empty() ? "sluice: " : "  ", Printable(line), "\n");
    line.clear();
  }
  terminal.Note(text);
}

Status OutcomeOf(const v1::PromotionDetail& detail, Aim aim,
                 const std::vector<std::string>& undone) {
  switch (detail.summary().state()) {
    case v1::PROMOTION_STATE_DONE:
      if (aim == Aim::kDone) return absl::OkStatus();
      if (aim == Aim::kRolledBack && AreRolledBack(detail, undone)) return absl::OkStatus();
      return NamedError(StatusCode::kFailedPrecondition, "promotion-done",
                        absl::StrCat("promotion ", detail.summary().id(), " is done",
                                     aim == Aim::kCancelled ? "; undo it with: sluice rollback "
                                                            : " still; look at: sluice promotion ",
                                     detail.summary().id()));
    case v1::PROMOTION_STATE_CANCELLED:
      if (aim == Aim::kCancelled) return absl::OkStatus();
      return Failure(detail, "was cancelled", "cancelled");
    case v1::PROMOTION_STATE_ROLLED_BACK:
      if (aim == Aim::kRolledBack) return absl::OkStatus();
      return Failure(detail, "was rolled back", "rolled-back");
    case v1::PROMOTION_STATE_WAITING:
      return NamedError(StatusCode::kFailedPrecondition, "waiting", WaitingText(detail));
    case v1::PROMOTION_STATE_STUCK: {
      const Status failure = Failure(detail, "is stuck", "");
      return NamedError(StatusCode::kFailedPrecondition, "needs-hands",
                        absl::StrCat(failure.message(),
                                     "; this target needs hands, then try again: sluice rollback ",
                                     detail.summary().id()));
    }
    default:
      return Failure(detail, "failed", "promotion-failed");
  }
}

}  // namespace sluice::cli
