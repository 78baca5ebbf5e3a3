#include "tests/foundation/tokens.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/foundation/digests.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr char kAudience[] = "cloud_controller";
constexpr char kKeyId[] = "box-key-1";
constexpr unsigned kKeyBits = 1024;  // made at every start: 2048 would take most of it

std::string BigNumber(EVP_PKEY* key, const char* parameter) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, parameter, &number);
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return Base64Url(bytes);
}

}  // namespace

Tokens::Tokens(std::string issuer) : issuer_(std::move(issuer)), key_(EVP_RSA_gen(kKeyBits)) {}

Tokens::~Tokens() { EVP_PKEY_free(key_); }

std::string Tokens::Make(const std::string& client_id, const std::vector<std::string>& scopes,
                         const std::string& grant_type, double valid_seconds) const {
  std::time_t now = std::time(nullptr);
  std::set<std::string> audience = {client_id};
  for (const std::string& scope : scopes) audience.insert(scope.substr(0, scope.rfind('.')));
  Json claims = {{"jti", RandomHex(16)},
                 {"sub", client_id},
                 {"scope", scopes},
                 {"authorities", scopes},
                 {"client_id", client_id},
                 {"cid", client_id},
                 {"azp", client_id},
                 {"grant_type", grant_type},
                 {"rev_sig", RandomHex(4)},
                 {"iat", now},
                 {"exp", now + static_cast<std::time_t>(std::ceil(valid_seconds))},
                 {"iss", issuer_},
                 {"zid", "uaa"},
                 {"aud", audience}};
  Json header = {{"alg", "RS256"}, {"kid", kKeyId}, {"typ", "JWT"}};
  std::string message = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_);
  std::string signature(512, '\0');
  size_t size = signature.size();
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(message.data()), message.size());
  signature.resize(size);
  return message + "." + Base64Url(signature);
}

std::optional<Actor> Tokens::Judge(const std::string& token, std::time_t when) const {
  size_t first = token.find('.');
  size_t last = token.rfind('.');
  if (first == std::string::npos || first == last) return std::nullopt;
  std::string message = token.substr(0, last);
  auto signature = Base64Decode(std::string_view(token).substr(last + 1));
  auto claims_text = Base64Decode(std::string_view(token).substr(first + 1, last - first - 1));
  if (!signature || !claims_text) return std::nullopt;
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_);
  if (EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature->data()),
                       signature->size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) != 1) {
    return std::nullopt;
  }
  Json claims = Json::parse(*claims_text, nullptr, false);
  if (claims.is_discarded() || claims["iss"] != issuer_ || claims["exp"] <= when) {
    return std::nullopt;
  }
  const Json& audience = claims["aud"];
  if (std::find(audience.begin(), audience.end(), kAudience) == audience.end()) {
    return std::nullopt;
  }
  Actor actor;
  actor.guid = claims["sub"];
  for (const Json& scope : claims["scope"]) actor.scopes.insert(scope.get<std::string>());
  return actor;
}

Json Tokens::PublicKeys() const {
  return {{"keys",
           {{{"kty", "RSA"},
             {"alg", "RS256"},
             {"use", "sig"},
             {"kid", kKeyId},
             {"n", BigNumber(key_, OSSL_PKEY_PARAM_RSA_N)},
             {"e", BigNumber(key_, OSSL_PKEY_PARAM_RSA_E)}}}}};
}

}  // namespace sluice::box
