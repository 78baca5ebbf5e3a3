// The steps of HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), each by itself so that
// the RFC's own vectors can check them. Callers use key_agreement.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto::hpke {

inline constexpr size_t kX25519Bytes = 32;

// AEAD identifiers of RFC 9180 section 7.3. Sluice seals with AES-256-GCM only; the RFC's vectors
// for this KEM are of AES-128-GCM.
enum class Aead : uint16_t { kAes128Gcm = 1, kAes256Gcm = 2 };

struct Encapsulated {
  Secret shared_secret;
  std::string encapsulated_key;  // the sender's ephemeral public key
};

// Takes 32 bytes of entropy as the ephemeral secret key (section 4.1, Encap). InvalidArgument
// "bad-seal-key" if `recipient_public_key` is not 32 bytes or a point of small order.
StatusOr<Encapsulated> Encapsulate(std::string_view recipient_public_key, Entropy& entropy);

// Section 4.1, Decap. Fails like Encapsulate().
StatusOr<Secret> Decapsulate(std::string_view encapsulated_key, const Secret& recipient_secret_key);

struct Schedule {
  Secret key;
  std::string base_nonce;
};

// Section 5.1, KeySchedule in mode_base.
Schedule KeySchedule(Aead aead, const Secret& shared_secret, std::string_view info);

// The X25519 public key of a secret one.
StatusOr<std::string> X25519PublicKey(const Secret& secret_key);

}  // namespace sluice::crypto::hpke
