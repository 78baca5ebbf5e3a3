// The disk as the rest of Sluice sees it: one abstract class, so that tests can tear, fill and
// corrupt it. Paths are absolute or relative to the working directory.
//
// What a disk refuses is ResourceExhausted "disk-full" (no room, or the user's quota is used up) or
// Internal "disk-failed" (look at the disk).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice {

// Who may read a file that is written: a key (0600) or anybody (0644).
enum class FileAccess { kOwnerOnly, kEveryone };

// kReadOnly: an existing file that somebody else wrote and may have protected; nothing is written.
enum class FileOpening { kNew, kExisting, kEither, kReadOnly };

struct FileFacts {
  uint64_t bytes = 0;
  absl::Time modified;
};

// An open file that is read and written in place. Thread-safe; what is read while it is written is
// any mixture of before and after. Removing the file's name leaves it usable.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;

  // Fills `bytes` from `offset` on; returns less than asked for only where the file ends.
  virtual StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) const = 0;

  // All of `bytes`; beyond the end the file grows, and reads as zeros where nothing was written.
  // After a failure some of them may have been written.
  virtual Status Write(uint64_t offset, std::string_view bytes) = 0;

  // Makes the file at least `bytes` long, and takes the room for them on the disk. "disk-full"
  // leaves room taken that goes with the file.
  virtual Status Allocate(uint64_t bytes) = 0;

  // Returns when all that was written is on the disk. After one failure it fails for ever: the
  // kernel forgets what it could not write, and a second fsync would claim success.
  virtual Status Sync() = 0;

  virtual StatusOr<uint64_t> Size() const = 0;
};

// Thread-safe.
class Files {
 public:
  virtual ~Files() = default;

  // The whole file. NotFound "no-file"; ResourceExhausted "file-too-large" above bytes_max.
  virtual StatusOr<std::string> Read(const std::string& path, size_t bytes_max) const = 0;

  // As Read(), and refuses what others could have read or written: PermissionDenied
  // "file-too-open" unless it is a regular file, no symbolic link, owned by this user or root,
  // with no permission for group and others.
  virtual StatusOr<std::string> ReadPrivate(const std::string& path, size_t bytes_max) const = 0;

  // Replaces the file as a whole: a temporary name beside it, fsync, rename, fsync of the folder.
  // After a crash there is the old file or the new one.
  virtual Status Replace(const std::string& path, std::string_view content, FileAccess access) = 0;

  // As Replace(), but AlreadyExists "file-exists" if there is one: for keys, which are never
  // overwritten.
  virtual Status Create(const std::string& path, std::string_view content, FileAccess access) = 0;

  // A file of mode 0600, whose name is durable when this returns; closed with what it returns.
  // AlreadyExists "file-exists", NotFound "no-file"; PermissionDenied "file-too-open" for a
  // symbolic link (which kReadOnly follows) and whatever else is no regular file.
  virtual StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path,
                                                                       FileOpening opening) = 0;

  // Within one folder, replacing what is there; durable when it returns.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;

  // Makes the folder (0700) and those above it; one that exists is fine.
  virtual Status MakeFolder(const std::string& path) = 0;

  // Durable when it returns. NotFound "no-file" if there is none.
  virtual Status Remove(const std::string& path) = 0;

  // An empty folder; durable when it returns. NotFound "no-file" if there is none.
  virtual Status RemoveFolder(const std::string& path) = 0;

  // Names in the folder, sorted.
  virtual StatusOr<std::vector<std::string>> List(const std::string& path) const = 0;

  // NotFound "no-file" if there is none.
  virtual StatusOr<FileFacts> Facts(const std::string& path) const = 0;

  // Bytes that this user may still write on the file system of `path`.
  virtual StatusOr<uint64_t> FreeBytes(const std::string& path) const = 0;
};

// POSIX.
class SystemFiles final : public Files {
 public:
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
};

}  // namespace sluice
