#include "common/crypto/key_agreement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/aead.h"
#include "common/crypto/hpke.h"

namespace sluice::crypto {
namespace {

constexpr std::string_view kX25519Name = "x25519-hkdf-sha256-aes256gcm";
constexpr std::string_view kP256Name = "p256-hkdf-sha256-aes256gcm";

hpke::Kem KemOf(SealSuite suite) {
  return suite == SealSuite::kP256HkdfSha256Aes256Gcm ? hpke::Kem::kP256 : hpke::Kem::kX25519;
}

}  // namespace

std::string_view SealSuiteName(SealSuite suite) {
  return suite == SealSuite::kP256HkdfSha256Aes256Gcm ? kP256Name : kX25519Name;
}

StatusOr<SealSuite> SealSuiteByName(std::string_view name) {
  if (name == kX25519Name) return SealSuite::kX25519HkdfSha256Aes256Gcm;
  if (name == kP256Name) return SealSuite::kP256HkdfSha256Aes256Gcm;
  return NamedError(StatusCode::kUnimplemented, "seal-suite-unknown",
                    "the offer names a sealing suite that this program does not have");
}

size_t SealPublicKeyBytes(SealSuite suite) { return hpke::PublicKeyBytes(KemOf(suite)); }

SealKeyPair GenerateSealKey(SealSuite suite, Entropy& entropy) {
  auto pair = SealKeyFromSecret(suite, hpke::GenerateSecretKey(KemOf(suite), entropy));
  SLUICE_CHECK(pair.ok());
  return *std::move(pair);
}

StatusOr<SealKeyPair> SealKeyFromSecret(SealSuite suite, Secret secret_key) {
  SLUICE_ASSIGN_OR_RETURN(std::string public_key, hpke::PublicKey(KemOf(suite), secret_key));
  return SealKeyPair{suite, std::move(secret_key), std::move(public_key)};
}

size_t SealOverheadBytes(SealSuite suite) {
  return SealPublicKeyBytes(suite) + Aes256Gcm::kTagBytes;
}

StatusOr<std::string> SealTo(SealSuite suite, std::string_view recipient_public_key,
                             std::string_view info, std::string_view associated,
                             std::string_view plain, Entropy& entropy) {
  SLUICE_ASSIGN_OR_RETURN(const hpke::Encapsulated sender,
                          hpke::Encapsulate(KemOf(suite), recipient_public_key, entropy));
  const hpke::Schedule schedule =
      hpke::KeySchedule(KemOf(suite), hpke::Aead::kAes256Gcm, sender.shared_secret, info);
  return absl::StrCat(sender.encapsulated_key,
                      Aes256Gcm(schedule.key).Seal(schedule.base_nonce, associated, plain));
}

StatusOr<Secret> OpenSealed(const SealKeyPair& recipient, std::string_view info,
                            std::string_view associated, std::string_view sealed) {
  if (sealed.size() < SealOverheadBytes(recipient.suite)) {
    return NamedError(StatusCode::kPermissionDenied, "bad-seal",
                      "too short to be sealed to a key of ours");
  }
  const hpke::Kem kem = KemOf(recipient.suite);
  const size_t encapsulated_bytes = hpke::PublicKeyBytes(kem);
  auto shared_secret =
      hpke::Decapsulate(kem, sealed.substr(0, encapsulated_bytes), recipient.secret_key);
  if (!shared_secret.ok()) {
    return NamedError(StatusCode::kPermissionDenied, "bad-seal",
                      "sealed with an ephemeral key that is not usable");
  }
  const hpke::Schedule schedule =
      hpke::KeySchedule(kem, hpke::Aead::kAes256Gcm, *shared_secret, info);
  SLUICE_ASSIGN_OR_RETURN(std::string plain, Aes256Gcm(schedule.key)
                                                 .Open(schedule.base_nonce, associated,
                                                       sealed.substr(encapsulated_bytes)));
  return Secret(std::move(plain));
}

StatusOr<std::string> WrapContentKey(SealSuite suite, std::string_view recipient_public_key,
                                     std::string_view info, const Secret& content_key,
                                     Entropy& entropy) {
  return SealTo(suite, recipient_public_key, info, "", content_key.Reveal(), entropy);
}

StatusOr<Secret> UnwrapContentKey(const SealKeyPair& recipient, std::string_view info,
                                  std::string_view wrapped) {
  return OpenSealed(recipient, info, "", wrapped);
}

}  // namespace sluice::crypto
