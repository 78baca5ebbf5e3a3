// What the two agents of a transfer know of it without a word between them, since both hold the
// same order, and whom each expects at the other end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/net/peer.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/transfer_id.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// One promotion has one transfer, however many targets.
StatusOr<transfer::TransferId> TransferIdOf(std::string_view order_sha256);

// InvalidArgument "stream-out-of-limits".
StatusOr<transfer::StreamLayout> LayoutOf(std::string_view order_sha256,
                                          const trust::Artifact& artifact, uint32_t chunk_bytes);

// A transfer has one receiver in each foundation, for the order's first target there: which of the
// receivers that of this target is, counted from 0 in the order of their targets.
uint32_t ReceiverOf(const trust::Order& order, uint32_t target_index);

// The agent of `foundation` that signed the envelope. PermissionDenied "unknown-agent".
StatusOr<trust::TrustedAgent> SignerOf(std::string_view envelope, std::string_view payload_type,
                                       const FoundationName& foundation,
                                       const trust::TrustDocument& trust);

// Another agent as a peer of the bulk network.
net::Peer PeerOf(const FoundationName& foundation, const trust::TrustedAgent& agent);

// A path as the coordinator chose it, for this end.
struct ChosenPath {
  uint32_t target_index = 0;
  bool dial = false;
  std::string endpoint;
};

}  // namespace sluice::agent
