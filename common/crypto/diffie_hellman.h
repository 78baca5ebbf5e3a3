// Diffie-Hellman on the two curves of hpke.h, and nothing of HPKE. For hpke.cc.
#pragma once

#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto {

inline constexpr size_t kX25519Bytes = 32;      // of secret keys, public keys and what is agreed
inline constexpr size_t kP256SecretBytes = 32;  // of what is agreed too: the point's x
inline constexpr size_t kP256PublicBytes = 65;  // 04, x, y

// All give InvalidArgument "bad-seal-key" for a key that is none.
StatusOr<std::string> X25519PublicKey(const Secret& secret_key);
StatusOr<std::string> P256PublicKey(const Secret& secret_key);

// Refuse what an attacker would offer to fix the result: a point of small order (RFC 7748 section
// 6.1), a point that is not on the curve or the one at infinity (RFC 9180 section 7.1.4).
StatusOr<Secret> X25519Agree(const Secret& secret_key, std::string_view public_key);
StatusOr<Secret> P256Agree(const Secret& secret_key, std::string_view public_key);

}  // namespace sluice::crypto
