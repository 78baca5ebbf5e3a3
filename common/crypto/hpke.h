// The steps of HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256) or DHKEM(P-256,
// HKDF-SHA256), each by itself so that the RFC's own vectors can check them. Callers use
// key_agreement.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto::hpke {

// KEM identifiers of RFC 9180 section 7.1. A P-256 public key is an uncompressed point.
enum class Kem : uint16_t { kP256 = 0x10, kX25519 = 0x20 };

inline constexpr size_t kSecretKeyBytes = 32;  // of either
size_t PublicKeyBytes(Kem kem);                // of an encapsulated key too: 65 or 32

// AEAD identifiers of RFC 9180 section 7.3. Sluice seals with AES-256-GCM only; the RFC's vectors
// for these KEMs are of AES-128-GCM.
enum class Aead : uint16_t { kAes128Gcm = 1, kAes256Gcm = 2 };

struct Encapsulated {
  Secret shared_secret;
  std::string encapsulated_key;  // the sender's ephemeral public key
};

// 32 bytes of entropy; for P-256 again and again until they are a number between zero and the
// order, which the first nearly always are.
Secret GenerateSecretKey(Kem kem, Entropy& entropy);

// The public key of a secret one. InvalidArgument "bad-seal-key" if that is not 32 bytes, or for
// P-256 not between zero and the order.
StatusOr<std::string> PublicKey(Kem kem, const Secret& secret_key);

// Section 4.1, Encap. InvalidArgument "bad-seal-key" if `recipient_public_key` has another length
// than the KEM's, is a point of small order (X25519), or not one of the curve (P-256).
StatusOr<Encapsulated> Encapsulate(Kem kem, std::string_view recipient_public_key,
                                   Entropy& entropy);

// Section 4.1, Decap. Fails like Encapsulate().
StatusOr<Secret> Decapsulate(Kem kem, std::string_view encapsulated_key,
                             const Secret& recipient_secret_key);

struct Schedule {
  Secret key;
  std::string base_nonce;
};

// Section 5.1, KeySchedule in mode_base.
Schedule KeySchedule(Kem kem, Aead aead, const Secret& shared_secret, std::string_view info);

}  // namespace sluice::crypto::hpke
