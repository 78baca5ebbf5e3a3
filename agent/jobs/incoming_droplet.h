// A droplet on its way in: what uploads read from.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "common/base/status.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// Destroyed before its end, the transfer stops here and its source waits; what has arrived stays in
// the spool.
class IncomingDroplet {
 public:
  virtual ~IncomingDroplet() = default;
  // The droplet from its first byte, however often. Each gives out the last chunk only after the
  // whole droplet's SHA-256 was found equal to the order's: DataLoss "digest-mismatch" otherwise.
  virtual std::unique_ptr<transfer::ArrivingDroplet> Open() = 0;
  // Why no more will come; OK as long as the transfer goes on or has ended well. Never waits.
  virtual Status failure() = 0;
  // Tells the source why its bytes are no longer wanted: both ends fail by it.
  virtual void GiveUp(const Status& why) = 0;
  virtual transfer::TransferFigures figures() const = 0;
};

// Begins the transfer, or takes it up. ResourceExhausted "spool-full", "disk-full" when there is no
// room for it now.
using OpenIncoming = std::function<StatusOr<std::unique_ptr<IncomingDroplet>>(std::stop_token)>;

}  // namespace sluice::agent
