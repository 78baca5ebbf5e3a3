// Many targets of one promotion that pass its chunks on to each other, by simulation: the product's
// state machines on links of 50 Mbit/s with 20 ms of round trip, in simulated time.
//
//   bench-mesh TARGETS CHUNKS FELLOWS    how many targets, chunks of the default size, and other
//                                        targets that each one reaches (even; 0: all); prints what
//                                        it took as one JSON object
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "common/transfer/testing/simulated_mesh.h"

namespace sluice::bench {
namespace {

// A circle on which each target reaches its neighbours and as many at growing distances: symmetric,
// and few steps from anyone to anyone.
std::vector<uint32_t> Fellows(uint32_t target, uint32_t targets, uint32_t fellows) {
  std::vector<uint32_t> reached;
  if (fellows == 0) {
    for (uint32_t other = 0; other < targets; ++other) {
      if (other != target) reached.push_back(other);
    }
    return reached;
  }
  const uint32_t growth = targets / (fellows + 1);
  for (uint32_t i = 0; i < fellows / 2; ++i) {
    const uint32_t distance = 1 + i * growth;
    reached.push_back((target + distance) % targets);
    reached.push_back((target + targets - distance) % targets);
  }
  return reached;
}

int Run(uint32_t targets, uint32_t chunks, uint32_t fellows) {
  transfer::SimulatedMesh::Options options;
  options.targets = targets;
  options.chunks = chunks;
  options.fellows = [targets, fellows](uint32_t target) {
    return Fellows(target, targets, fellows);
  };
  transfer::SimulatedMesh mesh(options);
  mesh.Run();
  const nlohmann::json result = {{"seconds", absl::ToDoubleSeconds(mesh.LastFinishedAfter())},
                                 {"copies", mesh.CopiesSent()},
                                 {"failed", mesh.Failed()}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int count, char** words) {
  std::vector<uint32_t> numbers;
  for (int i = 1; i < count; ++i) {
    uint32_t number = 0;
    if (absl::SimpleAtoi(words[i], &number)) numbers.push_back(number);
  }
  if (count != 4 || numbers.size() != 3 || numbers[0] == 0 || numbers[1] == 0) {
    std::fputs("usage: bench-mesh TARGETS CHUNKS FELLOWS\n", stderr);
    return 2;
  }
  return sluice::bench::Run(numbers[0], numbers[1], numbers[2]);
}
