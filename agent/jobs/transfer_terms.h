// What the two agents of a transfer know of it without a word between them, since both hold the
// same order, and whom each expects at the other end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/net/peer.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/transfer_id.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"

namespace sluice::v1 {
class JobCommand;
}  // namespace sluice::v1

namespace sluice::agent {

// One promotion has one transfer, however many targets.
StatusOr<transfer::TransferId> TransferIdOf(std::string_view order_sha256);

// InvalidArgument "stream-out-of-limits".
StatusOr<transfer::StreamLayout> LayoutOf(std::string_view order_sha256,
                                          const trust::Artifact& artifact, uint32_t chunk_bytes);

// How fast the order lets each of its agents send, and receive.
transfer::Rate RateOf(const trust::Order& order);

// A transfer has one receiver in each foundation but the source's, for the order's first target
// there: which of the receivers that of this target, which is not at the source, is, counted from 0
// in the order of their targets.
uint32_t ReceiverOf(const trust::Order& order, uint32_t target_index);

// The agent of `foundation` that signed the envelope. PermissionDenied "unknown-agent".
StatusOr<trust::TrustedAgent> SignerOf(std::string_view envelope, std::string_view payload_type,
                                       const FoundationName& foundation,
                                       const trust::TrustDocument& trust);

// Another agent as a peer of the bulk network.
net::Peer PeerOf(const FoundationName& foundation, const trust::TrustedAgent& agent);

// The operator who receives an export, as a peer of the bulk network. PermissionDenied
// "recipient-not-admitted" when the trust document knows the order's key no more.
StatusOr<net::Peer> RecipientOf(const trust::OrderRecipient& recipient,
                                const trust::TrustDocument& trust);

// The ways between the source and one target, or between two targets, for this end.
struct ChosenPath {
  uint32_t target_index = 0;
  std::vector<transfer::Way> ways;
};

// How this agent reaches its coordinator, and with it the relay.
struct CoordinatorAddress {
  std::string endpoint;   // "tcp://HOST:PORT"
  std::string curve_key;  // 32 raw bytes
};

// The ways that the coordinator offers, by target, in the order of targets. A relay at host * is
// where the coordinator is.
std::vector<ChosenPath> PathsOf(const v1::JobCommand& command,
                                const CoordinatorAddress& coordinator);
// Likewise, to the other targets, which are named by their places among the order's.
std::vector<ChosenPath> FellowPathsOf(const v1::JobCommand& command);

// Who passes chunks of the order's transfer on to the target at `target_index`, and takes them of
// it. Not a foundation whose agent cannot be told from others by its key: the source's, and one
// with two agents while one is being replaced.
std::vector<transfer::Fellow> FellowsOf(const trust::Order& order, uint32_t target_index,
                                        const std::vector<ChosenPath>& paths,
                                        const trust::TrustDocument& trust);

}  // namespace sluice::agent
