// What a target passes on of its spool to fellow targets: who asked for what, and how much of it is
// on its way to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <vector>

#include "absl/time/time.h"

namespace sluice::transfer {

// Chunks that were read for fellows and that they have not stored yet lie in this process's queues
// to them: for all fellows of a transfer together no more than this.
inline constexpr uint64_t kServedBytesMax = 8 << 20;

// Serves each in turn. Not thread-safe.
class FellowServer {
 public:
  // So many chunks are being read at a time.
  static constexpr size_t kReadingMax = 4;

  FellowServer(size_t fellows, uint32_t chunk_bytes);

  // False if it asks for more than kCreditChunksMax at once.
  bool OnAsked(size_t fellow, const std::vector<uint32_t>& indexes);
  // The fellow has it.
  void OnStored(size_t fellow, uint32_t index, absl::Duration now);
  // What it asked for is forgotten.
  void OnGone(size_t fellow);

  struct Reading {
    size_t fellow = 0;
    uint32_t index = 0;
  };
  // What is to be read now, and then given to OnRead(): as far as `may_go` allows it to be sent.
  using MayGo = std::function<bool(uint32_t index)>;
  std::vector<Reading> Next(const MayGo& may_go = [](uint32_t) { return true; });
  // Whether it is still wanted, so that it is sent. `found` is false when it could not be read.
  bool OnRead(const Reading& reading, bool found, absl::Duration now);

  // For how long the fellow has not stored anything of what it was sent; zero if it has all.
  absl::Duration Stalled(size_t fellow, absl::Duration now) const;

 private:
  struct Fellow {
    std::deque<uint32_t> asked;  // first come, first served
    std::set<uint32_t> reading;
    std::set<uint32_t> sent;  // and not stored there
    absl::Duration moved_at;  // something was stored, or sent after all was
  };
  bool MayHaveMore(const Fellow& fellow) const;

  const size_t under_way_max_;  // chunks
  std::vector<Fellow> fellows_;
  size_t under_way_ = 0;  // being read or sent
  size_t reading_ = 0;
  size_t first_in_turn_ = 0;
};

}  // namespace sluice::transfer
