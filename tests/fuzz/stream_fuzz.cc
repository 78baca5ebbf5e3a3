// Whatever comes as a header or a chunk: it is refused by name, or it is what the source has
// signed. The source itself may be hostile: what it has not thought of to sign is signed here.
//
// Input: a kind, and then: 0 a header; 1 a header without its signature, which is signed here;
// 2 a chunk (index of four octets, signature of 64, sealed octets); 3 the same, signed here. The
// corpus is of proto/golden/sealed-stream.hex, whose keys these are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/base/entropy.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/octets.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/stream_header.h"

namespace sluice::transfer {
namespace {

Secret SecretOf(std::string_view hex) { return Secret(*FromHex(hex)); }

// The golden file's source key is made of ascending octets.
class AscendingEntropy final : public Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& byte : bytes) byte = next_++;
  }

 private:
  uint8_t next_ = 0x40;
};

const crypto::SigningKey& Source() {
  static const crypto::SigningKey key = [] {
    AscendingEntropy entropy;
    return crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy);
  }();
  return key;
}

const StreamLayout& Layout() {
  static const StreamLayout layout =
      *StreamLayout::Cut(*TransferId::FromHex("000102030405060708090a0b0c0d0e0f"), 4097, 4096);
  return layout;
}

std::string Sign(std::string_view message) { return Source().Sign(message); }

bool Verify(std::string_view signature, std::string_view message) {
  static const crypto::VerifyingKey key = Source().Public();
  return key.Verify(signature, message);
}

#ifdef SLUICE_PLANTED_BUG
// A campaign proves itself by finding this: no feature's name is too long, if its source is honest.
void CopyFirstFeature(std::string_view header) {
  OctetReader reader(header.substr(std::min<size_t>(header.size(), 8)));
  if (!header.starts_with("\x89SLUICE\n") || reader.Number(1) == 0) return;
  const std::string_view name = reader.Bytes(reader.Number(1));
  std::vector<char> copy(kFeatureNameBytesMax);
  memcpy(copy.data(), name.data(), name.size());
}
#endif

void ReadHeader(const std::string& bytes) {
#ifdef SLUICE_PLANTED_BUG
  CopyFirstFeature(bytes);
#endif
  const auto header = ParseHeader(bytes, Verify);
  SLUICE_CHECK(header.ok() || !ErrorName(header.status()).empty());
  if (!header.ok()) return;
  const auto again = SerializeHeader(*header, Sign);
  SLUICE_CHECK(again.ok() && *again == bytes);
}

void ReadChunk(std::string_view input, bool sign) {
  OctetReader reader(input);
  SealedChunk chunk;
  chunk.index = static_cast<uint32_t>(reader.Number(4));
  chunk.signature = reader.Bytes(kSignatureBytes);
  chunk.sealed = reader.Bytes(reader.remaining());
  if (!reader.ok()) return;
  const bool fits = CheckChunkPlace(Layout(), chunk.index, chunk.sealed.size()).ok();
  if (sign) chunk.signature = Sign(ChunkSignedBytes(Layout(), chunk.index, chunk.sealed));
  static ChunkOpener& opener = *new ChunkOpener(
      Layout(), SecretOf("c1dd20fc95ad599b1c5da0fcb735555d8f25344ab5f77067e28818009214a4b3"));
  const Status checked = CheckChunk(Layout(), Verify, chunk);
  const auto plain = checked.ok() ? opener.Open(chunk) : StatusOr<std::string>(checked);
  if (!plain.ok()) {
    SLUICE_CHECK(plain.status().code() == StatusCode::kDataLoss);
    SLUICE_CHECK(!ErrorName(plain.status()).empty());
    return;
  }
  SLUICE_CHECK(fits && *plain == (chunk.index == 0 ? std::string(4096, 'd') : "!"));
}

void Read(std::string_view input) {
  if (input.empty()) return;
  const char kind = input.front();
  input.remove_prefix(1);
  if (kind == 0) ReadHeader(std::string(input));
  if (kind == 1) {
    std::string message("sluice.dev/stream-header/v1\0", 28);
    message.append(input);
    ReadHeader(std::string(input) + Sign(message));
  }
  if (kind == 2 || kind == 3) ReadChunk(input, kind == 3);
}

}  // namespace
}  // namespace sluice::transfer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::transfer::Read(std::string_view(reinterpret_cast<const char*>(input), bytes));
  return 0;
}
