#include "common/transfer/carriage.h"

#include <algorithm>
#include <utility>

namespace sluice::transfer {

TransferFigures Carriage::figures() const {
  TransferFigures figures;
  figures.bytes_total = layout_.droplet_bytes;
  figures.bytes_done = done_bytes_;
  figures.bytes_by_path.peer = fellow_bytes_;
  figures.bytes_sent = payload_bytes_;
  figures.bytes_served = served_bytes_;
  figures.bytes_again = again_bytes_;
  figures.connected = connected_;
  const int64_t took = took_nanoseconds_;
  figures.elapsed = took < 0 ? clock_.Monotonic() - started_ : absl::Nanoseconds(took);
  MutexLock lock(ways_mutex_);
  figures.ways = ways_;
  for (const WayFigures& way : ways_) {
    if (way.kind == WayKind::kRelay) figures.bytes_by_path.relay += way.bytes;
  }
  // What has not been told of a way yet has gone where most goes.
  const uint64_t told = figures.bytes_by_path.peer + figures.bytes_by_path.relay;
  figures.bytes_by_path.direct = figures.bytes_sent - std::min(figures.bytes_sent, told);
  return figures;
}

Allowance Carriage::AllowanceOfPace() {
  return {.may_go = [this](uint64_t bytes) { return pace().MaySend(id(), bytes); },
          .goes = [this](uint64_t bytes) { pace().SendAnyway(id(), bytes); }};
}

void Carriage::NoteWays(std::vector<WayFigures> ways) {
  MutexLock lock(ways_mutex_);
  ways_ = std::move(ways);
}

void Carriage::StopTime() {
  if (took_nanoseconds_ >= 0) return;
  took_nanoseconds_ = absl::ToInt64Nanoseconds(clock_.Monotonic() - started_);
}

}  // namespace sluice::transfer
