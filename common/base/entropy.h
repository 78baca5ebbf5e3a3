// Unpredictable bytes for keys, nonces and ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sluice {

// Thread-safe.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;

  // `count` fresh bytes.
  std::string Bytes(size_t count);
};

}  // namespace sluice
