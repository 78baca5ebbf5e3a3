// Chance for jitter and choices. Keys, nonces and ids come from Entropy, never from here.
#pragma once

#include <cstdint>
#include <random>

namespace sluice {

// Not thread-safe: each owner has its own.
class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;

  // A number in [0, bound); bound > 0. The same on every standard library, unlike
  // std::uniform_int_distribution, so that a seed replays everywhere.
  uint64_t Below(uint64_t bound);
};

// The whole history follows from the seed.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// A seed from the kernel for SeededRandom in real processes.
uint64_t SeedFromKernel();

}  // namespace sluice
