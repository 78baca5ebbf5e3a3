// A droplet on its way in: what an upload reads from.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "common/base/status.h"
#include "common/http/message.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

// Read() gives verified bytes in order and blocks while none are there. The last bytes come only
// after the whole droplet's SHA-256 was found equal to the order's; otherwise Read() fails with
// DataLoss "digest-mismatch" and the upload is never completed. Any other end of the transfer makes
// Read() fail with its cause. Destroyed before its end, it cancels the transfer.
class IncomingDroplet : public http::BodySource {
 public:
  // Tells the source why its bytes are no longer wanted. After the end it does nothing.
  virtual void GiveUp(const Status& why) = 0;
  virtual transfer::TransferFigures figures() const = 0;
};

// Begins the transfer. Called at most once per job, when it is known that the bytes are needed.
using OpenIncoming = std::function<StatusOr<std::unique_ptr<IncomingDroplet>>(std::stop_token)>;

}  // namespace sluice::agent
