#include "common/crypto/key_text.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"

namespace sluice::crypto {
namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kSecretMark = "SEC-";
constexpr size_t kPrefixLength = 5;
constexpr uint8_t kSecretBit = 0x80;
constexpr size_t kEncodedBytes = 2 + kKeyBytes + 4;

struct KindText {
  KeyKind kind;
  std::string_view prefix;
  std::string_view name;
};
constexpr std::array<KindText, 4> kKinds = {{{KeyKind::kRoot, "slrt1", "trust root"},
                                             {KeyKind::kOperator, "slop1", "operator"},
                                             {KeyKind::kAgent, "slag1", "agent"},
                                             {KeyKind::kCurve, "slcv1", "CURVE"}}};

const KindText& TextOf(KeyKind kind) {
  for (const KindText& entry : kKinds) {
    if (entry.kind == kind) return entry;
  }
  SLUICE_CHECK(false);
  return kKinds[0];
}

// CRC-32 as in IEEE 802.3 (reflected, 0xEDB88320): against typing mistakes, not against attackers.
uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

std::string BigEndian32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
  return bytes;
}

std::string ToBase32(std::string_view bytes) {
  std::string text;
  uint32_t pending = 0;
  int pending_bits = 0;
  for (const char byte : bytes) {
    pending = (pending & 0x1fu) << 8 | static_cast<uint8_t>(byte);
    pending_bits += 8;
    while (pending_bits >= 5) {
      pending_bits -= 5;
      text.push_back(kAlphabet[pending >> pending_bits & 31]);
    }
  }
  if (pending_bits > 0) text.push_back(kAlphabet[pending << (5 - pending_bits) & 31]);
  return text;
}

// Nothing unless canonical: the alphabet, and zero bits after the last byte.
std::optional<std::string> FromBase32(std::string_view text) {
  std::string bytes;
  uint32_t pending = 0;
  int pending_bits = 0;
  for (const char digit : text) {
    const size_t value = kAlphabet.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    pending = (pending & 0xffu) << 5 | static_cast<uint32_t>(value);
    pending_bits += 5;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes.push_back(static_cast<char>(pending >> pending_bits & 0xff));
    }
  }
  const uint32_t unused = pending & ((1u << pending_bits) - 1);
  if (pending_bits >= 5 || unused != 0) return std::nullopt;
  return bytes;
}

Status Refused(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

std::string Format(KeyKind kind, bool secret, std::string_view key) {
  SLUICE_CHECK(key.size() == kKeyBytes);
  std::string bytes;
  bytes.push_back(
      static_cast<char>(static_cast<uint8_t>(kind) | (secret ? kSecretBit : uint8_t{0})));
  bytes.push_back(static_cast<char>(AlgorithmOf(kind)));
  bytes.append(key);
  bytes.append(BigEndian32(Crc32(bytes)));
  return absl::StrCat(ToAbsl(secret ? kSecretMark : ""), ToAbsl(TextOf(kind).prefix),
                      ToBase32(bytes));
}

StatusOr<std::string> Parse(KeyKind kind, bool secret, std::string_view text) {
  const std::string expected =
      absl::StrCat(ToAbsl(TextOf(kind).name), secret ? " secret" : "", " key (",
                   ToAbsl(secret ? kSecretMark : ""), ToAbsl(TextOf(kind).prefix), "...)");
  const bool marked_secret = text.starts_with(kSecretMark);
  if (marked_secret) text.remove_prefix(kSecretMark.size());
  const KindText* found = nullptr;
  for (const KindText& entry : kKinds) {
    if (text.starts_with(entry.prefix)) found = &entry;
  }
  if (found == nullptr) {
    return Refused("key-unrecognised", absl::StrCat("this is no Sluice key; give the ", expected));
  }
  if (marked_secret && !secret) {
    return Refused("key-is-secret",
                   absl::StrCat("a secret key stands where the public ", expected,
                                " belongs; if others could see it, replace that key"));
  }
  if (!marked_secret && secret) {
    return Refused("key-is-public",
                   absl::StrCat("a public key stands where the ", expected, " belongs"));
  }
  if (found->kind != kind) {
    return Refused("key-wrong-kind", absl::StrCat("this is a key of the kind ", ToAbsl(found->name),
                                                  "; give the ", expected));
  }
  const Status mistyped = Refused(
      "key-mistyped", absl::StrCat("the ", expected, " is altered or incomplete; copy it again"));
  const std::optional<std::string> bytes = FromBase32(text.substr(kPrefixLength));
  if (!bytes.has_value() || bytes->size() != kEncodedBytes) return mistyped;
  const std::string_view checked = std::string_view(*bytes).substr(0, 2 + kKeyBytes);
  if (BigEndian32(Crc32(checked)) != std::string_view(*bytes).substr(2 + kKeyBytes))
    return mistyped;
  const auto kind_byte = static_cast<uint8_t>(checked[0]);
  if (kind_byte != (static_cast<uint8_t>(kind) | (secret ? kSecretBit : uint8_t{0}))) {
    return mistyped;
  }
  if (static_cast<KeyAlgorithm>(checked[1]) != AlgorithmOf(kind)) {
    return Refused("key-algorithm-unsupported",
                   absl::StrCat("the ", expected,
                                " is of an algorithm that this version of Sluice does not have"));
  }
  return std::string(checked.substr(2));
}

}  // namespace

KeyAlgorithm AlgorithmOf(KeyKind kind) {
  return kind == KeyKind::kCurve ? KeyAlgorithm::kX25519 : KeyAlgorithm::kEd25519;
}

std::string FormatPublicKey(KeyKind kind, std::string_view key) { return Format(kind, false, key); }

Secret FormatSecretKey(KeyKind kind, const Secret& key) {
  return Secret(Format(kind, true, key.Reveal()));
}

StatusOr<std::string> ParsePublicKey(KeyKind kind, std::string_view text) {
  return Parse(kind, false, text);
}

StatusOr<Secret> ParseSecretKey(KeyKind kind, std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(std::string key, Parse(kind, true, text));
  return Secret(std::move(key));
}

std::string KeyId(KeyAlgorithm algorithm, std::string_view public_key) {
  Sha256 digest;
  const char algorithm_byte = static_cast<char>(algorithm);
  digest.Update(std::string_view(&algorithm_byte, 1));
  digest.Update(public_key);
  return digest.Finish().hex().substr(0, 16);
}

}  // namespace sluice::crypto
