// Keys as text that people copy and paste: a typed prefix, then base32 of kind, algorithm, key and
// CRC-32, so that a wrong paste fails by name instead of meaning something else.
//
//   slrt1…  trust root       slop1…  operator       SEC-slrt1…, SEC-slop1…, SEC-slag1…, SEC-slcv1…
//   slag1…  agent identity   slcv1…  CURVE public   are the secrets of the same kinds
//
// The 38 bytes under the base32 (RFC 4648 section 6 alphabet, lower case, no padding) are: kind (1;
// the top bit set in a secret), algorithm (1), key (32), CRC-32 of all before it (4, big-endian).
// No message ever repeats the text: it may be a secret in the wrong place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto {

enum class KeyKind : uint8_t { kRoot = 1, kOperator = 2, kAgent = 3, kCurve = 4 };

// The algorithm belongs to the key, never to a message.
enum class KeyAlgorithm : uint8_t { kEd25519 = 1, kEcdsaP256Sha256 = 2, kX25519 = 3 };

inline constexpr size_t kKeyBytes = 32;  // Ed25519 and X25519, public and secret alike

// What keys of this kind are today: Ed25519, or X25519 for CURVE.
KeyAlgorithm AlgorithmOf(KeyKind kind);

// `key` has kKeyBytes.
std::string FormatPublicKey(KeyKind kind, std::string_view key);
Secret FormatSecretKey(KeyKind kind, const Secret& key);

// The key's kKeyBytes. InvalidArgument, by name:
//   key-unrecognised  no prefix of ours        key-wrong-kind  another kind of key than `kind`
//   key-is-secret     a secret: keep it away   key-mistyped    altered, cut or not canonical
//   key-algorithm-unsupported                  an algorithm that this version does not know
StatusOr<std::string> ParsePublicKey(KeyKind kind, std::string_view text);

// As ParsePublicKey(), with "key-is-public" in place of "key-is-secret".
StatusOr<Secret> ParseSecretKey(KeyKind kind, std::string_view text);

// First 16 hexadecimal digits of SHA-256(algorithm || public key): for people to compare and for
// envelopes to say which key to try. Decides nothing.
std::string KeyId(KeyAlgorithm algorithm, std::string_view public_key);

}  // namespace sluice::crypto
