// Names one movement of one droplet's bytes. A transfer id belongs to one content key for ever.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/status.h"

namespace sluice::transfer {

// Default-constructed it is all zeros, which names no transfer.
class TransferId {
 public:
  static constexpr size_t kBytes = 16;

  TransferId() = default;
  static TransferId Generate(Entropy& entropy);
  // That of whatever an order moves, which both ends know without a word since both hold it.
  static TransferId OfOrder(std::string_view order_sha256);
  // InvalidArgument "bad-transfer-id" unless exactly 16 bytes, or 32 lower-case hexadecimal digits.
  static StatusOr<TransferId> FromBytes(std::string_view bytes);
  static StatusOr<TransferId> FromHex(std::string_view text);

  // Valid as long as this id.
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  std::string hex() const;

  auto operator<=>(const TransferId&) const = default;

 private:
  std::array<char, kBytes> bytes_{};
};

}  // namespace sluice::transfer
