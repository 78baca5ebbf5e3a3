#include "common/crypto/hpke.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/diffie_hellman.h"
#include "common/crypto/hkdf.h"

namespace sluice::crypto::hpke {
namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr char kModeBase = 0;
constexpr std::string_view kVersionLabel = "HPKE-v1";

std::string TwoBytes(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

// Section 4.1: what the KEM's labels are bound to.
std::string KemSuite(Kem kem) { return absl::StrCat("KEM", TwoBytes(static_cast<size_t>(kem))); }

Secret LabeledExtract(std::string_view suite, std::string_view salt, std::string_view label,
                      std::string_view input_key) {
  return HkdfExtract(salt, Secret(absl::StrCat(ToAbsl(kVersionLabel), ToAbsl(suite), ToAbsl(label),
                                               ToAbsl(input_key))));
}

Secret LabeledExpand(std::string_view suite, const Secret& key, std::string_view label,
                     std::string_view info, size_t bytes) {
  return HkdfExpand(key,
                    absl::StrCat(TwoBytes(bytes), ToAbsl(kVersionLabel), ToAbsl(suite),
                                 ToAbsl(label), ToAbsl(info)),
                    bytes);
}

// Diffie-Hellman, then ExtractAndExpand of section 4.1.
StatusOr<Secret> SharedSecret(Kem kem, const Secret& secret_key, std::string_view public_key,
                              std::string_view kem_context) {
  SLUICE_ASSIGN_OR_RETURN(const Secret agreed, kem == Kem::kP256
                                                   ? P256Agree(secret_key, public_key)
                                                   : X25519Agree(secret_key, public_key));
  const std::string suite = KemSuite(kem);
  const Secret extracted = LabeledExtract(suite, "", "eae_prk", agreed.Reveal());
  return LabeledExpand(suite, extracted, "shared_secret", kem_context, kHashBytes);
}

}  // namespace

size_t PublicKeyBytes(Kem kem) { return kem == Kem::kP256 ? kP256PublicBytes : kX25519Bytes; }

Secret GenerateSecretKey(Kem kem, Entropy& entropy) {
  // One draw in 2^32 is not below the order of P-256.
  constexpr int kDrawsMax = 16;
  for (int draw = 0; draw < kDrawsMax; ++draw) {
    Secret secret_key(entropy.Bytes(kSecretKeyBytes));
    if (PublicKey(kem, secret_key).ok()) return secret_key;
  }
  SLUICE_CHECK(false);
  return {};
}

StatusOr<std::string> PublicKey(Kem kem, const Secret& secret_key) {
  return kem == Kem::kP256 ? P256PublicKey(secret_key) : X25519PublicKey(secret_key);
}

StatusOr<Encapsulated> Encapsulate(Kem kem, std::string_view recipient_public_key,
                                   Entropy& entropy) {
  const Secret ephemeral = GenerateSecretKey(kem, entropy);
  SLUICE_ASSIGN_OR_RETURN(std::string encapsulated, PublicKey(kem, ephemeral));
  const std::string kem_context = absl::StrCat(encapsulated, ToAbsl(recipient_public_key));
  SLUICE_ASSIGN_OR_RETURN(Secret shared,
                          SharedSecret(kem, ephemeral, recipient_public_key, kem_context));
  return Encapsulated{std::move(shared), std::move(encapsulated)};
}

StatusOr<Secret> Decapsulate(Kem kem, std::string_view encapsulated_key,
                             const Secret& recipient_secret_key) {
  SLUICE_ASSIGN_OR_RETURN(const std::string own, PublicKey(kem, recipient_secret_key));
  return SharedSecret(kem, recipient_secret_key, encapsulated_key,
                      absl::StrCat(ToAbsl(encapsulated_key), own));
}

Schedule KeySchedule(Kem kem, Aead aead, const Secret& shared_secret, std::string_view info) {
  // "HPKE", the KEM, HKDF-SHA256 (1), the AEAD: section 5.1.
  const std::string suite = absl::StrCat("HPKE", TwoBytes(static_cast<size_t>(kem)), TwoBytes(1),
                                         TwoBytes(static_cast<size_t>(aead)));
  const Secret psk_id_hash = LabeledExtract(suite, "", "psk_id_hash", "");
  const Secret info_hash = LabeledExtract(suite, "", "info_hash", info);
  const std::string context = absl::StrCat(std::string(1, kModeBase), ToAbsl(psk_id_hash.Reveal()),
                                           ToAbsl(info_hash.Reveal()));
  const Secret secret = LabeledExtract(suite, shared_secret.Reveal(), "secret", "");
  const size_t key_bytes = aead == Aead::kAes128Gcm ? 16 : 32;
  return {LabeledExpand(suite, secret, "key", context, key_bytes),
          std::string(LabeledExpand(suite, secret, "base_nonce", context, kNonceBytes).Reveal())};
}

}  // namespace sluice::crypto::hpke
