#include "agent/jobs/target_record.h"

#include "agent/jobs/journal_json.h"

namespace sluice::agent {
namespace {

using nlohmann::json;

StatusOr<TargetRecord> ParseRecord(const json& value) {
  TargetRecord record;
  SLUICE_ASSIGN_OR_RETURN(record.state.phase,
                          ParseTargetPhase(value.at("phase").get<std::string>()));
  if (!value.at("running").is_null()) {
    record.state.running = static_cast<TargetStep>(value.at("running").get<int>());
  }
  record.state.undo = static_cast<UndoKind>(value.at("undo").get<int>());
  record.state.cause = ParseStatusJson(value.at("cause"));
  record.state.undo_error = ParseStatusJson(value.at("undo_error"));
  record.seal_offer = value.at("seal_offer").get<std::string>();
  record.statement = value.at("statement").get<std::string>();
  record.receipt = value.at("receipt").get<std::string>();
  if (const json& rollback = value.at("rollback"); !rollback.is_null()) {
    record.rollback = {
        .order_sha256 = rollback.at("order_sha256").get<std::string>(),
        .restore_droplet_guid = DropletGuid(rollback.at("restore").get<std::string>()),
        .expected_current_droplet_guid = DropletGuid(rollback.at("expected").get<std::string>()),
        // Not there in the journal of an agent that did not try again.
        .expires_at = absl::FromUnixSeconds(rollback.value("expires_at", int64_t{0}))};
  }
  return record;
}

}  // namespace

std::string FormatTargetRecord(const TargetRecord& record) {
  json running = nullptr;
  if (record.state.running) running = static_cast<int>(*record.state.running);
  json rollback = nullptr;
  if (record.rollback) {
    rollback = {{"order_sha256", record.rollback->order_sha256},
                {"restore", record.rollback->restore_droplet_guid.value()},
                {"expected", record.rollback->expected_current_droplet_guid.value()},
                {"expires_at", absl::ToUnixSeconds(record.rollback->expires_at)}};
  }
  return FormatJournalJson({{"phase", std::string(TargetPhaseName(record.state.phase))},
                            {"running", running},
                            {"undo", static_cast<int>(record.state.undo)},
                            {"cause", FormatStatusJson(record.state.cause)},
                            {"undo_error", FormatStatusJson(record.state.undo_error)},
                            {"seal_offer", record.seal_offer},
                            {"statement", record.statement},
                            {"receipt", record.receipt},
                            {"rollback", rollback}});
}

StatusOr<TargetRecord> ParseTargetRecord(std::string_view text) {
  return ParseJournalJson<TargetRecord>(text, ParseRecord);
}

}  // namespace sluice::agent
