// The seam to keys: this room knows that a source signs its stream, not with what or in which form
// keys are written. Both are called with exactly the bytes that are signed, domain included.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sluice::transfer {

// Ed25519 (RFC 8032), or ECDSA P-256 as r and s: both 64 bytes.
inline constexpr size_t kSignatureBytes = 64;

// The source agent's signature over `message`, kSignatureBytes long.
using ChunkSigner = std::function<std::string(std::string_view message)>;

// Whether the source agent made `signature` over `message`. Any length may be asked.
using ChunkVerifier = std::function<bool(std::string_view signature, std::string_view message)>;

}  // namespace sluice::transfer
