// A window that grows with what the path can take: played against a path of a given rate and round
// trip, on which chunks queue as they do before a real bottleneck.
#include "common/transfer/credit_window.h"

#include <algorithm>
#include <deque>

#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr uint32_t kChunkBytes = 512 * 1024;
constexpr uint32_t kCreditChunks = 32;  // 16 MiB, what the process has

struct Path {
  double bytes_per_second;
  absl::Duration round_trip;
  absl::Duration storing;
};

// Runs for `time`; what share of the path's bytes arrived in its second half. `fixed`: with a
// window of so many chunks.
double ShareOfPath(const Path& path, absl::Duration time, uint32_t fixed = 0) {
  struct UnderWay {
    uint32_t index;
    absl::Duration arrives_at;
    absl::Duration stored_at;
    bool arrived = false;
  };
  CreditWindow window(kChunkBytes);
  std::deque<UnderWay> under_way;
  const absl::Duration chunk_time = absl::Seconds(kChunkBytes / path.bytes_per_second);
  absl::Duration now;
  absl::Duration line_free_at;
  uint32_t next = 0;
  uint64_t stored_late = 0;
  while (now < time) {
    const uint32_t allowed = fixed > 0 ? fixed : std::min(kCreditChunks, window.chunks());
    while (under_way.size() < allowed) {
      // The request takes half a round trip, then the chunk waits for the line.
      line_free_at = std::max(line_free_at, now + path.round_trip / 2) + chunk_time;
      const absl::Duration arrives = line_free_at + path.round_trip / 2;
      under_way.push_back({next, arrives, arrives + path.storing});
      window.OnAsked(next++, now);
    }
    absl::Duration event = absl::InfiniteDuration();
    for (const UnderWay& chunk : under_way) {
      event = std::min(event, chunk.arrived ? chunk.stored_at : chunk.arrives_at);
    }
    now = event;
    for (UnderWay& chunk : under_way) {
      if (!chunk.arrived && chunk.arrives_at <= now) {
        chunk.arrived = true;
        window.OnArrived(chunk.index, now);
      }
    }
    while (!under_way.empty() && under_way.front().arrived && under_way.front().stored_at <= now) {
      window.OnStored(under_way.front().index, now);
      if (now > time / 2) stored_late += kChunkBytes;
      under_way.pop_front();
    }
  }
  return static_cast<double>(stored_late) /
         (path.bytes_per_second * absl::ToDoubleSeconds(time / 2));
}

constexpr double MegabitsPerSecond(double rate) { return rate * 1e6 / 8; }

TEST(CreditWindowTest, FillsALongFatPathThatAFixedWindowDoesNot) {
  const Path path = {MegabitsPerSecond(400), absl::Milliseconds(160), absl::Milliseconds(5)};
  EXPECT_GT(ShareOfPath(path, absl::Seconds(20)), 0.95);
  EXPECT_LT(ShareOfPath(path, absl::Seconds(20), (4 << 20) / kChunkBytes), 0.6);
}

TEST(CreditWindowTest, FillsShortAndSlowPathsToo) {
  for (const double rate : {1.0, 10.0, 100.0, 1000.0}) {
    for (const int round_trip : {1, 20, 80}) {
      const Path path = {MegabitsPerSecond(rate), absl::Milliseconds(round_trip),
                         absl::Milliseconds(2)};
      EXPECT_GT(ShareOfPath(path, absl::Seconds(60)), 0.9) << rate << " Mbit/s, " << round_trip;
    }
  }
}

TEST(CreditWindowTest, SlowDiskDoesNotHideTheRateOfThePath) {
  const Path path = {MegabitsPerSecond(400), absl::Milliseconds(20), absl::Milliseconds(100)};
  EXPECT_GT(ShareOfPath(path, absl::Seconds(20)), 0.95);
}

TEST(CreditWindowTest, QueueOnAShortPathStaysShort) {
  CreditWindow window(kChunkBytes);
  absl::Duration now = absl::Seconds(1);
  // 10 Mbit/s without any delay: a chunk each 420 ms, however many are asked for.
  uint32_t next = 0;
  uint32_t stored = 0;
  while (stored < 100) {
    while (next < stored + window.chunks()) window.OnAsked(next++, now);
    now += absl::Milliseconds(420);
    window.OnArrived(stored, now);
    window.OnStored(stored++, now);
  }
  EXPECT_LE(window.chunks(), 4u);
}

TEST(CreditWindowTest, AnotherConnectionIsMeasuredAnew) {
  CreditWindow window(kChunkBytes);
  const uint32_t at_first = window.chunks();
  absl::Duration now = absl::Seconds(1);
  window.OnAsked(0, now);
  now += absl::Seconds(3);
  window.OnArrived(0, now);
  window.OnStored(0, now);
  window.OnAsked(1, now);
  window.OnConnection();
  EXPECT_EQ(window.chunks(), at_first);
  window.OnArrived(1, now);  // of the connection that is gone: measures nothing
  EXPECT_EQ(window.chunks(), at_first);
}

}  // namespace
}  // namespace sluice::transfer
