// An exported droplet on its way into a file: written under a temporary name while it arrives, and
// under its own only when the whole digest holds.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/thread.h"
#include "common/transfer/bulk_exchange.h"
#include "coordinator/cli/destination.h"

namespace sluice::cli {

class DropletFile {
 public:
  // Begins to write what `transfer` brings, on a thread of its own. `files` is borrowed.
  DropletFile(Files& files, std::string temporary_file,
              std::unique_ptr<transfer::IncomingTransfer> transfer);
  // What is not published goes, and the source is told.
  ~DropletFile();
  DropletFile(const DropletFile&) = delete;
  DropletFile& operator=(const DropletFile&) = delete;

  // How the writing ended, if it has: OK when the file is whole on the disk, and its digest is the
  // order's.
  std::optional<Status> written() const;
  // Waits for that, at most so long.
  std::optional<Status> AwaitWritten(absl::Duration patience);
  // After written() was OK: the file gets its name.
  Status Publish(const std::string& file);
  // Then too: where it lies until it is published or this is destroyed.
  const std::string& temporary_file() const { return temporary_file_; }

 private:
  Status Write();

  Files& files_;
  const std::string temporary_file_;
  const std::unique_ptr<transfer::IncomingTransfer> transfer_;
  bool published_ = false;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::optional<Status> written_ ABSL_GUARDED_BY(mutex_);
  std::optional<Thread> thread_;  // last: joined before the rest goes
};

}  // namespace sluice::cli
