// A disk in memory that knows what was synced: power can be lost at any step, it can be full, and
// it can fail or rot on demand. Sparse, so files of many GiB cost what was written of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/random.h"

namespace sluice {

// Outlives the files that it opened. Paths are taken as they are written; "/" is there.
class FakeFiles final : public Files {
 public:
  enum class Operation { kRead, kWrite, kSync };

  // A disk writes whole sectors: what was not synced is torn between them, never within.
  static constexpr uint64_t kSectorBytes = 512;
  static constexpr uint64_t kPageBytes = 4096;

  // The next `times` of these fail by "disk-failed", as by EIO.
  void Fail(Operation operation, int times);
  // How much more may be written.
  void SetFreeBytes(uint64_t bytes);
  void SetNow(absl::Time now);
  // Flips one bit of the file on the disk: bit 0 is the highest of its first byte.
  void FlipBit(const std::string& path, uint64_t bit);

  // Each change of a file, a name or of what is durable is a step.
  uint64_t steps() const;
  // Everything from the `step`-th step from now on (1: the next) fails, until Crash() or Kill(). Of
  // the step itself a change is made, but nothing becomes durable.
  void StopAtStep(uint64_t step);
  // The power fails and comes back: by the seed, what was not synced is there, is not, or partly.
  // Files that were open are dead.
  void Crash(uint64_t seed);
  // The process dies and the machine stays: all that was written is there. Open files are dead.
  void Kill();

  // Of all files, in memory.
  uint64_t pages() const;

  StatusOr<std::string> Read(const std::string& path, size_t bytes_max) const override;
  StatusOr<std::string> ReadPrivate(const std::string& path, size_t bytes_max) const override;
  Status Replace(const std::string& path, std::string_view content, FileAccess access) override;
  Status Create(const std::string& path, std::string_view content, FileAccess access) override;
  StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path,
                                                               FileOpening opening) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status MakeFolder(const std::string& path) override;
  Status Remove(const std::string& path) override;
  Status RemoveFolder(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& path) const override;
  StatusOr<FileFacts> Facts(const std::string& path) const override;
  StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

 private:
  class OpenFile;
  using Pages = std::map<uint64_t, std::string>;
  struct Inode {
    Pages now;
    Pages durable;
    std::set<uint64_t> dirty;  // pages of `now` that `durable` does not have so
    uint64_t bytes = 0;
    uint64_t durable_bytes = 0;
    uint64_t reserved_pages = 0;  // from the beginning, by Allocate()
    bool sync_failed = false;
    FileAccess access = FileAccess::kOwnerOnly;
    absl::Time modified;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // A change of names in one folder that happens as a whole or not at all. No inode: removed.
  struct NameChange {
    std::string folder;
    Names names;
  };

  Status AliveLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status StepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status FailureLocked(Operation operation) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StatusOr<std::shared_ptr<Inode>> FindLocked(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status ChangeNamesLocked(NameChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status SyncFolderLocked(const std::string& folder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status WriteLocked(Inode& inode, uint64_t offset, std::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status AllocateLocked(Inode& inode, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status SyncLocked(Inode& inode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StatusOr<size_t> ReadLocked(const Inode& inode, uint64_t offset, std::span<char> bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StatusOr<std::string> ReadAllLocked(const std::string& path, size_t bytes_max,
                                      bool is_private) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status PutLocked(const std::string& path, std::string_view content, FileAccess access)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t TakenLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t FreeLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void LosePower(Inode& inode, Random& random);

  mutable Mutex mutex_;
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names durable_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> unsynced_names_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> folders_ ABSL_GUARDED_BY(mutex_){"/"};
  uint64_t capacity_ ABSL_GUARDED_BY(mutex_) = uint64_t{1} << 50;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
  mutable std::map<Operation, int> failures_ ABSL_GUARDED_BY(mutex_);
  uint64_t steps_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> stop_at_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t starts_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
