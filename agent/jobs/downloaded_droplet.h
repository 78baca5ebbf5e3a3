// A droplet of this foundation as what an outgoing transfer reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

#include "absl/time/time.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/parallel_limit.h"
#include "common/base/clock.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// From any byte on, by Range; a download that breaks is taken up again. Fails by the names of
// CloudController::DownloadDroplet(). `cloud_controller`, `clock` and `reading`, the limit of all
// droplets that are read here, are borrowed.
class DownloadedDroplet final : public transfer::DropletSource {
 public:
  DownloadedDroplet(foundation::CloudController& cloud_controller, ParallelLimit& reading,
                    DropletGuid droplet, uint64_t droplet_bytes, const Clock& clock,
                    std::stop_token stop);
  Status Read(uint64_t offset, const Take& take) override;
  // How long bytes were waited for, and not for those who take them. Any thread.
  absl::Duration waited() const { return absl::Nanoseconds(waited_nanoseconds_.load()); }

 private:
  foundation::CloudController& cloud_controller_;
  ParallelLimit& reading_;
  const Clock& clock_;
  const DropletGuid droplet_;
  const uint64_t droplet_bytes_;
  const std::stop_token stop_;
  std::atomic<int64_t> waited_nanoseconds_{0};
};

}  // namespace sluice::agent
