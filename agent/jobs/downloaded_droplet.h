// A droplet of this foundation as what an outgoing transfer reads.
#pragma once

#include <cstdint>
#include <stop_token>

#include "agent/foundation/cloud_controller.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// From any byte on, by Range; a download that breaks is taken up again. Fails by the names of
// CloudController::DownloadDroplet(). `cloud_controller` is borrowed.
class DownloadedDroplet final : public transfer::DropletSource {
 public:
  DownloadedDroplet(foundation::CloudController& cloud_controller, DropletGuid droplet,
                    uint64_t droplet_bytes, std::stop_token stop);
  Status Read(uint64_t offset, const Take& take) override;

 private:
  foundation::CloudController& cloud_controller_;
  const DropletGuid droplet_;
  const uint64_t droplet_bytes_;
  const std::stop_token stop_;
};

}  // namespace sluice::agent
