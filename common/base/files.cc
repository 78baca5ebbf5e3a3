#include "common/base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  bool valid() const { return descriptor_ >= 0; }

 private:
  const int descriptor_;
};

Status SystemError(std::string_view doing, const std::string& path, int error) {
  const std::string message =
      absl::StrCat("cannot ", ToAbsl(doing), " ", path, ": ", strerror(error));
  switch (error) {
    case ENOENT:
      return NamedError(StatusCode::kNotFound, "no-file", message);
    case EEXIST:
      return NamedError(StatusCode::kAlreadyExists, "file-exists", message);
    case EACCES:
    case EPERM:
      return NamedError(StatusCode::kPermissionDenied, "file-not-permitted", message);
    case ENOSPC:
    case EDQUOT:
      return NamedError(StatusCode::kResourceExhausted, "disk-full", message);
    default:
      return NamedError(StatusCode::kInternal, "disk-failed", message);
  }
}

StatusOr<std::string> ReadAll(int descriptor, const std::string& path, size_t bytes_max) {
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", path, errno);
    if (count == 0) return content;
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > bytes_max) {
      return NamedError(
          StatusCode::kResourceExhausted, "file-too-large",
          absl::StrCat(path, " is larger than the ", bytes_max, " bytes allowed for it"));
    }
  }
}

Status WriteAll(int descriptor, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(descriptor, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("write", path, errno);
    content.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(descriptor) != 0) return SystemError("sync", path, errno);
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status SyncFolder(const std::string& path) {
  const Descriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return SystemError("open", path, errno);
  if (fsync(folder.get()) != 0) return SystemError("sync", path, errno);
  return absl::OkStatus();
}

// Writes `path`'s content under a name that only this call uses, ready to be renamed or linked.
StatusOr<std::string> WriteBeside(const std::string& path, std::string_view content,
                                  FileAccess access) {
  static std::atomic<uint64_t> calls{0};  // two threads may replace the same file
  const std::string beside = absl::StrCat(path, ".", getpid(), "-", ++calls, ".partial");
  unlink(beside.c_str());
  const mode_t mode = access == FileAccess::kOwnerOnly ? 0600 : 0644;
  const Descriptor file(
      open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  // Messages name the file that was asked for: the other is there only for a moment.
  if (!file.valid()) return SystemError("create", path, errno);
  Status written = WriteAll(file.get(), path, content);
  if (written.ok() && fchmod(file.get(), mode) != 0) {
    written = SystemError("set the mode of", path, errno);
  }
  if (!written.ok()) {
    unlink(beside.c_str());
    return written;
  }
  return beside;
}

class SystemRandomAccessFile final : public RandomAccessFile {
 public:
  SystemRandomAccessFile(int descriptor, std::string path)
      : descriptor_(descriptor), path_(std::move(path)) {}

  StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) const override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = pread(descriptor_.get(), bytes.data() + done, bytes.size() - done,
                                  static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("read", path_, errno);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Status Write(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return absl::OkStatus();
  }

  Status Allocate(uint64_t bytes) override {
    if (bytes == 0) return absl::OkStatus();
    int error = EINTR;
    while (error == EINTR) {
      error = posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(bytes));
    }
    if (error != 0) return SystemError("make room for", path_, error);
    return absl::OkStatus();
  }

  Status Sync() override {
    if (!sync_failed_ && fdatasync(descriptor_.get()) == 0) return absl::OkStatus();
    const int error = sync_failed_.exchange(true) ? EIO : errno;
    return SystemError("sync", path_, error);
  }

  StatusOr<uint64_t> Size() const override {
    struct stat facts {};
    if (fstat(descriptor_.get(), &facts) != 0) return SystemError("look at", path_, errno);
    return static_cast<uint64_t>(facts.st_size);
  }

 private:
  const Descriptor descriptor_;
  const std::string path_;
  std::atomic<bool> sync_failed_{false};
};

}  // namespace

StatusOr<std::string> SystemFiles::Read(const std::string& path, size_t bytes_max) const {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return SystemError("open", path, errno);
  return ReadAll(file.get(), path, bytes_max);
}

StatusOr<std::string> SystemFiles::ReadPrivate(const std::string& path, size_t bytes_max) const {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ELOOP) {
      return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                        absl::StrCat(path, " is a symbolic link; give the file itself"));
    }
    return SystemError("open", path, errno);
  }
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0) return SystemError("look at", path, errno);
  if (!S_ISREG(facts.st_mode)) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " is not a regular file"));
  }
  if (facts.st_uid != geteuid() && facts.st_uid != 0) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " belongs to another user (uid ", facts.st_uid, ")"));
  }
  if ((facts.st_mode & 077) != 0) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " may be used by group or others; run: chmod 600 ", path));
  }
  return ReadAll(file.get(), path, bytes_max);
}

Status SystemFiles::Replace(const std::string& path, std::string_view content, FileAccess access) {
  SLUICE_ASSIGN_OR_RETURN(const std::string beside, WriteBeside(path, content, access));
  if (rename(beside.c_str(), path.c_str()) != 0) {
    const Status failed = SystemError("replace", path, errno);
    unlink(beside.c_str());
    return failed;
  }
  return SyncFolder(FolderOf(path));
}

Status SystemFiles::Create(const std::string& path, std::string_view content, FileAccess access) {
  SLUICE_ASSIGN_OR_RETURN(const std::string beside, WriteBeside(path, content, access));
  // link(2) refuses an existing name, which rename(2) would replace.
  const int linked = link(beside.c_str(), path.c_str());
  const int error = errno;
  unlink(beside.c_str());
  if (linked != 0) return SystemError("create", path, error);
  return SyncFolder(FolderOf(path));
}

StatusOr<std::unique_ptr<RandomAccessFile>> SystemFiles::OpenRandomAccess(const std::string& path,
                                                                          FileOpening opening) {
  // O_NONBLOCK: opening a pipe must not wait; regular files do not mind.
  const int access = opening == FileOpening::kReadOnly ? O_RDONLY : O_RDWR | O_NOFOLLOW;
  const int flags = access | O_CLOEXEC | O_NONBLOCK;
  const bool may_exist = opening != FileOpening::kNew;
  int descriptor = may_exist ? open(path.c_str(), flags) : -1;
  const bool create = !may_exist || (descriptor < 0 && errno == ENOENT &&  //
                                     opening == FileOpening::kEither);
  if (create) descriptor = open(path.c_str(), flags | O_CREAT | O_EXCL, 0600);
  const int error = errno;
  if (descriptor < 0 && (error == ELOOP || error == EISDIR || error == ENXIO)) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " is a symbolic link or no regular file"));
  }
  if (descriptor < 0) return SystemError("open", path, error);
  auto file = std::make_unique<SystemRandomAccessFile>(descriptor, path);
  struct stat facts {};
  if (fstat(descriptor, &facts) != 0) return SystemError("look at", path, errno);
  if (!S_ISREG(facts.st_mode)) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " is not a regular file"));
  }
  if (create) SLUICE_RETURN_IF_ERROR(SyncFolder(FolderOf(path)));
  return file;
}

Status SystemFiles::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return SystemError("rename", from, errno);
  return SyncFolder(FolderOf(to));
}

Status SystemFiles::MakeFolder(const std::string& path) {
  std::string made;
  for (const auto& part : std::filesystem::path(path)) {
    made = made.empty() ? part.string() : (std::filesystem::path(made) / part).string();
    if (made.empty() || made == "/") continue;
    if (mkdir(made.c_str(), 0700) == 0) {
      SLUICE_RETURN_IF_ERROR(SyncFolder(FolderOf(made)));
    } else if (errno != EEXIST) {
      return SystemError("make the folder", made, errno);
    }
  }
  return absl::OkStatus();
}

Status SystemFiles::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return SystemError("remove", path, errno);
  return SyncFolder(FolderOf(path));
}

Status SystemFiles::RemoveFolder(const std::string& path) {
  if (rmdir(path.c_str()) != 0) return SystemError("remove", path, errno);
  return SyncFolder(FolderOf(path));
}

StatusOr<std::vector<std::string>> SystemFiles::List(const std::string& path) const {
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return SystemError("list", path, errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

StatusOr<FileFacts> SystemFiles::Facts(const std::string& path) const {
  struct stat facts {};
  if (lstat(path.c_str(), &facts) != 0) return SystemError("look at", path, errno);
  return FileFacts{static_cast<uint64_t>(facts.st_size), absl::TimeFromTimespec(facts.st_mtim)};
}

StatusOr<uint64_t> SystemFiles::FreeBytes(const std::string& path) const {
  struct statvfs facts {};
  if (statvfs(path.c_str(), &facts) != 0) return SystemError("look at", path, errno);
  return static_cast<uint64_t>(facts.f_bavail) * facts.f_frsize;
}

}  // namespace sluice
