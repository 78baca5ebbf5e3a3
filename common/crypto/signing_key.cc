#include "common/crypto/signing_key.h"

#include <openssl/evp.h>

#include <array>
#include <utility>

#include "common/base/check.h"
#include "common/base/encoding.h"

namespace sluice::crypto {
namespace {

// Every encoding of the eight points of small order on edwards25519, without the sign bit, little
// endian in hexadecimal: y = 0, 1, -1, the two of order 8, and p and p+1, which decode to 0 and 1
// (RFC 8032 section 5.1; the list that libsodium refuses as well).
constexpr std::array<std::string_view, 7> kSmallOrder = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

bool HasSmallOrder(std::string_view bytes) {
  std::string unsigned_bytes(bytes);
  unsigned_bytes.back() = static_cast<char>(unsigned_bytes.back() & 0x7f);
  const std::string text = ToHex(unsigned_bytes);
  for (const std::string_view weak : kSmallOrder) {
    if (text == weak) return true;
  }
  return false;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> Shared(EVP_PKEY* key) {
  SLUICE_CHECK(key != nullptr);
  return {key, EVP_PKEY_free};
}

using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

DigestContext FreshContext() {
  DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  SLUICE_CHECK(context != nullptr);
  return context;
}

}  // namespace

VerifyingKey::VerifyingKey(KeyKind kind, std::string bytes, std::shared_ptr<EVP_PKEY> key)
    : kind_(kind),
      bytes_(std::move(bytes)),
      id_(KeyId(AlgorithmOf(kind), bytes_)),
      key_(std::move(key)) {}

StatusOr<VerifyingKey> VerifyingKey::FromBytes(KeyKind kind, std::string_view bytes) {
  SLUICE_CHECK(AlgorithmOf(kind) == KeyAlgorithm::kEd25519);
  if (bytes.size() != kKeyBytes) {
    return NamedError(StatusCode::kInvalidArgument, "key-mistyped",
                      "an Ed25519 public key has 32 bytes");
  }
  if (HasSmallOrder(bytes)) {
    return NamedError(StatusCode::kInvalidArgument, "key-weak",
                      "this Ed25519 public key is a point of small order; make another key");
  }
  return VerifyingKey(
      kind, std::string(bytes),
      Shared(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(bytes), bytes.size())));
}

StatusOr<VerifyingKey> VerifyingKey::Parse(KeyKind kind, std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ParsePublicKey(kind, text));
  return FromBytes(kind, bytes);
}

bool VerifyingKey::Verify(std::string_view signature, std::string_view message) const {
  if (signature.size() != kSignatureBytes) return false;
  const DigestContext context = FreshContext();
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

SigningKey::SigningKey(Secret seed, std::shared_ptr<EVP_PKEY> key, VerifyingKey public_key)
    : seed_(std::move(seed)), key_(std::move(key)), public_(std::move(public_key)) {}

StatusOr<SigningKey> SigningKey::FromSeed(KeyKind kind, Secret seed) {
  SLUICE_CHECK(AlgorithmOf(kind) == KeyAlgorithm::kEd25519);
  const std::string_view bytes = seed.Reveal();
  SLUICE_CHECK(bytes.size() == kKeyBytes);
  std::shared_ptr<EVP_PKEY> key =
      Shared(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(bytes), bytes.size()));
  std::string public_bytes(kKeyBytes, '\0');
  size_t length = public_bytes.size();
  SLUICE_CHECK(EVP_PKEY_get_raw_public_key(
                   key.get(), reinterpret_cast<unsigned char*>(public_bytes.data()), &length) == 1);
  SLUICE_ASSIGN_OR_RETURN(VerifyingKey public_key, VerifyingKey::FromBytes(kind, public_bytes));
  return SigningKey(std::move(seed), std::move(key), std::move(public_key));
}

SigningKey SigningKey::Generate(KeyKind kind, Entropy& entropy) {
  StatusOr<SigningKey> key = FromSeed(kind, Secret(entropy.Bytes(kKeyBytes)));
  SLUICE_CHECK(key.ok());
  return *std::move(key);
}

StatusOr<SigningKey> SigningKey::Parse(KeyKind kind, std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(Secret seed, ParseSecretKey(kind, text));
  return FromSeed(kind, std::move(seed));
}

std::string SigningKey::Sign(std::string_view message) const {
  const DigestContext context = FreshContext();
  std::string signature(kSignatureBytes, '\0');
  size_t length = signature.size();
  SLUICE_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  SLUICE_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                              &length, Bytes(message), message.size()) == 1);
  SLUICE_CHECK(length == kSignatureBytes);
  return signature;
}

}  // namespace sluice::crypto
