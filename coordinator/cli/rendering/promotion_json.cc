#include "coordinator/cli/rendering/promotion_json.h"

#include <nlohmann/json.hpp>

#include "common/base/encoding.h"
#include "common/base/status.h"
#include "coordinator/cli/rendering/cost.h"
#include "coordinator/cli/rendering/explanation.h"
#include "coordinator/cli/rendering/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json TimeOrNull(int64_t milliseconds) {
  return milliseconds == 0 ? json(nullptr) : json(FormatMilliseconds(milliseconds));
}

json ErrorJson(const v1::TargetDetail& target) {
  if (!target.has_error()) return nullptr;
  const Status status = StatusFromParts(target.error().code(), "", "");
  return {{"code", absl::StatusCodeToString(status.code())},
          {"name", target.error().name()},
          {"message", target.error().message()}};
}

// An envelope is JSON itself: shown as it is, so that other tools can verify it.
json EnvelopeJson(const std::string& envelope) {
  if (envelope.empty()) return nullptr;
  json value = json::parse(envelope, nullptr, false);
  return value.is_discarded() ? json(nullptr) : value;
}

json TargetJson(const v1::TargetDetail& target, const v1::Progress& source) {
  return {
      {"target", target.target()},
      {"state", StateName(target.state())},
      {"waiting_for", OrNull(WaitingName(target.waiting_for()))},
      {"error", ErrorJson(target)},
      {"droplet_guid", OrNull(target.droplet_guid())},
      {"reported_sha256", OrNull(target.reported_sha256())},
      {"previous_droplet_guid", OrNull(target.previous_droplet_guid())},
      {"path", OrNull(target.path())},
      {"transfer", CostJson(source, target.progress())},
      {"ways", WaysJson(target.progress())},
      {"receipt", EnvelopeJson(target.receipt())},
      {"warnings", std::vector<std::string>(target.warnings().begin(), target.warnings().end())}};
}

json EntryJson(const v1::LedgerEntry& entry) {
  return {{"sequence", entry.sequence()},
          {"at", TimeOrNull(entry.at_milliseconds())},
          {"kind", entry.kind()},
          {"body", EnvelopeJson(entry.body())},
          {"hash", ToHex(entry.hash())}};
}

}  // namespace

json PromotionJson(const v1::PromotionSummary& summary) {
  return {{"id", summary.id()},
          {"state", StateName(summary.state())},
          {"reason", OrNull(summary.reason())},
          {"source", summary.source()},
          {"targets", std::vector<std::string>(summary.targets().begin(), summary.targets().end())},
          {"recipient", OrNull(summary.recipient())},
          {"sha256", summary.sha256()},
          {"operator", summary.operator_()},
          {"created_at", TimeOrNull(summary.created_milliseconds())},
          {"changed_at", TimeOrNull(summary.changed_milliseconds())}};
}

json PromotionJson(const v1::PromotionDetail& detail, bool with_entries) {
  json out = PromotionJson(detail.summary());
  out["size_bytes"] = detail.size_bytes();
  out["strategy"] = detail.strategy();
  out["activate"] = detail.activate();
  out["source_state"] = StateName(detail.source_state());
  if (!detail.summary().recipient().empty()) out["statement"] = EnvelopeJson(detail.statement());
  out["targets"] = json::array();
  for (const v1::TargetDetail& target : detail.targets()) {
    out["targets"].push_back(TargetJson(target, detail.source_progress()));
  }
  if (!with_entries) return out;
  out["entries_left_out"] = detail.entries_left_out();
  out["entries"] = json::array();
  for (const v1::LedgerEntry& entry : detail.entries()) out["entries"].push_back(EntryJson(entry));
  return out;
}

std::string JsonLine(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::cli
