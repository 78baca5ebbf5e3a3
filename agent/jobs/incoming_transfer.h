// A sealed droplet stream as the droplet that uploads read from.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "agent/jobs/incoming_droplet.h"
#include "agent/jobs/transfer_meter.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// `meter` is borrowed. A stop cancels the transfer, so that a blocked reader returns; when the
// process is leaving it only leaves the transfer, which the next process takes up again.
class IncomingTransferDroplet final : public IncomingDroplet {
 public:
  IncomingTransferDroplet(std::unique_ptr<transfer::IncomingTransfer> transfer,
                          TransferMeter& meter, std::stop_token leaving, std::stop_token stop);
  ~IncomingTransferDroplet() override;

  std::unique_ptr<transfer::ArrivingDroplet> Open() override { return transfer_->Open(); }
  Status failure() override;
  void GiveUp(const Status& why) override;
  transfer::TransferFigures figures() const override { return transfer_->figures(); }

 private:
  const std::unique_ptr<transfer::IncomingTransfer> transfer_;
  const std::unique_ptr<transfer::ArrivingDroplet> watched_;  // nothing is read from it
  TransferMeter& meter_;
  const std::stop_token leaving_;
  const std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace sluice::agent
