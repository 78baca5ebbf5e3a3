// What all of a history stands on: its time, chance, faults and trace. One thread at a time.
#pragma once

#include <cstdint>

#include "common/base/random.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/timers.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/planted.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/turns.h"
#include "tests/simulation/witness.h"

namespace sluice::simulation {

struct World {
  World(uint64_t seed, Bug planted, bool print)
      : random(seed), faults(random), trace(clock, print), bug(planted) {}

  // Evenly between both.
  absl::Duration Between(absl::Duration shortest, absl::Duration longest) {
    const auto span = static_cast<uint64_t>(absl::ToInt64Microseconds(longest - shortest));
    return shortest + absl::Microseconds(static_cast<int64_t>(random.Below(span + 1)));
  }
  bool Has(Bug planted) const { return bug == planted; }

  FakeClock clock;
  SeededRandom random;
  Faults faults;
  Trace trace;
  Witness witness{trace};
  Timers agenda{clock};
  Turns turns{clock, random};
  const Bug bug;
};

}  // namespace sluice::simulation
