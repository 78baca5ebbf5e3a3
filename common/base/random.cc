#include "common/base/random.h"

#include <sys/random.h>

#include "common/base/check.h"

namespace sluice {

uint64_t Random::Below(uint64_t bound) {
  SLUICE_CHECK(bound > 0);
  // Draws from the incomplete last multiple of bound are thrown away, so each result is as likely.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t draw = Next();
  while (draw >= limit) draw = Next();
  return draw % bound;
}

uint64_t SeedFromKernel() {
  uint64_t seed = 0;
  // 8 bytes are below the size that getrandom(2) may deliver in part.
  SLUICE_CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace sluice
