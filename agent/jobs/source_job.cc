#include "agent/jobs/source_job.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::agent {
namespace {

constexpr std::array<std::pair<SourcePhase, std::string_view>, 6> kPhaseNames = {{
    {SourcePhase::kAccepted, "accepted"},
    {SourcePhase::kSending, "sending"},
    {SourcePhase::kSent, "sent"},
    {SourcePhase::kRefused, "refused"},
    {SourcePhase::kFailed, "failed"},
    {SourcePhase::kCancelled, "cancelled"},
}};

SourceDecision Stay(const SourceState& state) { return {.state = state}; }

SourceDecision End(SourcePhase phase, Status cause) {
  SourceState state;
  state.phase = phase;
  state.cause = std::move(cause);
  return {.state = std::move(state), .changed = true};
}

Status Cancelled() {
  return NamedError(StatusCode::kCancelled, "cancelled",
                    "sending was cancelled, as the promotion has ended");
}

SourceDecision OnSend(const SourceState& state) {
  if (Ended(state.phase) || state.running || state.cancelling) return Stay(state);
  SourceDecision decision = Stay(state);
  decision.changed = state.phase != SourcePhase::kSending;
  decision.state.phase = SourcePhase::kSending;
  decision.state.running = true;
  decision.start_sending = true;
  return decision;
}

SourceDecision OnCancel(const SourceState& state) {
  if (Ended(state.phase) || state.cancelling) return Stay(state);
  if (!state.running) return End(SourcePhase::kCancelled, Cancelled());
  SourceDecision decision = Stay(state);
  decision.state.cancelling = true;
  decision.changed = true;
  decision.stop_sending = true;
  return decision;
}

SourceDecision OnEnd(const SourceState& state, const Status& status) {
  if (!state.running) return Stay(state);
  if (status.ok()) return End(SourcePhase::kSent, absl::OkStatus());
  // A failure of its own that came before the cancellation is the better story.
  if (state.cancelling && absl::IsCancelled(status)) {
    return End(SourcePhase::kCancelled, Cancelled());
  }
  return End(SourcePhase::kFailed, status);
}

SourceDecision OnRestart(const SourceState& state) {
  if (state.phase != SourcePhase::kSending) return Stay(state);
  if (state.cancelling) return End(SourcePhase::kCancelled, Cancelled());
  SourceDecision decision = Stay(state);
  decision.state.running = false;
  return decision;
}

}  // namespace

std::string_view SourcePhaseName(SourcePhase phase) {
  for (const auto& [known, name] : kPhaseNames) {
    if (known == phase) return name;
  }
  return "unknown";
}

StatusOr<SourcePhase> ParseSourcePhase(std::string_view name) {
  for (const auto& [phase, known] : kPhaseNames) {
    if (known == name) return phase;
  }
  return NamedError(StatusCode::kDataLoss, "journal-unreadable",
                    absl::StrCat("the journal names an unknown phase '", ToAbsl(name), "'"));
}

bool Ended(SourcePhase phase) {
  return phase != SourcePhase::kAccepted && phase != SourcePhase::kSending;
}

SourceDecision Decide(const SourceState& state, const SourceEvent& event) {
  if (std::holds_alternative<SendWished>(event)) return OnSend(state);
  if (std::holds_alternative<CancelWished>(event)) return OnCancel(state);
  if (const auto* end = std::get_if<SendingEnded>(&event)) return OnEnd(state, end->status);
  return OnRestart(state);
}

}  // namespace sluice::agent
