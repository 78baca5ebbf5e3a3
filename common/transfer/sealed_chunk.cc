#include "common/transfer/sealed_chunk.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/crypto/digest.h"
#include "common/transfer/octets.h"

namespace sluice::transfer {
namespace {

static_assert(kSealBytes == crypto::Aes256Gcm::kTagBytes);

constexpr std::string_view kSealDomain("sluice.dev/chunk-seal/v1\0", 25);
constexpr std::string_view kSignatureDomain("sluice.dev/chunk-signature/v1\0", 30);

// The index as a number of 12 bytes: the key is the transfer's own, so the index is enough.
std::string Nonce(uint32_t index) {
  std::string nonce(crypto::Aes256Gcm::kNonceBytes - 4, '\0');
  AppendNumber(nonce, index, 4);
  return nonce;
}

std::string AssociatedBytes(const StreamLayout& layout, uint32_t index) {
  std::string associated(kSealDomain);
  associated.append(layout.transfer.bytes());
  AppendNumber(associated, index, 4);
  AppendNumber(associated, layout.chunk_count, 4);
  AppendNumber(associated, layout.PlainBytes(index), 4);
  return associated;
}

Status Refuse(std::string_view name, uint32_t index, std::string_view message) {
  return NamedError(StatusCode::kDataLoss, name,
                    absl::StrFormat("chunk %d: %s", index, ToAbsl(message)));
}

}  // namespace

Status CheckChunkPlace(const StreamLayout& layout, uint32_t index, size_t sealed_bytes) {
  if (index >= layout.chunk_count) {
    return Refuse("chunk-out-of-range", index,
                  absl::StrFormat("the stream has %d chunks", layout.chunk_count));
  }
  if (sealed_bytes != layout.SealedBytes(index)) {
    return Refuse(
        "chunk-wrong-length", index,
        absl::StrFormat("%d bytes where %d belong", sealed_bytes, layout.SealedBytes(index)));
  }
  return absl::OkStatus();
}

std::string ChunkSignedBytes(const StreamLayout& layout, uint32_t index, std::string_view sealed) {
  return ChunkSignedBytes(layout, index, sealed.size(), crypto::Sha256Of(sealed));
}

std::string ChunkSignedBytes(const StreamLayout& layout, uint32_t index, size_t sealed_bytes,
                             const crypto::Sha256Digest& sealed_sha256) {
  std::string message(kSignatureDomain);
  message.append(layout.transfer.bytes());
  AppendNumber(message, index, 4);
  AppendNumber(message, sealed_bytes, 4);
  message.append(sealed_sha256.bytes());
  return message;
}

ChunkSealer::ChunkSealer(const StreamLayout& layout, const Secret& sealing_key, ChunkSigner sign)
    : layout_(layout), cipher_(sealing_key), sign_(std::move(sign)) {}

SealedChunk ChunkSealer::Seal(uint32_t index, std::string plain) {
  SLUICE_CHECK(index < layout_.chunk_count);
  SLUICE_CHECK(plain.size() == layout_.PlainBytes(index));
  SealedChunk chunk;
  chunk.index = index;
  chunk.sealed = std::move(plain);
  const size_t plain_bytes = chunk.sealed.size();
  chunk.sealed.resize(plain_bytes + kSealBytes);
  cipher_.SealInto(Nonce(chunk.index), AssociatedBytes(layout_, chunk.index),
                   std::string_view(chunk.sealed).substr(0, plain_bytes), chunk.sealed);
  chunk.sealed_sha256 = crypto::Sha256Of(chunk.sealed);
  chunk.signature =
      sign_(ChunkSignedBytes(layout_, index, chunk.sealed.size(), chunk.sealed_sha256));
  SLUICE_CHECK(chunk.signature.size() == kSignatureBytes);
  return chunk;
}

ChunkOpener::ChunkOpener(const StreamLayout& layout, const Secret& sealing_key)
    : layout_(layout), cipher_(sealing_key) {}

Status CheckChunk(const StreamLayout& layout, const ChunkVerifier& verify,
                  const SealedChunk& chunk) {
  SLUICE_RETURN_IF_ERROR(CheckChunkPlace(layout, chunk.index, chunk.sealed.size()));
  if (verify(chunk.signature, ChunkSignedBytes(layout, chunk.index, chunk.sealed))) {
    return absl::OkStatus();
  }
  return Refuse("chunk-bad-signature", chunk.index,
                "not what the source's agent signed for this place of this transfer");
}

StatusOr<std::string> ChunkOpener::Open(SealedChunk chunk) {
  SLUICE_RETURN_IF_ERROR(CheckChunkPlace(layout_, chunk.index, chunk.sealed.size()));
  const size_t plain_bytes = layout_.PlainBytes(chunk.index);
  const Status opened =
      cipher_.OpenInto(Nonce(chunk.index), AssociatedBytes(layout_, chunk.index), chunk.sealed,
                       std::span<char>(chunk.sealed).first(plain_bytes));
  if (!opened.ok()) {
    return Refuse("chunk-bad-seal", chunk.index,
                  "signed by the source's agent, but not sealed under the transfer's key");
  }
  chunk.sealed.resize(plain_bytes);
  return std::move(chunk.sealed);
}

}  // namespace sluice::transfer
