// What the two ends of a transfer have in common as state machines: events in, effects out.
//
// A machine knows no socket, thread or clock. Time comes with each event, as Clock::Monotonic()
// has it. Effects are to be carried out in their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/transfer/sealed_chunk.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::transfer {

// A receiver never has more chunks asked for and not yet stored, whatever its window in bytes. Of a
// queue of 320 messages (common/net/sockets.h) a sender may find as few as 160 free of an empty
// one: libzmq tells it of messages that were taken only once per half of the limit. So this many
// chunks and the messages between them never meet it.
inline constexpr uint32_t kCreditChunksMax = 128;

// A message that is lost with a broken connection is said again after this long.
inline constexpr absl::Duration kRepeatEveryMax = absl::Seconds(1);
// Several signs of life fit into the silence that the other side allows.
inline constexpr int kSignsOfLifePerSilence = 6;

// To the other end number `peer`.
struct MessageOut {
  size_t peer = 0;
  v1::BulkMessage message;
  std::string payload;
};
// Sender: these chunks are wanted and not at hand. To be read, sealed and given to OnChunkSealed().
struct ChunksWanted {
  std::vector<uint32_t> indexes;
};
// Receiver: the stream header, as it arrived. To be opened, then OnHeaderOpened() or GiveUp().
struct HeaderArrived {
  std::string bytes;
};
// Receiver: a chunk that was asked for, in any order. Not authenticated. To be checked and stored,
// then OnStored() or GiveUp().
struct ChunkArrived {
  SealedChunk chunk;
  size_t peer = 0;  // whom it came from
};
// Receiver: this chunk of the spool is wanted by the fellow receiver `peer`. To be read and given
// to OnChunkRead().
struct ChunkToRead {
  size_t peer = 0;
  uint32_t index = 0;
};
// The line to `peer` is of no use to the transfer any more, for this reason or since the peer is
// done. The transfer goes on: to be broken, and not made again.
struct LineOver {
  size_t peer = 0;
  Status why;
};
// The connection to `peer` gives no sign of life: to be broken, and made again by whoever dials.
struct HungUp {
  size_t peer = 0;
  Status why;
};
// The transfer is over at this end, well or for this cause. Nothing follows.
struct Ended {
  Status why;
};

using Effect = std::variant<MessageOut, ChunksWanted, HeaderArrived, ChunkArrived, ChunkToRead,
                            HungUp, LineOver, Ended>;
using Effects = std::vector<Effect>;
inline void Append(Effects& effects, Effects more) {
  std::move(more.begin(), more.end(), std::back_inserter(effects));
}

// What may be sent of what others take: as much as the rates allow.
struct Allowance {
  // Whether so many bytes may go now: they are then spent. If not, OnTime() comes when they may.
  std::function<bool(uint64_t bytes)> may_go = [](uint64_t) { return true; };
  // These go in any case: later ones wait for them.
  std::function<void(uint64_t bytes)> goes = [](uint64_t) {};
};

class StreamMachine {
 public:
  virtual ~StreamMachine() = default;

  // A new connection: from now on messages reach `peer`, which need not know it yet.
  virtual Effects OnConnected(size_t peer, absl::Duration now) = 0;
  // The connection to `peer` is gone, and what was under way on it; the transfer waits for another.
  virtual void OnUnreachable(size_t peer, const Status& why) = 0;
  virtual Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                            absl::Duration now) = 0;
  // At least a few times in each silence_max.
  virtual Effects OnTime(absl::Duration now) = 0;
  // There will be no connection to `peer`, for this reason. Ends the transfer, if it needs that.
  virtual Effects OnRefused(size_t peer, const Status& why) = 0;
  // Ends the transfer from this side, and tells the other ends why. `why` is an error.
  virtual Effects GiveUp(const Status& why) = 0;
  // Ends the transfer in this process alone: nobody is told, and the other ends wait for the next.
  virtual void Abandon() = 0;

  // To any other end, at present.
  virtual bool connected() const = 0;
  // Sealed bytes of chunks that went, or were asked for, more than once.
  virtual uint64_t bytes_again() const = 0;
};

}  // namespace sluice::transfer
