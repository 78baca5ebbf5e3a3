#include "common/transfer/stream_layout.h"

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace sluice::transfer {

StatusOr<StreamLayout> StreamLayout::Cut(const TransferId& transfer, uint64_t droplet_bytes,
                                         uint32_t chunk_bytes) {
  const auto refuse = [&] {
    return NamedError(StatusCode::kInvalidArgument, "stream-out-of-limits",
                      absl::StrFormat("%d bytes in chunks of %d: a chunk has %d to %d bytes, a "
                                      "stream at most %d chunks",
                                      droplet_bytes, chunk_bytes, kChunkBytesMin, kChunkBytesMax,
                                      kChunkCountMax));
  };
  if (chunk_bytes < kChunkBytesMin || chunk_bytes > kChunkBytesMax) return refuse();
  const uint64_t whole_chunks = droplet_bytes / chunk_bytes;
  const uint64_t count = whole_chunks + (droplet_bytes % chunk_bytes == 0 ? 0 : 1);
  if (count > kChunkCountMax) return refuse();
  return StreamLayout{transfer, droplet_bytes, chunk_bytes, static_cast<uint32_t>(count)};
}

uint32_t StreamLayout::PlainBytes(uint32_t index) const {
  SLUICE_CHECK(index < chunk_count);
  if (index + 1 < chunk_count) return chunk_bytes;
  return static_cast<uint32_t>(droplet_bytes - uint64_t{index} * chunk_bytes);
}

}  // namespace sluice::transfer
