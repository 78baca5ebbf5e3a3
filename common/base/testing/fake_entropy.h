// Predictable "entropy" for tests: the stream follows from the seed. Never linked into a program.
#pragma once

#include "common/base/entropy.h"
#include "common/base/mutex.h"
#include "common/base/random.h"

namespace sluice {

class FakeEntropy final : public Entropy {
 public:
  explicit FakeEntropy(uint64_t seed = 1) : random_(seed) {}
  void Fill(std::span<uint8_t> bytes) override {
    MutexLock lock(mutex_);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_.Next());
  }

 private:
  Mutex mutex_;
  SeededRandom random_;
};

}  // namespace sluice
