// The source's end of a transfer, to one receiver or many: hands out chunks to whoever has credit.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_choice.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// A chunk that one receiver was sent is kept for the others while there is room: receivers that go
// side by side cost one reading.
inline constexpr uint64_t kKeptBytesMax = 4 << 20;

// Receivers say what they have and how much more they take; which chunk goes to whom is for
// ChunkChoice to say. Credit that finds no chunk is kept until there is one. ChunksWanted names
// each chunk once until OnChunkSealed() brings it. The transfer ends well when every receiver has
// said that the whole digest holds, and fails for all when one fails; a receiver that is away is
// waited for.
class SenderMachine final : public StreamMachine {
 public:
  struct Options {
    StreamLayout layout;
    std::string header;  // as SerializeHeader() gives it
    size_t receivers = 1;
    crypto::Sha256Digest droplet_sha256;
    absl::Duration silence_max;
    Allowance allowance = {};
  };
  SenderMachine(Options options, absl::Duration now);

  // One of ChunksWanted, to whoever still wants it.
  Effects OnChunkSealed(SealedChunk chunk, absl::Duration now);

  Effects OnConnected(size_t peer, absl::Duration now) override;
  void OnUnreachable(size_t peer, const Status& why) override;
  // Refused by name, which ends the transfer. Aborted: "wrong-transfer", "unexpected-message",
  // "wrong-target-index", "wrong-fellow", "chunk-asked-out-of-range", "chunk-stored-out-of-range",
  // "credit-exceeded" (more than kCreditChunksMax that may be sent, or were and are not stored);
  // DataLoss "chunk-map-malformed", "verified-mismatch" (another digest or length).
  Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                    absl::Duration now) override;
  Effects OnTime(absl::Duration now) override;
  Effects OnRefused(size_t, const Status& why) override { return GiveUp(why); }
  Effects GiveUp(const Status& why) override;
  void Abandon() override { ended_ = true; }
  bool connected() const override;
  uint64_t bytes_again() const override { return bytes_again_; }

 private:
  struct Receiver {
    bool connected = false;
    bool open = false;  // on this connection
    bool verified = false;
    bool told_fellows = false;
    absl::Duration heard_at;
    uint32_t credit = 0;       // chunks that it takes, of our choosing
    std::set<uint32_t> asked;  // handed to it and not sent yet
    ChunkSet sent;  // over all connections: for the figures, and to keep what others lack
  };

  Effects OnOpen(size_t peer, const v1::BulkOpen& open, absl::Duration now);
  Effects OnCredit(size_t peer, const v1::BulkCredit& credit, absl::Duration now);
  Effects OnFetch(size_t peer, const v1::BulkFetch& fetch, absl::Duration now);
  Effects OnFellows(size_t peer, const v1::BulkFellows& fellows, absl::Duration now);
  Effects OnVerified(size_t peer, const v1::BulkVerified& verified, absl::Duration now);
  // Uses what credit there is, a chunk for each receiver in turn, as far as the allowance goes.
  Effects HandOut(absl::Duration now);
  // To be sent to `peer` now, or when it has been sealed.
  void Give(size_t peer, uint32_t index, absl::Duration now, Effects& effects,
            ChunksWanted& wanted);
  // What this receiver was to be sent it is not sent.
  void CloseLine(size_t peer);
  bool CreditExceeded(size_t peer) const;
  MessageOut ChunkOut(size_t peer, const SealedChunk& chunk, std::string sealed,
                      absl::Duration now);
  // The first chunk that is kept or being read while there are others to read for.
  std::optional<uint32_t> ReadingForOthersAt(size_t peer) const;
  void Keep(SealedChunk chunk);
  bool WantedLater(uint32_t index) const;

  const Options options_;
  std::vector<Receiver> receivers_;
  ChunkChoice choice_;
  size_t first_in_turn_ = 0;
  std::set<uint32_t> ordered_;            // in ChunksWanted, and not come yet
  std::map<uint32_t, SealedChunk> kept_;  // by index
  std::deque<uint32_t> kept_order_;       // oldest first
  uint64_t bytes_again_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::transfer
