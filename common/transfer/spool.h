// A process's spool: a folder with one file for each transfer into it, all together bounded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/transfer/signature.h"
#include "common/transfer/spool_file.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/transfer_id.h"

namespace sluice::transfer {

struct SpooledTransfer {
  TransferId transfer;
  uint64_t bytes = 0;   // of the file
  absl::Time modified;  // when a chunk was written last
};

// Thread-safe; outlives nothing: its files stay usable after it, and after Remove(), until they are
// closed; the room of a removed one is taken for as long. The folder is this spool's alone. Whoever
// uses a transfer has its one SpoolFile.
class Spool {
 public:
  // Makes the folder if need be, and removes what a crash left half made. Files there are counted
  // even if they are more than `bytes_max`. `files` is borrowed.
  static StatusOr<std::unique_ptr<Spool>> Open(Files& files, std::string folder,
                                               uint64_t bytes_max);

  // Whether the stream of such a droplet would be admitted now. FailedPrecondition
  // "spool-too-small": it will never be; ResourceExhausted "spool-full": not now; InvalidArgument
  // "stream-out-of-limits".
  Status CheckRoom(uint64_t droplet_bytes, uint32_t chunk_bytes) const;

  // Takes the room for the whole stream and makes its file, durable when this returns, or leaves
  // nothing. `header` may be empty: SpoolFile::SetHeader() when it has come. ResourceExhausted
  // "spool-full": bytes_max or the disk does not suffice, now; AlreadyExists "already-in-spool".
  StatusOr<std::unique_ptr<SpoolFile>> Admit(const StreamLayout& layout,
                                             std::string_view header = {});

  // SpoolFile::Load() of a transfer that was admitted once, by this process or another. The caller
  // checks the header, if there is one. NotFound "not-in-spool"; also for a file whose beginning is
  // damaged, which is removed then. DataLoss "spool-wrong-layout".
  StatusOr<std::unique_ptr<SpoolFile>> Resume(const StreamLayout& layout,
                                              const ChunkVerifier& verify);

  // NotFound "not-in-spool" if there is none.
  Status Remove(const TransferId& transfer);

  // In ascending order of transfer; for removing what nobody has written to for long.
  StatusOr<std::vector<SpooledTransfer>> List() const;

  uint64_t bytes_used() const;
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  // Shared with the files, which may outlive the spool.
  struct Usage {
    Mutex mutex;
    uint64_t bytes ABSL_GUARDED_BY(mutex) = 0;
  };
  // The room of one transfer. Held by its SpoolFile; given back when that is closed and the
  // transfer was removed, whichever is later.
  class Room;
  struct Entry {
    uint64_t bytes = 0;
    std::weak_ptr<Room> held;
  };

  Spool(Files& files, std::string folder, uint64_t bytes_max);

  std::string PathOf(const TransferId& transfer) const;
  Status TakeRoom(const TransferId& transfer, uint64_t bytes);
  void GiveBack(const TransferId& transfer);
  void LetHold(SpoolFile& file);
  StatusOr<std::unique_ptr<SpoolFile>> MakeFile(const StreamLayout& layout,
                                                std::string_view header);
  Status SpoolFull(uint64_t needed, uint64_t free, std::string_view where) const;

  Files& files_;
  const std::string folder_;
  const uint64_t bytes_max_;
  const std::shared_ptr<Usage> usage_ = std::make_shared<Usage>();
  mutable Mutex mutex_;  // before that of usage_
  std::map<TransferId, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::transfer
