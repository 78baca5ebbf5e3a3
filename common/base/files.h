// The disk as the rest of Sluice sees it: one abstract class, so that tests can tear, fill and
// corrupt it. Paths are absolute or relative to the working directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace sluice {

// Who may read a file that is written: a key (0600) or anybody (0644).
enum class FileAccess { kOwnerOnly, kEveryone };

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

  // Makes the folder (0700) and those above it; one that exists is fine.
  virtual Status MakeFolder(const std::string& path) = 0;

  // NotFound "no-file" if there is none.
  virtual Status Remove(const std::string& path) = 0;

  // Names in the folder, sorted.
  virtual StatusOr<std::vector<std::string>> List(const std::string& path) const = 0;

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
  Status MakeFolder(const std::string& path) override;
  Status Remove(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& path) const override;
  StatusOr<uint64_t> FreeBytes(const std::string& path) const override;
};

}  // namespace sluice
