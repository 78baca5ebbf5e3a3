// A source's job as the journal keeps it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/jobs/source_job.h"
#include "common/base/status.h"

namespace sluice::agent {

struct SourceRecord {
  SourceState state;
  std::string statement;  // envelope
  // Of the transfer's seed, whose content key is the job's secret; empty until it is made and after
  // the transfer has ended.
  std::string header;
  int64_t bytes_sent = 0;    // as they were on the wire
  int64_t bytes_direct = 0;  // of these, by the path they took
  int64_t bytes_relay = 0;
  int64_t bytes_peer = 0;
  int64_t bytes_again = 0;  // of these, chunks sent before
  int64_t transfer_milliseconds = 0;
  int64_t download_milliseconds = 0;  // of them, spent waiting for the droplet's bytes
};

std::string FormatSourceRecord(const SourceRecord& record);
// DataLoss "journal-unreadable".
StatusOr<SourceRecord> ParseSourceRecord(std::string_view text);

}  // namespace sluice::agent
