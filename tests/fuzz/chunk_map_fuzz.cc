// Whatever a peer says it has: a set of the stream's chunks, in its one encoding, or refused.
//
// Input: the number of chunks as three octets, the highest first; then the map.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/transfer/chunk_set.h"

namespace sluice::transfer {
namespace {

constexpr size_t kCountOctets = 3;

#ifdef SLUICE_PLANTED_BUG
// A campaign proves itself by finding this: whoever lacks chunks lacks no more than there are.
void MarkEndOfFirstRun(std::string_view map, uint32_t chunk_count) {
  if (map.size() < 3 || map[0] != 0 || map[1] < 0) return;
  std::vector<char> chunks(chunk_count + 1);
  chunks[static_cast<size_t>(map[1])] = 1;
}
#endif

void Read(std::string_view input) {
  if (input.size() < kCountOctets) return;
  uint32_t chunk_count = 0;
  for (size_t i = 0; i < kCountOctets; ++i) {
    chunk_count = chunk_count << 8 | static_cast<uint8_t>(input[i]);
  }
  chunk_count %= kChunkCountMax + 1;
  const std::string_view map = input.substr(kCountOctets);
#ifdef SLUICE_PLANTED_BUG
  MarkEndOfFirstRun(map, chunk_count);
#endif
  const auto set = ChunkSet::Decode(map, chunk_count);
  SLUICE_CHECK(set.ok() || ErrorName(set.status()) == "chunk-map-malformed");
  if (!set.ok()) return;
  SLUICE_CHECK(set->Encode() == map && map.size() <= ChunkSet::kEncodedBytesMax);
  SLUICE_CHECK(set->chunk_count() == chunk_count && set->Count() <= chunk_count);
  SLUICE_CHECK(set->Complete() == !set->FirstMissing().has_value());
}

}  // namespace
}  // namespace sluice::transfer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::transfer::Read(std::string_view(reinterpret_cast<const char*>(input), bytes));
  return 0;
}
