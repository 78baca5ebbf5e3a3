// A target's end of a transfer: takes the chunks that it lacks, within its credit, from the source
// and from fellow targets, and passes on to these what it has.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/credit_window.h"
#include "common/transfer/fellow_lines.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// Its states: opening (asks for the header), reading (the header holds; the source has credit),
// verified (all bytes hold; says so until the source has heard it), ended. A connection may break
// in each of them: over the next one the source hears what is here, and has new credit. Verified,
// and heard by the source, it goes on to serve the fellows that it has lines to until they have
// all. Peer 0 is the source, the others are fellows in the order of Options::fellows.
class ReceiverMachine final : public StreamMachine {
 public:
  struct Options {
    StreamLayout layout;
    uint32_t target_index = 0;
    absl::Duration silence_max;
    // How many of `more` chunks this transfer may have under way besides the `outstanding` that it
    // has: the process's credit. Zero while others hold it all.
    std::function<uint32_t(uint32_t outstanding, uint32_t more)> credit;
    // Of these, so many were not used.
    std::function<void(uint32_t chunks)> give_back = [](uint32_t) {};
    // What an earlier process has left in the spool.
    std::string header;
    ChunkSet stored;
    std::vector<uint32_t> fellows = {};  // their places among the source's recipients
    Allowance allowance = {};            // for what is passed on to them
  };
  ReceiverMachine(Options options, absl::Duration now);

  // The header is signed, is the one expected, its key opened, and there is room for the stream.
  Effects OnHeaderOpened(absl::Duration now);
  // These have been checked, and are durable.
  Effects OnStored(const std::vector<uint32_t>& indexes, absl::Duration now);
  // One that `peer` sent is not what the source has signed. From the source, that ends the
  // transfer.
  Effects OnBadChunk(size_t peer, uint32_t index, const Status& why, absl::Duration now);
  // What ChunkToRead asked for, checked; or why not.
  Effects OnChunkRead(const ChunkToRead& reading, StatusOr<SealedChunk> chunk, absl::Duration now);
  // From now on nothing is passed on.
  Effects StopServing(absl::Duration now);
  // Every chunk opened and the digest of the whole holds.
  Effects OnDigestHolds(const crypto::Sha256Digest& sha256, absl::Duration now);

  // The source's credit, what was asked for by name, and what has arrived and is not yet stored.
  uint32_t outstanding() const;
  double bytes_per_second() const { return window_.rate(); }

  Effects OnConnected(size_t peer, absl::Duration now) override;
  void OnUnreachable(size_t peer, const Status& why) override;
  // From the source refused by name, which ends the transfer; from a fellow, the line. Aborted:
  // "wrong-transfer", "unexpected-message", "header-changed"; DataLoss: "chunk-out-of-range",
  // "chunk-not-asked", "chunk-twice", "chunk-wrong-length".
  Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                    absl::Duration now) override;
  Effects OnTime(absl::Duration now) override;
  // A fellow that cannot be reached is done without.
  Effects OnRefused(size_t peer, const Status& why) override;
  // No effect after OnDigestHolds(): there is nothing left to give up.
  Effects GiveUp(const Status& why) override;
  void Abandon() override { state_ = State::kEnded; }
  bool connected() const override { return connected_; }
  uint64_t bytes_again() const override {
    return chunks_again_ * (options_.layout.chunk_bytes + kSealBytes);
  }

 private:
  enum class State { kOpening, kReading, kVerified, kEnded };

  Effects OnHeader(std::string bytes, absl::Duration now);
  Effects OnChunk(const v1::BulkChunk& chunk, std::string sealed, absl::Duration now);
  Effects OnSourceMessage(const v1::BulkMessage& message, std::string payload, absl::Duration now);
  Effects OnFellowChunk(size_t peer, const v1::BulkChunk& chunk, std::string sealed,
                        absl::Duration now);
  Effects Take(size_t peer, const v1::BulkChunk& chunk, std::string sealed);
  // Uses what may be under way: the source has credit, and fellows are asked for the rest.
  Effects AskForMore(absl::Duration now);
  // How many chunks more the source may have credit for, of `room` that there is.
  uint32_t CreditFor(uint32_t room) const;
  // Tells the source who is counted upon, if that has changed.
  Effects TellFellows(absl::Duration now);
  // For a chunk that nobody brings, although the source has credit.
  Effects AskByName(absl::Duration now);
  bool MayLeave(absl::Duration now) const;
  Effects OnTimeOfSource(absl::Duration now);
  v1::BulkMessage Open();
  Effects Say(v1::BulkMessage message, absl::Duration now);
  Effects End(const Status& why);
  // The credit that the source had over the connection that is gone.
  void LoseCredit();
  absl::Duration SilenceAllowed() const;

  const Options options_;
  const absl::Duration repeat_every_;  // Open and Verified, until they are answered
  const absl::Duration ping_every_;
  State state_ = State::kOpening;
  bool connected_ = false;
  bool open_ = false;  // the header came over this connection
  absl::Duration heard_at_;
  absl::Duration said_at_;
  absl::Duration chunk_at_;            // the latest chunk came, or credit was given after none
  absl::Duration longest_chunk_time_;  // between two chunks, of late
  std::string header_;
  crypto::Sha256Digest sha256_;
  absl::Duration verified_at_;
  bool closed_ = false;                    // the source has heard it
  ChunkSet here_;                          // arrived, or stored
  ChunkSet stored_;                        // durable
  std::vector<uint32_t> not_told_;         // stored since the source was told what is
  std::map<uint32_t, size_t> arrived_of_;  // and not yet stored: whom from
  uint32_t credit_out_ = 0;    // chunks that the source may still send over this connection
  std::set<uint32_t> named_;   // asked of the source by index
  uint64_t chunks_again_ = 0;  // came twice; or credit that connections took with them
  CreditWindow window_;
  FellowLines fellows_;
  std::optional<std::vector<uint32_t>> told_fellows_;  // over this connection
  absl::Duration gained_at_;                           // the latest chunk came, from whomever
};

}  // namespace sluice::transfer
