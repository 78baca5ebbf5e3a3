// The source's end of a transfer, to one receiver or many: hands out each chunk once.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

// Chunks come sealed and in order from OnChunkSealed(); each is held until every receiver has asked
// for it and it was sent to them. Whoever seals goes on as ChunkReleased tells, which bounds what
// is held. The transfer ends well when every receiver has said that the whole digest holds, and
// fails for all when it fails for one.
class SenderMachine final : public StreamMachine {
 public:
  struct Options {
    StreamLayout layout;
    std::string header;  // as SerializeHeader() gives it
    size_t receivers = 1;
    // What receivers must have found, if it is known here.
    std::optional<crypto::Sha256Digest> droplet_sha256;
    absl::Duration silence_max;
  };
  SenderMachine(Options options, absl::Duration now);

  // The next chunk, in order of index.
  Effects OnChunkSealed(SealedChunk chunk);

  Effects OnConnected(size_t peer, absl::Duration now) override;
  void OnUnreachable(size_t peer, const Status& why) override;
  // Refused by name, which ends the transfer. Aborted: "wrong-transfer", "unexpected-message",
  // "wrong-target-index", "chunk-asked-out-of-range", "chunk-asked-twice", "credit-exceeded" (more
  // than kCreditChunksMax asked for and not sent), "verified-too-early"; DataLoss
  // "verified-mismatch" (another digest or length).
  Effects OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                    absl::Duration now) override;
  // "peer-silent", or why a peer was last unreachable.
  Effects OnTime(absl::Duration now) override;
  Effects GiveUp(const Status& why) override;
  bool MayMeetAgain(size_t peer) const override;

 private:
  struct Receiver {
    bool connected = false;
    bool heard = false;
    bool open = false;
    bool verified = false;
    absl::Duration heard_at;
    Status trouble;
    std::set<uint32_t> asked;  // and not sent yet
    std::vector<bool> taken;   // by index: asked for once
    uint32_t sent = 0;
  };

  Effects OnOpen(size_t peer, const v1::BulkOpen& open);
  Effects OnFetch(size_t peer, const v1::BulkFetch& fetch);
  Effects OnVerified(size_t peer, const v1::BulkVerified& verified);
  // The held chunk to whoever waits for it; gives it up when nobody is left.
  void HandOut(uint32_t index, Effects& effects);

  const Options options_;
  std::vector<Receiver> receivers_;
  struct Held {
    SealedChunk chunk;
    size_t receivers_left;
  };
  std::map<uint32_t, Held> held_;
  uint32_t sealed_ = 0;  // chunks that have come from OnChunkSealed()
  bool ended_ = false;
};

}  // namespace sluice::transfer
