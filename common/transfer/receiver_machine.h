// A target's end of a transfer: asks for chunks by index, within its credit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// Its states: meeting (nobody there), opening (asks for the header), reading (the header holds;
// chunks are asked for), verified (all bytes hold; says so until the source has heard it), ended.
class ReceiverMachine final : public StreamMachine {
 public:
  struct Options {
    StreamLayout layout;
    uint32_t target_index = 0;
    absl::Duration silence_max;
  };
  ReceiverMachine(Options options, absl::Duration now);

  // The header is signed, is the one expected, and its key opened. Then Grant() asks for chunks.
  void OnHeaderOpened();
  // `used` chunks that ChunkArrived gave are done with; asks for more while fewer than `window`
  // are asked for and not used. At most kCreditChunksMax.
  Effects Grant(uint32_t used, uint32_t window, absl::Duration now);
  // Every chunk opened and the digest of the whole holds.
  Effects OnDigestHolds(const crypto::Sha256Digest& sha256, absl::Duration now);

  // Asked for and not yet used.
  uint32_t outstanding() const { return outstanding_; }
  bool reading() const { return state_ == State::kReading; }

  Effects OnConnected(size_t peer, absl::Duration now) override;
  void OnUnreachable(size_t peer, const Status& why) override;
  // Refused by name, which ends the transfer. Aborted: "wrong-transfer", "unexpected-message",
  // "header-changed"; Unavailable "peer-unreachable": the source is there again, over a new
  // connection, and what was under way on the old one is lost; DataLoss: "chunk-out-of-range",
  // "chunk-not-asked", "chunk-twice", "chunk-wrong-length".
  Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                    absl::Duration now) override;
  // "peer-silent", or why the source was last unreachable. After OnDigestHolds() silence ends the
  // transfer well: the bytes hold, whether or not the source has heard of it.
  Effects OnTime(absl::Duration now) override;
  // No effect after OnDigestHolds(): there is nothing left to give up.
  Effects GiveUp(const Status& why) override;
  bool MayMeetAgain(size_t peer) const override;

 private:
  enum class State { kMeeting, kOpening, kReading, kVerified, kEnded };
  enum class Chunk : uint8_t { kNotAsked, kAsked, kArrived };

  Effects OnHeader(std::string bytes);
  Effects OnChunk(const v1::BulkChunk& chunk, std::string sealed);
  Effects Say(v1::BulkMessage message, absl::Duration now);
  Effects End(const Status& why);

  const Options options_;
  const absl::Duration repeat_every_;  // Open and Verified, until they are answered
  const absl::Duration ping_every_;
  State state_ = State::kMeeting;
  bool connected_ = false;
  bool heard_ = false;
  absl::Duration heard_at_;
  absl::Duration said_at_;
  Status trouble_;
  std::string header_;
  crypto::Sha256Digest sha256_;
  std::vector<Chunk> chunks_;              // by index
  std::map<uint32_t, SealedChunk> early_;  // arrived before one that comes first
  uint32_t next_asked_ = 0;                // all before have been asked for
  uint32_t next_given_ = 0;                // all before have been given by ChunkArrived
  uint32_t arrived_ = 0;
  uint32_t outstanding_ = 0;
};

}  // namespace sluice::transfer
