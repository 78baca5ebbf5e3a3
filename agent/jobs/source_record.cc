#include "agent/jobs/source_record.h"

#include "agent/jobs/journal_json.h"
#include "common/base/encoding.h"

namespace sluice::agent {
namespace {

using nlohmann::json;

StatusOr<SourceRecord> ParseRecord(const json& value) {
  SourceRecord record;
  SLUICE_ASSIGN_OR_RETURN(record.state.phase,
                          ParseSourcePhase(value.at("phase").get<std::string>()));
  record.state.cancelling = value.at("cancelling").get<bool>();
  record.state.cause = ParseStatusJson(value.at("cause"));
  record.statement = value.at("statement").get<std::string>();
  const auto header = FromBase64(value.value("header", ""));
  if (!header.ok()) {
    return NamedError(StatusCode::kDataLoss, "journal-unreadable",
                      "a transfer's header in the journal cannot be read");
  }
  record.header = *header;
  record.bytes_sent = value.at("bytes_sent").get<int64_t>();
  record.bytes_direct = value.value("bytes_direct", int64_t{0});
  record.bytes_relay = value.value("bytes_relay", int64_t{0});
  record.bytes_peer = value.value("bytes_peer", int64_t{0});
  record.bytes_again = value.at("bytes_again").get<int64_t>();
  record.transfer_milliseconds = value.at("transfer_milliseconds").get<int64_t>();
  record.download_milliseconds = value.value("download_milliseconds", int64_t{0});
  return record;
}

}  // namespace

std::string FormatSourceRecord(const SourceRecord& record) {
  return FormatJournalJson({{"phase", std::string(SourcePhaseName(record.state.phase))},
                            {"cancelling", record.state.cancelling},
                            {"cause", FormatStatusJson(record.state.cause)},
                            {"statement", record.statement},
                            {"header", ToBase64(record.header)},
                            {"bytes_sent", record.bytes_sent},
                            {"bytes_direct", record.bytes_direct},
                            {"bytes_relay", record.bytes_relay},
                            {"bytes_peer", record.bytes_peer},
                            {"bytes_again", record.bytes_again},
                            {"transfer_milliseconds", record.transfer_milliseconds},
                            {"download_milliseconds", record.download_milliseconds}});
}

StatusOr<SourceRecord> ParseSourceRecord(std::string_view text) {
  return ParseJournalJson<SourceRecord>(text, ParseRecord);
}

}  // namespace sluice::agent
