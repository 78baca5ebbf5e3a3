#include "common/transfer/carriage.h"

namespace sluice::transfer {

TransferFigures Carriage::figures() const {
  TransferFigures figures;
  figures.bytes_total = layout_.droplet_bytes;
  figures.bytes_done = done_bytes_;
  figures.bytes_sent = payload_bytes_;
  figures.bytes_by_path.direct = figures.bytes_sent;
  figures.bytes_again = again_bytes_;
  figures.connected = connected_;
  const int64_t took = took_nanoseconds_;
  figures.elapsed = took < 0 ? clock_.Monotonic() - started_ : absl::Nanoseconds(took);
  return figures;
}

void Carriage::StopTime() {
  if (took_nanoseconds_ >= 0) return;
  took_nanoseconds_ = absl::ToInt64Nanoseconds(clock_.Monotonic() - started_);
}

}  // namespace sluice::transfer
