#include "agent/jobs/job_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// The coordinator takes 4,096 bytes in one text of a report.
constexpr size_t kReportTextBytesMax = 4000;

// Error texts may quote a stranger's bytes, but the protocol's strings are UTF-8.
std::string ToUtf8(std::string_view text) {
  const nlohmann::json cut = std::string(text.substr(0, kReportTextBytesMax));
  const std::string valid = cut.dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
  return nlohmann::json::parse(valid).get<std::string>();
}

v1::SourceState StateOf(SourcePhase phase) {
  switch (phase) {
    case SourcePhase::kAccepted:
      return v1::SOURCE_STATE_ACCEPTED;
    case SourcePhase::kSending:
      return v1::SOURCE_STATE_SENDING;
    case SourcePhase::kSent:
      return v1::SOURCE_STATE_SENT;
    case SourcePhase::kRefused:
      return v1::SOURCE_STATE_REFUSED;
    case SourcePhase::kFailed:
      return v1::SOURCE_STATE_FAILED;
    case SourcePhase::kCancelled:
      break;
  }
  return v1::SOURCE_STATE_CANCELLED;
}

v1::TargetState StateOf(TargetPhase phase, const TargetFacts& facts) {
  switch (phase) {
    case TargetPhase::kAccepted:
      return v1::TARGET_STATE_ACCEPTED;
    case TargetPhase::kTransferring:
      // A target that finds the droplet in its own foundation never transfers.
      return facts.FromSource() ? v1::TARGET_STATE_TRANSFERRING : v1::TARGET_STATE_ACCEPTED;
    case TargetPhase::kUploaded:
      return v1::TARGET_STATE_UPLOADED;
    case TargetPhase::kActivating:
      return v1::TARGET_STATE_ACTIVATING;
    case TargetPhase::kVerified:
      return v1::TARGET_STATE_VERIFIED;
    case TargetPhase::kRefused:
      return v1::TARGET_STATE_REFUSED;
    case TargetPhase::kFailed:
      return v1::TARGET_STATE_FAILED;
    case TargetPhase::kCancelled:
      return v1::TARGET_STATE_CANCELLED;
    case TargetPhase::kRolledBack:
      return v1::TARGET_STATE_ROLLED_BACK;
    case TargetPhase::kStuck:
      return v1::TARGET_STATE_STUCK;
    case TargetPhase::kUndoing:
      break;
  }
  return v1::TARGET_STATE_UNSPECIFIED;
}

// Why the job is where it is: what could not be put back counts more than what began it.
Status CauseOf(const TargetState& state) {
  if (state.phase == TargetPhase::kStuck) return state.undo_error;
  return Ended(state.phase) ? state.cause : absl::OkStatus();
}

v1::WaitingFor WaitingOf(const TargetRecord& record, const TargetFacts& facts,
                         const trust::Order& order) {
  if (record.state.phase == TargetPhase::kUploaded && !order.activate) {
    return v1::WAITING_FOR_ACTIVATE;
  }
  if (record.state.phase != TargetPhase::kTransferring) return v1::WAITING_FOR_UNSPECIFIED;
  if (facts.waiting_for == kWaitingForRoom) return v1::WAITING_FOR_ROOM;
  if (facts.waiting_for == kWaitingForPeer) return v1::WAITING_FOR_PEER;
  if (facts.waiting_for == kWaitingForLimit) return v1::WAITING_FOR_LIMIT;
  return v1::WAITING_FOR_UNSPECIFIED;
}

// What SourceRecord and TargetFacts keep of a transfer.
template <typename Kept>
transfer::TransferFigures FiguresOf(const Kept& kept, int64_t sent, int64_t done, int64_t total) {
  return {.bytes_total = static_cast<uint64_t>(total),
          .bytes_done = static_cast<uint64_t>(done),
          .bytes_sent = static_cast<uint64_t>(sent),
          .bytes_by_path = {.direct = static_cast<uint64_t>(kept.bytes_direct),
                            .relay = static_cast<uint64_t>(kept.bytes_relay),
                            .peer = static_cast<uint64_t>(kept.bytes_peer)},
          .bytes_again = static_cast<uint64_t>(kept.bytes_again),
          .elapsed = absl::Milliseconds(kept.transfer_milliseconds),
          .ways = {}};
}

// A target's meetings are with the source first, then with its fellows.
v1::PathKind PathOf(const transfer::WayFigures& way) {
  if (way.peer > 0) return v1::PATH_KIND_PEER;
  return way.kind == transfer::WayKind::kRelay ? v1::PATH_KIND_RELAY : v1::PATH_KIND_DIRECT;
}

void SetCost(v1::Progress* message, const TargetFacts& facts, int64_t droplet_bytes) {
  if (WasThere(facts)) message->set_bytes_not_sent(static_cast<uint64_t>(droplet_bytes));
  v1::StageTimes* stages = message->mutable_stages();
  stages->set_transfer_milliseconds(static_cast<uint64_t>(facts.transfer_milliseconds));
  stages->set_upload_milliseconds(static_cast<uint64_t>(facts.upload_milliseconds));
  stages->set_job_milliseconds(static_cast<uint64_t>(facts.job_milliseconds));
  stages->set_activation_milliseconds(static_cast<uint64_t>(facts.activation_milliseconds));
}

trust::Cost CostOf(const TargetFacts& facts, int64_t droplet_bytes) {
  return {.droplet_bytes = droplet_bytes,
          .bytes_direct = facts.bytes_direct,
          .bytes_relay = facts.bytes_relay,
          .bytes_peer = facts.bytes_peer,
          .bytes_again = facts.bytes_again,
          .bytes_not_sent = WasThere(facts) ? droplet_bytes : 0,
          .transfer_milliseconds = facts.transfer_milliseconds,
          .upload_milliseconds = facts.upload_milliseconds,
          .job_milliseconds = facts.job_milliseconds,
          .activation_milliseconds = facts.activation_milliseconds};
}

}  // namespace

void SetError(v1::Error* message, const Status& status) {
  message->set_code(static_cast<int>(status.code()));
  message->set_name(ToUtf8(ErrorName(status)));
  message->set_message(ToUtf8(FromAbsl(status.message())));
}

void SetProgress(v1::Progress* message, const transfer::TransferFigures& figures) {
  message->set_bytes_done(figures.bytes_done);
  message->set_bytes_total(figures.bytes_total);
  message->set_bytes_sent(figures.bytes_sent);
  message->set_bytes_direct(figures.bytes_by_path.direct);
  message->set_bytes_relay(figures.bytes_by_path.relay);
  message->set_bytes_peer(figures.bytes_by_path.peer);
  message->set_bytes_again(figures.bytes_again);
  message->set_milliseconds(
      static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Milliseconds(figures.elapsed))));
}

void AddWays(v1::Progress* message, const std::vector<transfer::WayFigures>& ways) {
  for (const transfer::WayFigures& way : MostUsed(ways)) {
    v1::Way* added = message->add_ways();
    added->set_path(PathOf(way));
    added->set_endpoint(way.endpoint);
    added->set_tries(way.tries);
    added->set_times_ready(way.times_ready);
    added->set_bytes(way.bytes);
    added->set_carries(way.carrying);
    added->set_given_up(way.state == transfer::LineWays::State::kGivenUp);
    if (!way.why.ok()) SetError(added->mutable_lost_by(), way.why);
  }
}

v1::JobReport ReportOf(const SourceRecord& record, const trust::Order& order) {
  v1::JobReport report;
  report.set_source_state(StateOf(record.state.phase));
  if (!record.state.cause.ok()) SetError(report.mutable_error(), record.state.cause);
  if (!record.statement.empty()) report.add_evidence(record.statement);
  if (Ended(record.state.phase) && record.transfer_milliseconds > 0) {
    const bool sent = record.state.phase == SourcePhase::kSent && record.bytes_sent > 0;
    SetProgress(report.mutable_progress(),
                FiguresOf(record, record.bytes_sent, sent ? order.artifact.size_bytes : 0,
                          order.artifact.size_bytes));
    report.mutable_progress()->mutable_stages()->set_download_milliseconds(
        static_cast<uint64_t>(record.download_milliseconds));
  }
  return report;
}

v1::JobReport ReportOf(const TargetRecord& record, const TargetFacts& facts,
                       const trust::Order& order, const Status& refusal) {
  v1::JobReport report;
  report.set_target_state(StateOf(record.state.phase, facts));
  report.set_waiting_for(WaitingOf(record, facts, order));
  const Status cause = CauseOf(record.state);
  if (!cause.ok()) {
    SetError(report.mutable_error(), cause);
  } else if (!refusal.ok()) {
    SetError(report.mutable_error(), refusal);
  }
  if (!record.seal_offer.empty()) report.add_evidence(record.seal_offer);
  if (!record.receipt.empty()) report.add_evidence(record.receipt);
  report.set_droplet_guid(facts.droplet_guid.value());
  report.set_reported_sha256(ToUtf8(facts.reported_sha256));
  report.set_previous_droplet_guid(facts.previous_droplet_guid.value());
  report.set_path(facts.path);
  if (facts.transfer_milliseconds > 0) {
    SetProgress(
        report.mutable_progress(),
        FiguresOf(facts, facts.bytes_received, facts.bytes_transferred, order.artifact.size_bytes));
  }
  if (facts.transfer_milliseconds > 0 || WasThere(facts)) {
    SetCost(report.mutable_progress(), facts, order.artifact.size_bytes);
    AddWays(report.mutable_progress(), facts.ways);
  }
  for (const std::string& warning : facts.warnings) report.add_warnings(ToUtf8(warning));
  return report;
}

bool WasThere(const TargetFacts& facts) {
  return facts.path == "stored" || facts.path == "copied" || facts.path == "running";
}

bool Reportable(const TargetRecord& record) { return record.state.phase != TargetPhase::kUndoing; }

std::optional<trust::Outcome> OutcomeOf(const TargetRecord& record, const trust::Order& order) {
  switch (record.state.phase) {
    case TargetPhase::kUploaded:
      if (order.activate) return std::nullopt;
      return trust::Outcome::kUploaded;
    case TargetPhase::kVerified:
      return trust::Outcome::kVerified;
    case TargetPhase::kRefused:
      return trust::Outcome::kRefused;
    case TargetPhase::kFailed:
    case TargetPhase::kStuck:
      return trust::Outcome::kFailed;
    case TargetPhase::kCancelled:
      return trust::Outcome::kCancelled;
    case TargetPhase::kRolledBack:
      return trust::Outcome::kRolledBack;
    default:
      return std::nullopt;
  }
}

trust::Receipt ReceiptOf(const TargetRecord& record, const TargetFacts& facts,
                         const TargetAssignment& assignment, const std::string& order_sha256,
                         trust::Outcome outcome) {
  const trust::OrderTarget& target = assignment.target();
  const Status cause = CauseOf(record.state);
  return {.sha256 = assignment.order.artifact.sha256,
          .promotion = assignment.order.promotion,
          .order_sha256 = record.rollback ? record.rollback->order_sha256 : order_sha256,
          .target = target.reference,
          .organization_guid = target.organization_guid,
          .space_guid = target.space_guid,
          .app_guid = facts.app_guid.empty() ? target.app_guid : facts.app_guid,
          .droplet_guid = facts.droplet_guid,
          .reported_sha256 = facts.reported_sha256,
          .previous_droplet_guid = facts.previous_droplet_guid,
          .outcome = outcome,
          .bytes_transferred = facts.bytes_transferred,
          .cost = CostOf(facts, assignment.order.artifact.size_bytes),
          .started_at = facts.started_at,
          .finished_at = facts.finished_at,
          .error_name = ErrorName(cause),
          .error = ToUtf8(FromAbsl(cause.message()))};
}

}  // namespace sluice::agent
