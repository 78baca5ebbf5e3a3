#include "common/crypto/hpke.h"

#include <openssl/evp.h>

#include <memory>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/hkdf.h"

namespace sluice::crypto::hpke {
namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr char kModeBase = 0;
constexpr std::string_view kVersionLabel = "HPKE-v1";
// "KEM" and the identifier of DHKEM(X25519, HKDF-SHA256), section 7.1.
constexpr std::string_view kKemSuite("KEM\x00\x20", 5);

using KeyPointer = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string TwoBytes(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

Status BadSealKey() {
  return NamedError(StatusCode::kInvalidArgument, "bad-seal-key",
                    "not a usable X25519 public key; the recipient must offer another");
}

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
StatusOr<Secret> SharedSecret(const Secret& secret_key, std::string_view public_key,
                              std::string_view kem_context) {
  if (public_key.size() != kX25519Bytes) return BadSealKey();
  const KeyPointer own(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
                                                    Octets(secret_key.Reveal()), kX25519Bytes),
                       EVP_PKEY_free);
  const KeyPointer peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, Octets(public_key), kX25519Bytes),
      EVP_PKEY_free);
  SLUICE_CHECK(own != nullptr && peer != nullptr);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
  SLUICE_CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
  if (EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1) return BadSealKey();
  std::string agreed(kX25519Bytes, '\0');
  size_t length = agreed.size();
  // Fails when the result is all zeros, that is for a point of small order (RFC 7748 section 6.1).
  if (EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(agreed.data()), &length) !=
          1 ||
      length != kX25519Bytes) {
    return BadSealKey();
  }
  const Secret secret(std::move(agreed));
  const Secret extracted = LabeledExtract(kKemSuite, "", "eae_prk", secret.Reveal());
  return LabeledExpand(kKemSuite, extracted, "shared_secret", kem_context, kHashBytes);
}

}  // namespace

StatusOr<std::string> X25519PublicKey(const Secret& secret_key) {
  if (secret_key.Reveal().size() != kX25519Bytes) {
    return NamedError(StatusCode::kInvalidArgument, "bad-seal-key",
                      "an X25519 secret key has 32 bytes");
  }
  const KeyPointer key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
                                                    Octets(secret_key.Reveal()), kX25519Bytes),
                       EVP_PKEY_free);
  SLUICE_CHECK(key != nullptr);
  std::string public_key(kX25519Bytes, '\0');
  size_t length = public_key.size();
  SLUICE_CHECK(EVP_PKEY_get_raw_public_key(
                   key.get(), reinterpret_cast<unsigned char*>(public_key.data()), &length) == 1);
  return public_key;
}

StatusOr<Encapsulated> Encapsulate(std::string_view recipient_public_key, Entropy& entropy) {
  const Secret ephemeral(entropy.Bytes(kX25519Bytes));
  SLUICE_ASSIGN_OR_RETURN(std::string encapsulated, X25519PublicKey(ephemeral));
  const std::string kem_context = absl::StrCat(encapsulated, ToAbsl(recipient_public_key));
  SLUICE_ASSIGN_OR_RETURN(Secret shared,
                          SharedSecret(ephemeral, recipient_public_key, kem_context));
  return Encapsulated{std::move(shared), std::move(encapsulated)};
}

StatusOr<Secret> Decapsulate(std::string_view encapsulated_key,
                             const Secret& recipient_secret_key) {
  SLUICE_ASSIGN_OR_RETURN(const std::string own, X25519PublicKey(recipient_secret_key));
  return SharedSecret(recipient_secret_key, encapsulated_key,
                      absl::StrCat(ToAbsl(encapsulated_key), own));
}

Schedule KeySchedule(Aead aead, const Secret& shared_secret, std::string_view info) {
  // "HPKE", the KEM, HKDF-SHA256 (1), the AEAD: section 5.1.
  const std::string suite =
      absl::StrCat("HPKE", TwoBytes(0x20), TwoBytes(1), TwoBytes(static_cast<size_t>(aead)));
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
