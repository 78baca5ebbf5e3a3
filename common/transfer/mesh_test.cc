// One source and many targets on links of limited rates: what the source's link carries, and how
// long it takes beside one target alone.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/transfer/testing/simulated_mesh.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr double kSlowBytesPerSecond = 6.25e4;  // one hundredth of the others

std::vector<uint32_t> AllBut(uint32_t target, uint32_t targets) {
  std::vector<uint32_t> others;
  for (uint32_t i = 0; i < targets; ++i) {
    if (i != target) others.push_back(i);
  }
  return others;
}

SimulatedMesh::Options AllToAll(uint32_t targets, uint32_t chunks) {
  SimulatedMesh::Options options;
  options.targets = targets;
  options.chunks = chunks;
  options.fellows = [targets](uint32_t target) { return AllBut(target, targets); };
  return options;
}

absl::Duration TimeOfOne(uint32_t chunks) {
  SimulatedMesh mesh(AllToAll(1, chunks));
  mesh.Run();
  return mesh.FinishedAfter(0);
}

TEST(MeshTest, OneTargetFillsItsLinkAndIsSentEverythingOnce) {
  SimulatedMesh mesh(AllToAll(1, 64));
  mesh.Run();
  EXPECT_LE(mesh.CopiesSent(), 1.001);
  const absl::Duration wire = absl::Seconds(64 * double{kChunkBytesDefault} / 6.25e6);
  EXPECT_LE(mesh.FinishedAfter(0), 1.05 * wire + absl::Seconds(0.3));
}

void ExpectOneCopyAtTheTimeOfOne(uint32_t targets, uint32_t chunks) {
  SimulatedMesh mesh(AllToAll(targets, chunks));
  mesh.Run();
  const absl::Duration alone = TimeOfOne(chunks);
  EXPECT_LE(mesh.CopiesSent(), 1.15);
  EXPECT_LE(mesh.LastFinishedAfter() / 1.25, alone)
      << absl::FDivDuration(mesh.LastFinishedAfter(), alone);
  EXPECT_FALSE(mesh.Failed());
}

TEST(MeshTest, EightTargetsCostTheSourceAboutOneCopyAndTheTimeOfOne) {
  ExpectOneCopyAtTheTimeOfOne(8, 128);
}

// Of a small droplet: what the last chunks need to be everywhere is much of the time then, so only
// the copies are judged.
TEST(MeshTest, SixtyFourTargetsCostTheSourceAboutOneCopy) {
  SimulatedMesh mesh(AllToAll(64, 64));
  mesh.Run();
  EXPECT_LE(mesh.CopiesSent(), 1.15);
  EXPECT_FALSE(mesh.Failed());
}

TEST(MeshTest, TargetOfAHundredthOfTheRateHoldsNobodyUp) {
  SimulatedMesh::Options options = AllToAll(8, 128);
  options.links[3] = {kSlowBytesPerSecond, kSlowBytesPerSecond};
  SimulatedMesh mesh(options);
  mesh.Run({3});
  SimulatedMesh without(AllToAll(7, 128));
  without.Run();
  EXPECT_LE(mesh.LastFinishedAfter(), 1.1 * without.LastFinishedAfter());
  mesh.Run();
  EXPECT_LE(mesh.CopiesSent(), 1.3);
  EXPECT_FALSE(mesh.Failed());
}

TEST(MeshTest, FellowThatSpoilsWhatItPassesOnIsDoneWithout) {
  SimulatedMesh mesh(AllToAll(4, 64));
  mesh.Spoil(1);
  mesh.Run();
  EXPECT_FALSE(mesh.Failed());
  EXPECT_LE(mesh.CopiesSent(), 2.2) << "one for it, one for the three that reach each other";
}

}  // namespace
}  // namespace sluice::transfer
