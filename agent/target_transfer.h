// A target's end of a transfer: made when its upload turns out to need the bytes, or declined.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/jobs/incoming_droplet.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/jobs/transfer_terms.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/transfer/bulk_exchange.h"
#include "common/trust/order.h"
#include "common/trust/statement.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

struct IncomingTerms {
  trust::Order order;
  std::string order_sha256;
  uint32_t target_index = 0;
  std::string statement;   // envelope
  std::string seal_offer;  // this target's, an envelope
  Secret seal_secret;      // and its secret half
  // None when another target of the order brings the droplet into this foundation: then it is found
  // there, or the upload fails.
  std::optional<ChosenPath> path;
  std::vector<ChosenPath> fellow_paths;
  uint32_t chunk_bytes = transfer::kChunkBytesDefault;
};

// The statement, signed by the source's agent and about exactly what the order names. Names of
// trust::VerifyStatement(); PermissionDenied "statement-differs".
StatusOr<trust::Statement> CheckStatement(const std::string& envelope, const trust::Order& order,
                                          const std::string& order_sha256,
                                          const trust::TrustDocument& trust);

// FailedPrecondition "droplet-not-copied" without a path, and at the source.
// `leaving` is requested before `stop` when the process ends: see IncomingTransferDroplet.
StatusOr<std::unique_ptr<IncomingDroplet>> OpenIncomingTransfer(
    transfer::BulkExchange& exchange, const IncomingTerms& terms, const trust::TrustDocument& trust,
    TransferMeter& meter, std::stop_token leaving, std::stop_token stop);

// Tells the source that nothing is needed of it. Best effort: otherwise it notices by silence.
void DeclineTransfer(transfer::BulkExchange& exchange, const IncomingTerms& terms,
                     const trust::TrustDocument& trust);

}  // namespace sluice::agent
