// Sealing bytes to somebody's public key: HPKE base mode, one message (RFC 9180 section 6.1).
#pragma once

#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto {

// Named in a seal offer, bound to the offered key: it is never chosen by what arrives sealed.
enum class SealSuite { kX25519HkdfSha256Aes256Gcm, kP256HkdfSha256Aes256Gcm };

// "x25519-hkdf-sha256-aes256gcm", "p256-hkdf-sha256-aes256gcm"
std::string_view SealSuiteName(SealSuite suite);
// Unimplemented "seal-suite-unknown".
StatusOr<SealSuite> SealSuiteByName(std::string_view name);

// What a recipient makes for one use: it offers the public half and keeps the other until done.
struct SealKeyPair {
  SealSuite suite = SealSuite::kX25519HkdfSha256Aes256Gcm;
  Secret secret_key;
  std::string public_key;
};

size_t SealPublicKeyBytes(SealSuite suite);  // 32, 65

SealKeyPair GenerateSealKey(SealSuite suite, Entropy& entropy);
// The pair again, from a journalled secret. InvalidArgument "bad-seal-key" if it is none of that
// suite.
StatusOr<SealKeyPair> SealKeyFromSecret(SealSuite suite, Secret secret_key);

// Bytes that SealTo() adds: an ephemeral public key and a tag.
size_t SealOverheadBytes(SealSuite suite);

// Seals `plain` so that only the holder of the secret half opens it, and only with the same `info`
// and `associated`. The result is the encapsulated key, then ciphertext and tag. InvalidArgument
// "bad-seal-key" if the recipient's key is of a wrong size, of small order or not on the curve.
StatusOr<std::string> SealTo(SealSuite suite, std::string_view recipient_public_key,
                             std::string_view info, std::string_view associated,
                             std::string_view plain, Entropy& entropy);

// PermissionDenied "bad-seal" if it was sealed to another key, with another `info` or `associated`,
// or altered.
StatusOr<Secret> OpenSealed(const SealKeyPair& recipient, std::string_view info,
                            std::string_view associated, std::string_view sealed);

// A transfer's content key for one recipient: SealTo() with nothing associated.
StatusOr<std::string> WrapContentKey(SealSuite suite, std::string_view recipient_public_key,
                                     std::string_view info, const Secret& content_key,
                                     Entropy& entropy);
StatusOr<Secret> UnwrapContentKey(const SealKeyPair& recipient, std::string_view info,
                                  std::string_view wrapped);

}  // namespace sluice::crypto
