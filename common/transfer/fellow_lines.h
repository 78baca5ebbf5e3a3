// A target's lines to its fellow targets: what each has, what each was asked for, and what it asks.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/credit_window.h"
#include "common/transfer/fellow_server.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// A part of ReceiverMachine, and pure like it: the fellow of line `i` is the machine's peer i + 1.
// A fellow that says what it may not, or passes on a chunk that the source has not signed, is lost
// for good; the transfer goes on without it. Not thread-safe.
class FellowLines {
 public:
  // For how long a fellow is counted upon to which there is no line: from the beginning, and after
  // its line broke. Meanwhile the source gives nobody here what it gave that one, so where no line
  // can be made, the first is lost time.
  static constexpr absl::Duration kAwaitedFirst = absl::Seconds(2);
  static constexpr absl::Duration kAwaitedAgain = absl::Seconds(5);

  struct Options {
    StreamLayout layout;
    uint32_t target_index = 0;             // our own
    std::vector<uint32_t> fellow_indexes;  // the fellow's place among the recipients, by line
    absl::Duration silence_max;
    Allowance allowance = {};  // for what is passed on
  };
  // `stored` is the machine's, and outlives this: what may be passed on.
  FellowLines(Options options, const ChunkSet& stored, absl::Duration now);

  bool empty() const { return fellows_.empty(); }

  Effects OnConnected(size_t line, absl::Duration now);
  void OnUnreachable(size_t line, absl::Duration now);
  // All but chunks.
  Effects OnMessage(size_t line, const v1::BulkMessage& message, absl::Duration now);
  // Whether the chunk was asked of this fellow and is to be taken; if neither that nor here
  // already, the line ends. Its place in the stream has been checked.
  bool TakeChunk(size_t line, uint32_t index, bool here, absl::Duration now, Effects& effects);
  // A chunk of this fellow was not what the source has signed, or anything else that ends the line;
  // OK if it is only done.
  Effects Shun(size_t line, const Status& why);
  // What this fellow has sent is durable.
  void OnStored(size_t line, uint32_t index, absl::Duration now);
  // Tells all what has been stored.
  Effects Announce(const std::vector<uint32_t>& stored, absl::Duration now);
  Effects OnRead(const ChunkToRead& reading, StatusOr<SealedChunk> chunk, absl::Duration now);
  Effects OnTime(absl::Duration now);
  // Nothing is passed on from here, and nothing needed: each fellow hears that by Closed, now or
  // when it comes.
  Effects Leave();
  // To all that are there.
  void TellEnd(const Status& why, Effects& effects);

  // How many chunks fellows could be asked for now, up to `most`, if they have them.
  uint32_t Askable(uint32_t most) const;
  // Asks for so many that are not `here`, the lowest first.
  Effects Ask(const ChunkSet& here, uint32_t chunks, absl::Duration now);
  // Asked for, of fellows that are still waited for.
  uint32_t asked() const;
  // Fellows of which something is waited for.
  int busy() const;
  bool IsAsked(uint32_t index) const;

  // Fellows that can be counted upon to pass chunks on, now or shortly: by their places.
  std::vector<uint32_t> Counted(absl::Duration now) const;
  bool AnyOpen() const;
  // When a fellow last said that it has something more.
  absl::Duration gained_at() const { return gained_at_; }
  // Whether one that is counted upon lacks chunks that it may have from here.
  bool AnyInNeed(absl::Duration now) const;

 private:
  struct Fellow {
    Fellow(uint32_t index, const StreamLayout& layout, absl::Duration now);
    uint32_t target_index;
    bool connected = false;
    bool open = false;  // what it has is known, over this connection
    bool met = false;   // there was a line
    bool shunned = false;
    bool passed_over = false;  // did not give in time what it was asked for
    ChunkSet has;
    std::set<uint32_t> asked;  // of it, and not come
    CreditWindow window;
    absl::Duration gone_at;
    absl::Duration heard_at;
    absl::Duration said_at;
    absl::Duration came_at;  // something that was asked for, or it was asked after nothing was
  };

  Effects Say(size_t line, v1::BulkMessage message, absl::Duration now);
  // What was asked over the line, from here and from there, is forgotten.
  void Close(size_t line, absl::Duration now);
  Effects OnOpen(size_t line, const v1::BulkOpen& open, absl::Duration now);
  Effects OnHave(size_t line, const v1::BulkHave& have, absl::Duration now);
  Effects OnFetch(size_t line, const v1::BulkFetch& fetch, absl::Duration now);
  Effects Serve(absl::Duration now);
  Effects OnTimeOf(size_t line, absl::Duration now);
  uint32_t FreeWindow(const Fellow& fellow) const;
  // These, and what somebody was asked for.
  ChunkSet Needless(const ChunkSet& here) const;
  absl::Duration Patience() const;
  absl::Duration SilenceAllowed(const Fellow& fellow) const;
  static bool IsCounted(const Fellow& fellow, absl::Duration now);

  const Options options_;
  const ChunkSet& stored_;
  std::vector<Fellow> fellows_;
  FellowServer server_;
  absl::Duration gained_at_;
  size_t first_in_turn_ = 0;
  bool left_ = false;
  absl::Duration usual_way_;  // between two chunks of a fellow; zero before the first
};

}  // namespace sluice::transfer
