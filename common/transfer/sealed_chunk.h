// Single chunks of a sealed droplet stream: sealed and signed at the source, checked and opened at
// a target.
//
// Format: proto/sealed-stream.md, "Chunks".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"
#include "common/transfer/signature.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// A chunk as it travels: the same bytes for every recipient.
struct SealedChunk {
  uint32_t index = 0;
  std::string signature;                 // of the source's agent, kSignatureBytes long
  std::string sealed;                    // ciphertext and tag
  crypto::Sha256Digest sealed_sha256{};  // set by the sealer, who has computed it anyway
};

// Seals the chunks of one stream. A chunk may be sealed again after a restart; whoever sends sees
// by the digest that it is the same, since one nonce must never show two plaintexts. Not
// thread-safe.
class ChunkSealer {
 public:
  ChunkSealer(const StreamLayout& layout, const Secret& sealing_key, ChunkSigner sign);

  // `plain` has exactly the bytes of chunk `index`. Its memory becomes the sealed chunk's: reserve
  // kSealBytes more and nothing is copied.
  SealedChunk Seal(uint32_t index, std::string plain);

 private:
  const StreamLayout layout_;
  crypto::Aes256Gcm cipher_;
  const ChunkSigner sign_;
};

// Opens the chunks of one stream, which were checked when they came. Not thread-safe.
class ChunkOpener {
 public:
  ChunkOpener(const StreamLayout& layout, const Secret& sealing_key);

  // In place. DataLoss "chunk-out-of-range", "chunk-wrong-length", "chunk-bad-seal".
  StatusOr<std::string> Open(SealedChunk chunk);

 private:
  const StreamLayout layout_;
  crypto::Aes256Gcm cipher_;
};

// What everybody does with a chunk before it is stored, opened or passed on. DataLoss, by name:
// "chunk-out-of-range", "chunk-wrong-length", "chunk-bad-signature" (not what the source's agent
// signed for this transfer and index).
Status CheckChunk(const StreamLayout& layout, const ChunkVerifier& verify,
                  const SealedChunk& chunk);

// DataLoss "chunk-out-of-range" or "chunk-wrong-length" unless `index` is one of `layout` and
// `sealed_bytes` its length: what everybody can check of a chunk without any key.
Status CheckChunkPlace(const StreamLayout& layout, uint32_t index, size_t sealed_bytes);

// Exactly the bytes that a chunk's signature is over.
std::string ChunkSignedBytes(const StreamLayout& layout, uint32_t index, std::string_view sealed);
std::string ChunkSignedBytes(const StreamLayout& layout, uint32_t index, size_t sealed_bytes,
                             const crypto::Sha256Digest& sealed_sha256);

}  // namespace sluice::transfer
