// A sealed droplet stream as the body of an upload.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "agent/jobs/incoming_droplet.h"
#include "agent/jobs/transfer_meter.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// `meter` is borrowed. A stop cancels the transfer, so that a blocked Read() returns.
class IncomingTransferDroplet final : public IncomingDroplet {
 public:
  IncomingTransferDroplet(std::unique_ptr<transfer::IncomingTransfer> transfer,
                          uint64_t droplet_bytes, TransferMeter& meter, std::stop_token stop);
  ~IncomingTransferDroplet() override;

  uint64_t ContentLength() const override { return droplet_bytes_; }
  StatusOr<size_t> Read(std::span<char> buffer) override { return transfer_->Read(buffer); }
  void GiveUp(const Status& why) override { transfer_->Cancel(why); }
  transfer::TransferFigures figures() const override { return transfer_->figures(); }

 private:
  const std::unique_ptr<transfer::IncomingTransfer> transfer_;
  const uint64_t droplet_bytes_;
  TransferMeter& meter_;
  const std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace sluice::agent
