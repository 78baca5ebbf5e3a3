// How a droplet is cut into chunks: what everybody who touches a chunk must know of its stream.
#pragma once

#include <cstdint>

#include "common/base/status.h"
#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

// Below 64 KiB the cost per message shows, above 1 MiB nothing improves and one chunk takes too
// long on a slow link. Half a MiB, since each chunk costs a signature and its check (0.2 ms
// together, as much as sealing and opening 256 KiB). Any size between the limits is accepted.
inline constexpr uint32_t kChunkBytesDefault = 512 * 1024;
inline constexpr uint32_t kChunkBytesMin = 4 * 1024;
inline constexpr uint32_t kChunkBytesMax = 1024 * 1024;
// 32 GiB in chunks of the default size.
inline constexpr uint32_t kChunkCountMax = 65'536;
// What sealing adds to each chunk.
inline constexpr uint32_t kSealBytes = 16;

// Chunks are numbered from 0; all but the last have chunk_bytes of the droplet. An empty droplet
// has none.
struct StreamLayout {
  TransferId transfer;
  uint64_t droplet_bytes = 0;
  uint32_t chunk_bytes = kChunkBytesDefault;
  uint32_t chunk_count = 0;

  // Cuts. InvalidArgument "stream-out-of-limits" for a chunk size or count beyond the limits.
  static StatusOr<StreamLayout> Cut(const TransferId& transfer, uint64_t droplet_bytes,
                                    uint32_t chunk_bytes);

  // Droplet bytes in a chunk; index < chunk_count.
  uint32_t PlainBytes(uint32_t index) const;
  uint32_t SealedBytes(uint32_t index) const { return PlainBytes(index) + kSealBytes; }

  bool operator==(const StreamLayout&) const = default;
};

}  // namespace sluice::transfer
