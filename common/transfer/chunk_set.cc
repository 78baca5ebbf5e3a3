#include "common/transfer/chunk_set.h"

#include <bit>

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace sluice::transfer {
namespace {

constexpr char kRuns = 0;
constexpr char kBits = 1;
// Enough for kChunkCountMax in groups of seven bits.
constexpr int kRunBytesMax = 3;

Status MalformedMap(std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "chunk-map-malformed",
                    absl::StrFormat("chunk map: %s", ToAbsl(what)));
}

// Seven bits an octet, the lowest first; the highest bit says that more follow.
void AppendRun(std::string& encoded, uint32_t length) {
  while (length >= 0x80) {
    encoded.push_back(static_cast<char>(0x80 | (length & 0x7f)));
    length >>= 7;
  }
  encoded.push_back(static_cast<char>(length));
}

// Takes a run off the front; nothing if there is none that AppendRun() could have written.
std::optional<uint32_t> TakeRun(std::string_view& encoded) {
  uint32_t length = 0;
  for (int i = 0; i < kRunBytesMax && !encoded.empty(); ++i) {
    const auto octet = static_cast<uint8_t>(encoded.front());
    encoded.remove_prefix(1);
    length |= static_cast<uint32_t>(octet & 0x7f) << (7 * i);
    if ((octet & 0x80) == 0) return length;
  }
  return std::nullopt;
}

std::string EncodeRuns(const ChunkSet& set) {
  std::string encoded(1, kRuns);
  uint32_t end = 0;
  while (const auto present = set.FirstPresent(end)) {
    AppendRun(encoded, *present - end);
    end = set.FirstMissing(*present).value_or(set.chunk_count());
    AppendRun(encoded, end - *present);
  }
  return encoded;
}

std::string EncodeBits(const ChunkSet& set) {
  std::string encoded(1 + (set.chunk_count() + 7) / 8, '\0');
  encoded[0] = kBits;
  for (auto i = set.FirstPresent(); i; i = set.FirstPresent(*i + 1)) {
    char& octet = encoded[1 + *i / 8];
    octet = static_cast<char>(octet | (0x80 >> (*i % 8)));
  }
  return encoded;
}

bool InsertRuns(std::string_view runs, ChunkSet& set) {
  uint32_t end = 0;
  while (!runs.empty()) {
    const auto missing = TakeRun(runs);
    const auto present = TakeRun(runs);
    if (!missing || !present || *missing > set.chunk_count() - end) return false;
    const uint32_t begin = end + *missing;
    if (*present > set.chunk_count() - begin) return false;
    end = begin + *present;
    for (uint32_t i = begin; i < end; ++i) set.Insert(i);
  }
  return true;
}

bool InsertBits(std::string_view bits, ChunkSet& set) {
  if (bits.size() != (set.chunk_count() + 7) / 8) return false;
  for (uint32_t i = 0; i < set.chunk_count(); ++i) {
    if ((static_cast<uint8_t>(bits[i / 8]) & (0x80 >> (i % 8))) != 0) set.Insert(i);
  }
  return true;
}

}  // namespace

ChunkSet::ChunkSet(uint32_t chunk_count)
    : chunk_count_(chunk_count), words_((size_t{chunk_count} + 63) / 64) {
  SLUICE_CHECK(chunk_count <= kChunkCountMax);
}

bool ChunkSet::Contains(uint32_t index) const {
  SLUICE_CHECK(index < chunk_count_);
  return (words_[index / 64] >> (index % 64) & 1) != 0;
}

bool ChunkSet::Insert(uint32_t index) {
  if (Contains(index)) return false;
  words_[index / 64] |= uint64_t{1} << (index % 64);
  ++count_;
  return true;
}

bool ChunkSet::Remove(uint32_t index) {
  if (!Contains(index)) return false;
  words_[index / 64] &= ~(uint64_t{1} << (index % 64));
  --count_;
  return true;
}

void ChunkSet::InsertAll(const ChunkSet& other) {
  SLUICE_CHECK(other.chunk_count_ == chunk_count_);
  for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  Recount();
}

void ChunkSet::RemoveAll(const ChunkSet& other) {
  SLUICE_CHECK(other.chunk_count_ == chunk_count_);
  for (size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  Recount();
}

void ChunkSet::Recount() {
  count_ = 0;
  for (const uint64_t word : words_) count_ += static_cast<uint32_t>(std::popcount(word));
}

std::optional<uint32_t> ChunkSet::FirstWhere(uint32_t from, uint64_t flip) const {
  uint64_t below = ~uint64_t{0} << (from % 64);  // leaves the bits from `from` on
  for (size_t word = from / 64; word < words_.size(); ++word) {
    const uint64_t found = (words_[word] ^ flip) & below;
    below = ~uint64_t{0};
    if (found == 0) continue;
    const auto index = static_cast<uint32_t>(word * 64) +  //
                       static_cast<uint32_t>(std::countr_zero(found));
    if (index >= chunk_count_) return std::nullopt;
    return index;
  }
  return std::nullopt;
}

std::optional<uint32_t> ChunkSet::FirstMissing(uint32_t from) const {
  return FirstWhere(from, ~uint64_t{0});
}

std::optional<uint32_t> ChunkSet::FirstPresent(uint32_t from) const { return FirstWhere(from, 0); }

std::optional<uint32_t> ChunkSet::FirstPresentBut(const ChunkSet& other) const {
  SLUICE_CHECK(other.chunk_count_ == chunk_count_);
  for (size_t word = 0; word < words_.size(); ++word) {
    const uint64_t found = words_[word] & ~other.words_[word];
    if (found == 0) continue;
    return static_cast<uint32_t>(word * 64) + static_cast<uint32_t>(std::countr_zero(found));
  }
  return std::nullopt;
}

std::string ChunkSet::Encode() const {
  std::string runs = EncodeRuns(*this);
  std::string bits = EncodeBits(*this);
  return runs.size() <= bits.size() ? runs : bits;
}

StatusOr<ChunkSet> ChunkSet::Decode(std::string_view encoded, uint32_t chunk_count) {
  ChunkSet set(chunk_count);
  if (encoded.empty() || encoded.size() > 1 + (size_t{chunk_count} + 7) / 8) {
    return MalformedMap("empty, or longer than a bit for each chunk");
  }
  const std::string_view body = encoded.substr(1);
  bool readable = false;
  if (encoded[0] == kRuns) readable = InsertRuns(body, set);
  if (encoded[0] == kBits) readable = InsertBits(body, set);
  if (!readable) return MalformedMap("neither runs nor bits of this stream's chunks");
  if (set.Encode() != encoded) return MalformedMap("not the one encoding of its set");
  return set;
}

}  // namespace sluice::transfer
