#include "common/crypto/curve_key.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "common/base/encoding.h"

namespace sluice::crypto {
namespace {

// The u-coordinates of small order on Curve25519 and their other encodings, without the top bit
// (RFC 7748 section 6.1; the list that libsodium refuses as well).
constexpr std::array<std::string_view, 7> kSmallOrder = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

bool HasSmallOrder(std::string_view bytes) {
  std::string masked(bytes);
  masked.back() = static_cast<char>(masked.back() & 0x7f);
  const std::string text = ToHex(masked);
  for (const std::string_view weak : kSmallOrder) {
    if (text == weak) return true;
  }
  return false;
}

}  // namespace

CurvePublicKey::CurvePublicKey(std::string bytes) : bytes_(std::move(bytes)) {}

StatusOr<CurvePublicKey> CurvePublicKey::FromBytes(std::string_view bytes) {
  if (bytes.size() != kKeyBytes) {
    return NamedError(StatusCode::kInvalidArgument, "key-mistyped",
                      "a CURVE public key has 32 bytes");
  }
  if (HasSmallOrder(bytes)) {
    return NamedError(StatusCode::kInvalidArgument, "key-weak",
                      "this CURVE public key is a point of small order; make another key");
  }
  return CurvePublicKey(std::string(bytes));
}

StatusOr<CurvePublicKey> CurvePublicKey::Parse(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ParsePublicKey(KeyKind::kCurve, text));
  return FromBytes(bytes);
}

CurveKeyPair::CurveKeyPair(Secret secret_bytes, CurvePublicKey public_key)
    : secret_bytes_(std::move(secret_bytes)), public_key_(std::move(public_key)) {}

StatusOr<CurveKeyPair> CurveKeyPair::FromSecret(Secret secret_bytes) {
  const std::string_view bytes = secret_bytes.Reveal();
  SLUICE_CHECK(bytes.size() == kKeyBytes);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   bytes.size()),
      EVP_PKEY_free);
  SLUICE_CHECK(key != nullptr);
  std::string public_bytes(kKeyBytes, '\0');
  size_t length = public_bytes.size();
  SLUICE_CHECK(EVP_PKEY_get_raw_public_key(
                   key.get(), reinterpret_cast<unsigned char*>(public_bytes.data()), &length) == 1);
  SLUICE_ASSIGN_OR_RETURN(CurvePublicKey public_key, CurvePublicKey::FromBytes(public_bytes));
  return CurveKeyPair(std::move(secret_bytes), std::move(public_key));
}

CurveKeyPair CurveKeyPair::Generate(Entropy& entropy) {
  StatusOr<CurveKeyPair> pair = FromSecret(Secret(entropy.Bytes(kKeyBytes)));
  SLUICE_CHECK(pair.ok());
  return *std::move(pair);
}

StatusOr<CurveKeyPair> CurveKeyPair::Parse(std::string_view secret_text) {
  SLUICE_ASSIGN_OR_RETURN(Secret secret, ParseSecretKey(KeyKind::kCurve, secret_text));
  return FromSecret(std::move(secret));
}

}  // namespace sluice::crypto
