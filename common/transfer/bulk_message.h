// Messages of the bulk socket, made and judged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/transfer_id.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::transfer {

v1::BulkMessage AnnounceMessage(const TransferId& transfer);
v1::BulkMessage OpenMessage(const TransferId& transfer, uint32_t target_index,
                            const ChunkSet& stored);
v1::BulkMessage HeaderMessage(const TransferId& transfer);
v1::BulkMessage FetchMessage(const TransferId& transfer, const std::vector<uint32_t>& indexes);
// `stored` has become durable, and `chunks` more may come.
v1::BulkMessage CreditMessage(const TransferId& transfer, uint32_t chunks,
                              const std::vector<uint32_t>& stored);
// `map` as ChunkSet::Encode() gives it, or empty.
v1::BulkMessage HaveMessage(const TransferId& transfer, const std::string& map,
                            const std::vector<uint32_t>& stored);
v1::BulkMessage FellowsMessage(const TransferId& transfer,
                               const std::vector<uint32_t>& target_indexes);
v1::BulkMessage ChunkMessage(const TransferId& transfer, uint32_t index,
                             std::string_view signature);
v1::BulkMessage VerifiedMessage(const TransferId& transfer, const crypto::Sha256Digest& sha256,
                                uint64_t bytes);
v1::BulkMessage ClosedMessage(const TransferId& transfer);
v1::BulkMessage CancelMessage(const TransferId& transfer, const Status& why);
v1::BulkMessage PingMessage(const TransferId& transfer);
v1::BulkMessage PongMessage(const TransferId& transfer);
v1::BulkMessage RelayJoinMessage(const TransferId& transfer, std::string_view to_foundation,
                                 uint64_t taken_bytes);
// Why the relay does not pass anything on any more; Unavailable.
Status PartedCause(const v1::RelayParted& parted);

// What the other side gives as its reason: always an error, its name kebab-case, its message of a
// bounded length, whatever was sent. Cancelled if the other side was, else Unknown: the failure
// itself, with its code, is the other side's to report, and this is its echo.
Status CancelCause(const v1::BulkCancel& cancel);

// Unavailable "peer-silent": `who` ("the source") has given no sign of life for `silence`.
Status PeerSilent(std::string_view who, absl::Duration silence);

// Aborted "unexpected-message": the other end says what is not its to say, or not now.
Status UnexpectedMessage(const v1::BulkMessage& message);

}  // namespace sluice::transfer
