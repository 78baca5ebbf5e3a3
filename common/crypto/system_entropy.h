// The real Entropy: OpenSSL's generator, which the kernel seeds.
#pragma once

#include "common/base/entropy.h"

namespace sluice::crypto {

// Thread-safe. Ends the process if the generator fails: there is no safe way to go on.
class SystemEntropy final : public Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override;
};

}  // namespace sluice::crypto
