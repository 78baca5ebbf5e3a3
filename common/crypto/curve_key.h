// Keys of the transport: X25519 pairs for ZeroMQ's CURVE (ZMTP RFC 26). They sign nothing.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/key_text.h"

namespace sluice::crypto {

class CurvePublicKey {
 public:
  // Names as ParsePublicKey(), and "key-weak" for the points with which every secret agrees on the
  // same value.
  static StatusOr<CurvePublicKey> Parse(std::string_view text);
  static StatusOr<CurvePublicKey> FromBytes(std::string_view bytes);

  const std::string& bytes() const { return bytes_; }  // kKeyBytes, as libzmq takes them
  std::string text() const { return FormatPublicKey(KeyKind::kCurve, bytes_); }
  std::string id() const { return KeyId(KeyAlgorithm::kX25519, bytes_); }
  auto operator<=>(const CurvePublicKey&) const = default;

 private:
  explicit CurvePublicKey(std::string bytes);
  std::string bytes_;
};

class CurveKeyPair {
 public:
  static CurveKeyPair Generate(Entropy& entropy);
  // Names as ParseSecretKey().
  static StatusOr<CurveKeyPair> Parse(std::string_view secret_text);

  const CurvePublicKey& public_key() const { return public_key_; }
  const Secret& secret_bytes() const { return secret_bytes_; }  // kKeyBytes
  Secret secret_text() const { return FormatSecretKey(KeyKind::kCurve, secret_bytes_); }

 private:
  static StatusOr<CurveKeyPair> FromSecret(Secret secret_bytes);
  CurveKeyPair(Secret secret_bytes, CurvePublicKey public_key);

  Secret secret_bytes_;
  CurvePublicKey public_key_;
};

}  // namespace sluice::crypto
