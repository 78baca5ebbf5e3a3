#include "common/crypto/system_entropy.h"

#include <openssl/rand.h>

#include <limits>

#include "common/base/check.h"

namespace sluice::crypto {

void SystemEntropy::Fill(std::span<uint8_t> bytes) {
  SLUICE_CHECK(bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  SLUICE_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

}  // namespace sluice::crypto
