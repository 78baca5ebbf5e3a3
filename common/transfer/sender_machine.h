// The source's end of a transfer, to one receiver or many: answers what each asks for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// A chunk that one receiver was sent is kept for the others while there is room: receivers that go
// side by side cost one reading.
inline constexpr uint64_t kKeptBytesMax = 4 << 20;

// Keeps no record of what was sent: receivers know what they lack, and may ask for it again, over
// another connection too. ChunksWanted names each chunk once until OnChunkSealed() brings it. The
// transfer ends well when every receiver has said that the whole digest holds, and fails for all
// when one fails; a receiver that is away is waited for.
class SenderMachine final : public StreamMachine {
 public:
  struct Options {
    StreamLayout layout;
    std::string header;  // as SerializeHeader() gives it
    size_t receivers = 1;
    crypto::Sha256Digest droplet_sha256;
    absl::Duration silence_max;
  };
  SenderMachine(Options options, absl::Duration now);

  // One of ChunksWanted, to whoever still wants it.
  Effects OnChunkSealed(SealedChunk chunk);

  Effects OnConnected(size_t peer, absl::Duration now) override;
  void OnUnreachable(size_t peer, const Status& why) override;
  // Refused by name, which ends the transfer. Aborted: "wrong-transfer", "unexpected-message",
  // "wrong-target-index", "chunk-asked-out-of-range", "credit-exceeded" (more than kCreditChunksMax
  // asked for and not sent); DataLoss "verified-mismatch" (another digest or length).
  Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                    absl::Duration now) override;
  Effects OnTime(absl::Duration now) override;
  Effects GiveUp(const Status& why) override;
  void Abandon() override { ended_ = true; }
  bool connected() const override;
  uint64_t bytes_again() const override { return bytes_again_; }

 private:
  struct Receiver {
    bool connected = false;
    bool open = false;  // on this connection
    bool verified = false;
    absl::Duration heard_at;
    std::set<uint32_t> asked;  // and not sent yet
    std::vector<bool> sent;    // by index, over all connections: for the figures alone
  };

  Effects OnOpen(size_t peer, const v1::BulkOpen& open);
  Effects OnFetch(size_t peer, const v1::BulkFetch& fetch);
  Effects OnVerified(size_t peer, const v1::BulkVerified& verified);
  MessageOut ChunkOut(size_t peer, const SealedChunk& chunk, std::string sealed);
  void Keep(SealedChunk chunk);
  bool WantedLater(uint32_t index) const;

  const Options options_;
  std::vector<Receiver> receivers_;
  std::set<uint32_t> ordered_;            // in ChunksWanted, and not come yet
  std::map<uint32_t, SealedChunk> kept_;  // by index
  std::deque<uint32_t> kept_order_;       // oldest first
  uint64_t bytes_again_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::transfer
