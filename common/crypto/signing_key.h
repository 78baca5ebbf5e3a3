// Keys that sign and keys that verify. Ed25519 (RFC 8032) by OpenSSL.
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/key_text.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace sluice::crypto {

inline constexpr size_t kSignatureBytes = 64;

// A public key that verifies, with its role: an operator's key is never equal to an agent's, even
// if their bytes are. Copies are cheap. Thread-safe.
class VerifyingKey {
 public:
  // Names as ParsePublicKey(), and "key-weak" for a point of small order, under which one signature
  // fits many messages.
  static StatusOr<VerifyingKey> Parse(KeyKind kind, std::string_view text);
  static StatusOr<VerifyingKey> FromBytes(KeyKind kind, std::string_view bytes);

  // Whether `signature` was made over exactly `message` by this key's owner.
  bool Verify(std::string_view signature, std::string_view message) const;

  KeyKind kind() const { return kind_; }
  const std::string& bytes() const { return bytes_; }
  std::string text() const { return FormatPublicKey(kind_, bytes_); }
  const std::string& id() const { return id_; }  // see KeyId()

  friend bool operator==(const VerifyingKey& a, const VerifyingKey& b) {
    return a.kind_ == b.kind_ && a.bytes_ == b.bytes_;
  }
  friend std::strong_ordering operator<=>(const VerifyingKey& a, const VerifyingKey& b) {
    if (const auto order = a.kind_ <=> b.kind_; order != 0) return order;
    return a.bytes_.compare(b.bytes_) <=> 0;
  }

 private:
  VerifyingKey(KeyKind kind, std::string bytes, std::shared_ptr<evp_pkey_st> key);

  KeyKind kind_;
  std::string bytes_;
  std::string id_;
  std::shared_ptr<evp_pkey_st> key_;  // owned by all copies of this key; never changed
};

// The secret half. Copies are cheap: the OpenSSL key is made once, since a source signs every
// chunk. Thread-safe.
class SigningKey {
 public:
  // `kind` is kRoot, kOperator or kAgent.
  static SigningKey Generate(KeyKind kind, Entropy& entropy);
  // Names as ParseSecretKey().
  static StatusOr<SigningKey> Parse(KeyKind kind, std::string_view text);

  // kSignatureBytes over `message`. The same message always gives the same signature.
  std::string Sign(std::string_view message) const;

  const VerifyingKey& Public() const { return public_; }
  Secret text() const { return FormatSecretKey(public_.kind(), seed_); }

 private:
  static StatusOr<SigningKey> FromSeed(KeyKind kind, Secret seed);
  SigningKey(Secret seed, std::shared_ptr<evp_pkey_st> key, VerifyingKey public_key);

  Secret seed_;
  std::shared_ptr<evp_pkey_st> key_;  // owned by all copies of this key; never changed
  VerifyingKey public_;
};

}  // namespace sluice::crypto
