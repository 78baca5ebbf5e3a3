#include "common/crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <string>
#include <utility>

#include "common/base/check.h"

namespace sluice::crypto {
namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kExpandBytesMax = 255 * kHashBytes;  // RFC 5869 section 2.3

OSSL_PARAM Octets(const char* name, std::string_view bytes) {
  // OpenSSL reads through these pointers and never writes.
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

// `salt_or_info` is whichever the mode takes.
Secret Derive(int mode, const Secret& key, const char* parameter, std::string_view salt_or_info,
              size_t bytes) {
  static EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  SLUICE_CHECK(algorithm != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(algorithm),
                                                                     EVP_KDF_CTX_free);
  SLUICE_CHECK(context != nullptr);
  char digest[] = "SHA256";
  OSSL_PARAM parameters[5];
  size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
  parameters[count++] = Octets(OSSL_KDF_PARAM_KEY, key.Reveal());
  // No salt means 32 zero bytes, which HMAC makes of an empty key too (RFC 5869 section 2.2).
  if (!salt_or_info.empty()) parameters[count++] = Octets(parameter, salt_or_info);
  parameters[count] = OSSL_PARAM_construct_end();
  std::string derived(bytes, '\0');
  SLUICE_CHECK(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()),
                              bytes, parameters) == 1);
  return Secret(std::move(derived));
}

}  // namespace

Secret HkdfExtract(std::string_view salt, const Secret& input_key) {
  return Derive(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, input_key, OSSL_KDF_PARAM_SALT, salt, kHashBytes);
}

Secret HkdfExpand(const Secret& pseudorandom_key, std::string_view info, size_t bytes) {
  SLUICE_CHECK(bytes > 0 && bytes <= kExpandBytesMax);
  return Derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, pseudorandom_key, OSSL_KDF_PARAM_INFO, info, bytes);
}

}  // namespace sluice::crypto
