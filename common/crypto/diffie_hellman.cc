#include "common/crypto/diffie_hellman.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <memory>
#include <utility>

#include "common/base/check.h"

namespace sluice::crypto {
namespace {

constexpr char kP256Group[] = "prime256v1";
constexpr char kUncompressed = 4;

template <typename Object, void (*kFree)(Object*)>
struct Free {
  void operator()(Object* object) const { kFree(object); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using ContextPointer = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using GroupPointer = std::unique_ptr<EC_GROUP, Free<EC_GROUP, EC_GROUP_free>>;
using PointPointer = std::unique_ptr<EC_POINT, Free<EC_POINT, EC_POINT_free>>;
using NumberPointer = std::unique_ptr<BIGNUM, Free<BIGNUM, BN_clear_free>>;
using BuilderPointer = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using ParametersPointer = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM, OSSL_PARAM_free>>;

const unsigned char* Raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Status BadSealKey() {
  return NamedError(StatusCode::kInvalidArgument, "bad-seal-key",
                    "not a usable key for sealing; the recipient must offer another");
}

KeyPointer X25519Key(const Secret& secret_key) {
  if (secret_key.Reveal().size() != kX25519Bytes) return nullptr;
  KeyPointer key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, Raw(secret_key.Reveal()),
                                              kX25519Bytes));
  SLUICE_CHECK(key != nullptr);
  return key;
}

// Null unless the secret is a number between zero and the group's order.
NumberPointer P256Scalar(const EC_GROUP* group, const Secret& secret_key) {
  if (secret_key.Reveal().size() != kP256SecretBytes) return nullptr;
  NumberPointer scalar(BN_secure_new());
  SLUICE_CHECK(scalar != nullptr &&
               BN_bin2bn(Raw(secret_key.Reveal()), kP256SecretBytes, scalar.get()) != nullptr);
  const bool in_range =
      BN_is_zero(scalar.get()) == 0 && BN_cmp(scalar.get(), EC_GROUP_get0_order(group)) < 0;
  if (!in_range) return nullptr;
  return scalar;
}

// Null when OpenSSL refuses the point. `scalar` is null for a public key.
KeyPointer P256Key(std::string_view public_key, const BIGNUM* scalar) {
  const BuilderPointer builder(OSSL_PARAM_BLD_new());
  SLUICE_CHECK(builder != nullptr &&
               OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                               kP256Group, 0) == 1 &&
               OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                                public_key.data(), public_key.size()) == 1);
  if (scalar != nullptr) {
    SLUICE_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1);
  }
  const ParametersPointer parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const ContextPointer context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  SLUICE_CHECK(parameters != nullptr && context != nullptr &&
               EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  const int selection = scalar == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, parameters.get()) != 1) return nullptr;
  return KeyPointer(key);
}

// The last step of both curves: `own` and `peer` are keys of the same.
StatusOr<Secret> Derive(EVP_PKEY* own, EVP_PKEY* peer, size_t bytes) {
  const ContextPointer context(EVP_PKEY_CTX_new(own, nullptr));
  SLUICE_CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
  // Proves that the peer's is a point of the curve, not the one at infinity.
  if (EVP_PKEY_derive_set_peer(context.get(), peer) != 1) return BadSealKey();
  std::string agreed(bytes, '\0');
  size_t length = agreed.size();
  // Of X25519 fails when the result is all zeros, that is for a point of small order.
  if (EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(agreed.data()), &length) !=
          1 ||
      length != bytes) {
    return BadSealKey();
  }
  return Secret(std::move(agreed));
}

}  // namespace

StatusOr<std::string> X25519PublicKey(const Secret& secret_key) {
  const KeyPointer key = X25519Key(secret_key);
  if (key == nullptr) return BadSealKey();
  std::string public_key(kX25519Bytes, '\0');
  size_t length = public_key.size();
  SLUICE_CHECK(EVP_PKEY_get_raw_public_key(
                   key.get(), reinterpret_cast<unsigned char*>(public_key.data()), &length) == 1);
  return public_key;
}

StatusOr<std::string> P256PublicKey(const Secret& secret_key) {
  const GroupPointer group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  SLUICE_CHECK(group != nullptr);
  const NumberPointer scalar = P256Scalar(group.get(), secret_key);
  if (scalar == nullptr) return BadSealKey();
  const PointPointer point(EC_POINT_new(group.get()));
  std::string public_key(kP256PublicBytes, '\0');
  SLUICE_CHECK(point != nullptr &&
               EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) ==
                   1 &&
               EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                  reinterpret_cast<unsigned char*>(public_key.data()),
                                  public_key.size(), nullptr) == kP256PublicBytes);
  return public_key;
}

StatusOr<Secret> X25519Agree(const Secret& secret_key, std::string_view public_key) {
  const KeyPointer own = X25519Key(secret_key);
  if (own == nullptr || public_key.size() != kX25519Bytes) return BadSealKey();
  const KeyPointer peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, Raw(public_key), kX25519Bytes));
  SLUICE_CHECK(peer != nullptr);
  return Derive(own.get(), peer.get(), kX25519Bytes);
}

StatusOr<Secret> P256Agree(const Secret& secret_key, std::string_view public_key) {
  // OpenSSL would also take compressed and hybrid forms: one key, one form.
  if (public_key.size() != kP256PublicBytes || public_key.front() != kUncompressed) {
    return BadSealKey();
  }
  const GroupPointer group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  SLUICE_CHECK(group != nullptr);
  const NumberPointer scalar = P256Scalar(group.get(), secret_key);
  if (scalar == nullptr) return BadSealKey();
  SLUICE_ASSIGN_OR_RETURN(const std::string own_public, P256PublicKey(secret_key));
  const KeyPointer own = P256Key(own_public, scalar.get());
  SLUICE_CHECK(own != nullptr);
  const KeyPointer peer = P256Key(public_key, nullptr);
  if (peer == nullptr) return BadSealKey();
  return Derive(own.get(), peer.get(), kP256SecretBytes);
}

}  // namespace sluice::crypto
