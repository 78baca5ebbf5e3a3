// Which chunks of a stream are there, and how one end tells another.
//
// Format: proto/sealed-stream.md, C4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// A set of indexes below chunk_count, which is at most kChunkCountMax. Not thread-safe.
class ChunkSet {
 public:
  // No encoding is longer: one octet, and a bit for each chunk.
  static constexpr size_t kEncodedBytesMax = 1 + kChunkCountMax / 8;

  // Empty.
  explicit ChunkSet(uint32_t chunk_count);

  // Whether it was not there before. All indexes given to a set are below its chunk_count.
  bool Insert(uint32_t index);
  bool Remove(uint32_t index);  // whether it was there
  bool Contains(uint32_t index) const;
  // All of another set of the same stream.
  void InsertAll(const ChunkSet& other);
  void RemoveAll(const ChunkSet& other);

  uint32_t chunk_count() const { return chunk_count_; }
  uint32_t Count() const { return count_; }
  bool Complete() const { return count_ == chunk_count_; }

  // The lowest index from `from` on (which may be chunk_count or beyond) that is not, or is, there.
  std::optional<uint32_t> FirstMissing(uint32_t from = 0) const;
  std::optional<uint32_t> FirstPresent(uint32_t from = 0) const;
  // The lowest that is there, and not in `other`, a set of the same stream.
  std::optional<uint32_t> FirstPresentBut(const ChunkSet& other) const;

  // Runs or bits, whichever is shorter. Each set has exactly one encoding.
  std::string Encode() const;
  // DataLoss "chunk-map-malformed" for what no set of `chunk_count` chunks is encoded to.
  static StatusOr<ChunkSet> Decode(std::string_view encoded, uint32_t chunk_count);

  bool operator==(const ChunkSet&) const = default;

 private:
  void Recount();
  std::optional<uint32_t> FirstWhere(uint32_t from, uint64_t flip) const;

  uint32_t chunk_count_;
  uint32_t count_ = 0;
  std::vector<uint64_t> words_;  // index i is bit i % 64, counted from the lowest, of word i / 64
};

}  // namespace sluice::transfer
