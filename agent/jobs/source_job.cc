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
  return {.state = {.phase = phase, .cancelling = false, .cause = std::move(cause)},
          .changed = true};
}

Status Cancelled() {
  return NamedError(StatusCode::kCancelled, "cancelled",
                    "sending was cancelled, as the promotion has ended");
}

SourceDecision OnCancel(const SourceState& state) {
  if (state.phase == SourcePhase::kAccepted) return End(SourcePhase::kCancelled, Cancelled());
  if (state.phase != SourcePhase::kSending || state.cancelling) return Stay(state);
  SourceDecision decision = Stay(state);
  decision.state.cancelling = true;
  decision.changed = true;
  decision.stop_sending = true;
  return decision;
}

SourceDecision OnEnd(const SourceState& state, const Status& status) {
  if (state.phase != SourcePhase::kSending) return Stay(state);
  if (status.ok()) return End(SourcePhase::kSent, absl::OkStatus());
  // A failure of its own that came before the cancellation is the better story.
  if (state.cancelling && absl::IsCancelled(status)) {
    return End(SourcePhase::kCancelled, Cancelled());
  }
  return End(SourcePhase::kFailed, status);
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
  if (std::holds_alternative<SendWished>(event)) {
    if (state.phase != SourcePhase::kAccepted) return Stay(state);
    SourceDecision decision = Stay(state);
    decision.state.phase = SourcePhase::kSending;
    decision.changed = true;
    decision.start_sending = true;
    return decision;
  }
  if (std::holds_alternative<CancelWished>(event)) return OnCancel(state);
  if (const auto* end = std::get_if<SendingEnded>(&event)) return OnEnd(state, end->status);
  if (state.phase != SourcePhase::kSending) return Stay(state);
  return End(SourcePhase::kFailed,
             NamedError(StatusCode::kUnavailable, "agent-restarted",
                        "the source's agent was restarted while it sent; promote again"));
}

}  // namespace sluice::agent
