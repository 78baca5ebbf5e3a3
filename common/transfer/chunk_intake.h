// What the thread of an incoming transfer does: chunks are checked, stored, opened and hashed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/crypto/digest.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/incoming_transfer.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/spool_file.h"

namespace sluice::transfer {

// Run() is the thread's body; the carriage's end ends it.
class ChunkIntake {
 public:
  // `file` may have a header and chunks that an earlier process has left.
  ChunkIntake(IncomingOptions options, std::shared_ptr<SpoolFile> file,
              std::shared_ptr<IncomingCarriage> carriage, std::shared_ptr<LoopCalls> loop);

  // Until the whole droplet is stored and its digest holds, or the transfer is over. Failures of
  // the stream end the transfer at both ends; those of this process's disk are its own, and the
  // source waits.
  void Run();

 private:
  Status Work();
  // The stream's key out of its header; then its chunks are asked for.
  Status OpenStream(const std::string& header);
  StatusOr<Secret> UnwrapKey(const std::string& header) const;
  // Checks, writes, syncs; then they are credit again.
  Status Store(std::vector<ChunkArrived> chunks);
  // One that is not what the source has signed: its sender is to blame.
  void Blame(const ChunkArrived& arrived, const Status& why);
  bool CanOpenNext() const;
  // Opens and hashes the next chunk in the droplet's order.
  Status OpenNext();
  Status Verify();

  const IncomingOptions options_;
  const std::shared_ptr<SpoolFile> file_;
  const std::shared_ptr<IncomingCarriage> carriage_;
  const std::shared_ptr<LoopCalls> loop_;
  std::optional<ChunkOpener> opener_;
  ChunkSet stored_;                        // durable
  uint32_t opened_ = 0;                    // chunks from the first on, in hash_
  std::map<uint32_t, SealedChunk> fresh_;  // of the latest batch: not to be read from disk
  crypto::Sha256 hash_;
};

}  // namespace sluice::transfer
