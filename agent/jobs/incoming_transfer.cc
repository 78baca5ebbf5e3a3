#include "agent/jobs/incoming_transfer.h"

#include <utility>

namespace sluice::agent {

IncomingTransferDroplet::IncomingTransferDroplet(
    std::unique_ptr<transfer::IncomingTransfer> transfer, TransferMeter& meter,
    std::stop_token leaving, std::stop_token stop)
    : transfer_(std::move(transfer)),
      watched_(transfer_->Open()),
      meter_(meter),
      leaving_(std::move(leaving)),
      on_stop_(std::move(stop), [this] {
        GiveUp(NamedError(StatusCode::kCancelled, "cancelled", "the target's job was cancelled"));
      }) {
  meter_.Show([this] { return transfer_->figures(); });
}

IncomingTransferDroplet::~IncomingTransferDroplet() { meter_.Hide(); }

Status IncomingTransferDroplet::failure() {
  return watched_->AwaitBytes(absl::ZeroDuration()).status();
}

void IncomingTransferDroplet::GiveUp(const Status& why) {
  if (leaving_.stop_requested()) return transfer_->Leave();
  transfer_->Cancel(why);
}

}  // namespace sluice::agent
