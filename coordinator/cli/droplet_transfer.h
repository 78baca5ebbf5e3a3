// The receiving end of an export, in the operator's own process: one transfer with the source's
// agent, and the network and spool that it needs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/curve_key.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::cli {

struct TransferOptions {
  crypto::CurveKeyPair own;
  // For the sealed chunks; made, and removed when the transfer is destroyed.
  std::string spool_folder;
  transfer::IncomingOptions incoming;
};

using TransferMaker =
    std::function<StatusOr<std::unique_ptr<transfer::IncomingTransfer>>(TransferOptions options)>;

// Dials and never listens. Names of Spool::Open() and BulkExchange::Receive(). All borrowed.
StatusOr<std::unique_ptr<transfer::IncomingTransfer>> ReceiveDroplet(TransferOptions options,
                                                                     const Clock& clock,
                                                                     Entropy& entropy,
                                                                     Files& files);

}  // namespace sluice::cli
