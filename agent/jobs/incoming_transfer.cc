#include "agent/jobs/incoming_transfer.h"

namespace sluice::agent {

IncomingTransferDroplet::IncomingTransferDroplet(
    std::unique_ptr<transfer::IncomingTransfer> transfer, uint64_t droplet_bytes,
    TransferMeter& meter, std::stop_token stop)
    : transfer_(std::move(transfer)),
      droplet_bytes_(droplet_bytes),
      meter_(meter),
      on_stop_(std::move(stop), [this] {
        transfer_->Cancel(
            NamedError(StatusCode::kCancelled, "cancelled", "the target's job was cancelled"));
      }) {
  meter_.Show([this] { return transfer_->figures(); });
}

IncomingTransferDroplet::~IncomingTransferDroplet() { meter_.Hide(); }

}  // namespace sluice::agent
