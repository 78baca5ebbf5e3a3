// SHA-256: what identifies a droplet, and what every signed thing here is tied together by.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace sluice::crypto {

// A SHA-256 value. Default-constructed it is all zeros, which is the digest of nothing known.
class Sha256Digest {
 public:
  static constexpr size_t kBytes = 32;

  Sha256Digest() = default;

  // InvalidArgument "bad-digest" unless exactly 64 lower-case hexadecimal digits: a digest has one
  // text form wherever it is signed.
  static StatusOr<Sha256Digest> FromHex(std::string_view text);
  // InvalidArgument "bad-digest" unless exactly 32 bytes.
  static StatusOr<Sha256Digest> FromBytes(std::string_view bytes);

  // Valid as long as this digest.
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  std::string hex() const;

  // As unsigned octets, which is how formats sort digests; `char` may have a sign.
  auto operator<=>(const Sha256Digest& other) const { return bytes() <=> other.bytes(); }
  bool operator==(const Sha256Digest&) const = default;

 private:
  friend class Sha256;
  std::array<char, kBytes> bytes_{};
};

// Hashes a stream piece by piece. Movable; a moved-from or finished one may only be destroyed or
// assigned to. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  Sha256Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha256Digest Sha256Of(std::string_view bytes);

}  // namespace sluice::crypto
