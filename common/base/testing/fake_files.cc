#include "common/base/testing/fake_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice {
namespace {

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

Status NoFile(const std::string& path) {
  return NamedError(StatusCode::kNotFound, "no-file", absl::StrCat("there is no ", path));
}

Status DiskFailed(std::string_view message) {
  return NamedError(StatusCode::kInternal, "disk-failed", message);
}

// Calls `part(page, offset in it, offset in the bytes, count)` for each page of a range.
template <typename Part>
void ForEachPage(uint64_t offset, uint64_t bytes, Part part) {
  uint64_t done = 0;
  while (done < bytes) {
    const uint64_t at = (offset + done) % FakeFiles::kPageBytes;
    const uint64_t count = std::min(FakeFiles::kPageBytes - at, bytes - done);
    part((offset + done) / FakeFiles::kPageBytes, at, done, count);
    done += count;
  }
}

}  // namespace

class FakeFiles::OpenFile final : public RandomAccessFile {
 public:
  OpenFile(FakeFiles& files, std::shared_ptr<Inode> inode, bool writable, uint64_t start)
      : files_(files), inode_(std::move(inode)), writable_(writable), start_(start) {}

  StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) const override {
    MutexLock lock(files_.mutex_);
    SLUICE_RETURN_IF_ERROR(Usable());
    return files_.ReadLocked(*inode_, offset, bytes);
  }
  Status Write(uint64_t offset, std::string_view bytes) override {
    MutexLock lock(files_.mutex_);
    SLUICE_RETURN_IF_ERROR(Usable());
    if (!writable_) return DiskFailed("was opened for reading");
    return files_.WriteLocked(*inode_, offset, bytes);
  }
  Status Allocate(uint64_t bytes) override {
    MutexLock lock(files_.mutex_);
    SLUICE_RETURN_IF_ERROR(Usable());
    if (!writable_) return DiskFailed("was opened for reading");
    return files_.AllocateLocked(*inode_, bytes);
  }
  Status Sync() override {
    MutexLock lock(files_.mutex_);
    SLUICE_RETURN_IF_ERROR(Usable());
    return files_.SyncLocked(*inode_);
  }
  StatusOr<uint64_t> Size() const override {
    MutexLock lock(files_.mutex_);
    SLUICE_RETURN_IF_ERROR(Usable());
    return inode_->bytes;
  }

 private:
  Status Usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_.mutex_) {
    if (start_ != files_.starts_) return DiskFailed("was opened before a crash");
    return files_.AliveLocked();
  }

  FakeFiles& files_;
  const std::shared_ptr<Inode> inode_;
  const bool writable_;
  const uint64_t start_;
};

void FakeFiles::Fail(Operation operation, int times) {
  MutexLock lock(mutex_);
  failures_[operation] = times;
}

void FakeFiles::SetFreeBytes(uint64_t bytes) {
  MutexLock lock(mutex_);
  capacity_ = TakenLocked() + bytes;
}

void FakeFiles::SetNow(absl::Time now) {
  MutexLock lock(mutex_);
  now_ = now;
}

void FakeFiles::FlipBit(const std::string& path, uint64_t bit) {
  MutexLock lock(mutex_);
  const auto inode = FindLocked(path);
  SLUICE_CHECK(inode.ok() && bit / 8 < (*inode)->bytes);
  const uint64_t page = bit / 8 / kPageBytes;
  for (Pages* pages : {&(*inode)->now, &(*inode)->durable}) {
    std::string& content = pages->try_emplace(page, kPageBytes, '\0').first->second;
    char& byte = content[bit / 8 % kPageBytes];
    byte = static_cast<char>(byte ^ (0x80 >> (bit % 8)));
  }
}

uint64_t FakeFiles::steps() const {
  MutexLock lock(mutex_);
  return steps_;
}

void FakeFiles::StopAtStep(uint64_t step) {
  MutexLock lock(mutex_);
  SLUICE_CHECK(step > 0);
  stop_at_ = steps_ + step;
}

void FakeFiles::Crash(uint64_t seed) {
  MutexLock lock(mutex_);
  SeededRandom random(seed);
  // Names change in the order in which they were changed, as in a journal.
  const uint64_t kept = random.Below(unsynced_names_.size() + 1);
  for (uint64_t i = 0; i < kept; ++i) {
    for (const auto& [path, inode] : unsynced_names_[i].names) durable_names_[path] = inode;
  }
  std::erase_if(durable_names_, [](const auto& entry) { return entry.second == nullptr; });
  unsynced_names_.clear();
  names_ = durable_names_;
  for (const auto& [path, inode] : names_) LosePower(*inode, random);
  stop_at_.reset();
  stopped_ = false;
  ++starts_;
}

void FakeFiles::Kill() {
  MutexLock lock(mutex_);
  stop_at_.reset();
  stopped_ = false;
  ++starts_;
}

uint64_t FakeFiles::pages() const {
  MutexLock lock(mutex_);
  uint64_t count = 0;
  for (const auto& [path, inode] : names_) count += inode->now.size() + inode->durable.size();
  return count;
}

void FakeFiles::LosePower(Inode& inode, Random& random) {
  for (const uint64_t page : inode.dirty) {
    std::string& kept = inode.durable.try_emplace(page, kPageBytes, '\0').first->second;
    const std::string& written = inode.now.at(page);
    const uint64_t fate = random.Below(3);  // lost, whole, torn
    for (uint64_t at = 0; at < kPageBytes; at += kSectorBytes) {
      if (fate == 1 || (fate == 2 && random.Below(2) == 0)) {
        kept.replace(at, kSectorBytes, written, at, kSectorBytes);
      }
    }
  }
  inode.dirty.clear();
  if (random.Below(2) == 0) inode.durable_bytes = inode.bytes;
  inode.bytes = inode.durable_bytes;
  const uint64_t whole_pages = inode.bytes / kPageBytes;
  const uint64_t rest = inode.bytes % kPageBytes;
  inode.durable.erase(inode.durable.lower_bound(whole_pages + (rest > 0 ? 1 : 0)),
                      inode.durable.end());
  if (const auto last = inode.durable.find(whole_pages); last != inode.durable.end()) {
    last->second.replace(rest, kPageBytes - rest, kPageBytes - rest, '\0');
  }
  inode.reserved_pages = std::min(inode.reserved_pages, whole_pages + (rest > 0 ? 1 : 0));
  inode.now = inode.durable;
  inode.sync_failed = false;
}

Status FakeFiles::AliveLocked() const {
  if (stopped_) return DiskFailed("the machine has stopped");
  return absl::OkStatus();
}

Status FakeFiles::StepLocked() {
  ++steps_;
  if (stop_at_ == steps_) stopped_ = true;
  return AliveLocked();
}

Status FakeFiles::FailureLocked(Operation operation) const {
  int& times = failures_[operation];
  if (times == 0) return absl::OkStatus();
  --times;
  return DiskFailed("input/output error, as the test asked for");
}

StatusOr<std::shared_ptr<FakeFiles::Inode>> FakeFiles::FindLocked(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return NoFile(path);
  return found->second;
}

Status FakeFiles::ChangeNamesLocked(NameChange change) {
  if (!folders_.contains(change.folder)) return NoFile(change.folder);
  for (const auto& [path, inode] : change.names) {
    if (inode == nullptr) {
      names_.erase(path);
    } else {
      names_[path] = inode;
    }
  }
  unsynced_names_.push_back(std::move(change));
  return StepLocked();
}

Status FakeFiles::SyncFolderLocked(const std::string& folder) {
  SLUICE_RETURN_IF_ERROR(FailureLocked(Operation::kSync));
  SLUICE_RETURN_IF_ERROR(StepLocked());
  for (const NameChange& change : unsynced_names_) {
    if (change.folder != folder) continue;
    for (const auto& [path, inode] : change.names) durable_names_[path] = inode;
  }
  std::erase_if(durable_names_, [](const auto& entry) { return entry.second == nullptr; });
  std::erase_if(unsynced_names_, [&](const auto& change) { return change.folder == folder; });
  return absl::OkStatus();
}

uint64_t FakeFiles::TakenLocked() const {
  uint64_t taken = 0;
  for (const auto& [path, inode] : names_) {
    const auto beyond = inode->now.lower_bound(inode->reserved_pages);
    taken += inode->reserved_pages + static_cast<uint64_t>(std::distance(beyond, inode->now.end()));
  }
  return taken * kPageBytes;
}

uint64_t FakeFiles::FreeLocked() const {
  const uint64_t taken = TakenLocked();
  return capacity_ > taken ? capacity_ - taken : 0;
}

Status FakeFiles::WriteLocked(Inode& inode, uint64_t offset, std::string_view bytes) {
  SLUICE_RETURN_IF_ERROR(FailureLocked(Operation::kWrite));
  uint64_t more = 0;
  ForEachPage(offset, bytes.size(), [&](uint64_t page, uint64_t, uint64_t, uint64_t) {
    if (page >= inode.reserved_pages && !inode.now.contains(page)) more += kPageBytes;
  });
  if (more > 0 && more > FreeLocked()) {
    return NamedError(StatusCode::kResourceExhausted, "disk-full", "no space left");
  }
  ForEachPage(offset, bytes.size(), [&](uint64_t page, uint64_t at, uint64_t done, uint64_t count) {
    std::string& content = inode.now.try_emplace(page, kPageBytes, '\0').first->second;
    content.replace(at, count, bytes.substr(done, count));
    inode.dirty.insert(page);
  });
  inode.bytes = std::max(inode.bytes, offset + bytes.size());
  inode.modified = now_;
  return StepLocked();
}

Status FakeFiles::AllocateLocked(Inode& inode, uint64_t bytes) {
  SLUICE_RETURN_IF_ERROR(FailureLocked(Operation::kWrite));
  const uint64_t pages = (bytes + kPageBytes - 1) / kPageBytes;
  if (pages > inode.reserved_pages) {
    const auto first = inode.now.lower_bound(inode.reserved_pages);
    const auto held = static_cast<uint64_t>(std::distance(first, inode.now.lower_bound(pages)));
    if ((pages - inode.reserved_pages - held) * kPageBytes > FreeLocked()) {
      return NamedError(StatusCode::kResourceExhausted, "disk-full", "no space left");
    }
    inode.reserved_pages = pages;
  }
  inode.bytes = std::max(inode.bytes, bytes);
  return StepLocked();
}

Status FakeFiles::SyncLocked(Inode& inode) {
  inode.sync_failed |= !FailureLocked(Operation::kSync).ok();
  if (inode.sync_failed) return DiskFailed("a sync has failed");
  SLUICE_RETURN_IF_ERROR(StepLocked());
  for (const uint64_t page : inode.dirty) inode.durable[page] = inode.now.at(page);
  inode.dirty.clear();
  inode.durable_bytes = inode.bytes;
  return absl::OkStatus();
}

StatusOr<size_t> FakeFiles::ReadLocked(const Inode& inode, uint64_t offset,
                                       std::span<char> bytes) const {
  SLUICE_RETURN_IF_ERROR(FailureLocked(Operation::kRead));
  if (offset >= inode.bytes) return size_t{0};
  const uint64_t wanted = std::min<uint64_t>(bytes.size(), inode.bytes - offset);
  ForEachPage(offset, wanted, [&](uint64_t page, uint64_t at, uint64_t done, uint64_t count) {
    const auto found = inode.now.find(page);
    if (found == inode.now.end()) {
      std::fill_n(bytes.data() + done, count, '\0');
    } else {
      std::copy_n(found->second.data() + at, count, bytes.data() + done);
    }
  });
  return static_cast<size_t>(wanted);
}

StatusOr<std::string> FakeFiles::ReadAllLocked(const std::string& path, size_t bytes_max,
                                               bool is_private) const {
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  SLUICE_ASSIGN_OR_RETURN(const auto inode, FindLocked(path));
  if (is_private && inode->access != FileAccess::kOwnerOnly) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " may be used by others"));
  }
  if (inode->bytes > bytes_max) {
    return NamedError(StatusCode::kResourceExhausted, "file-too-large",
                      absl::StrCat(path, " is larger than the ", bytes_max, " bytes allowed"));
  }
  std::string content(inode->bytes, '\0');
  SLUICE_RETURN_IF_ERROR(ReadLocked(*inode, 0, content).status());
  return content;
}

StatusOr<std::string> FakeFiles::Read(const std::string& path, size_t bytes_max) const {
  MutexLock lock(mutex_);
  return ReadAllLocked(path, bytes_max, false);
}

StatusOr<std::string> FakeFiles::ReadPrivate(const std::string& path, size_t bytes_max) const {
  MutexLock lock(mutex_);
  return ReadAllLocked(path, bytes_max, true);
}

// As SystemFiles does it: under another name first, synced, and then renamed.
Status FakeFiles::PutLocked(const std::string& path, std::string_view content, FileAccess access) {
  const std::string folder = FolderOf(path);
  const std::string beside = path + ".partial";
  auto inode = std::make_shared<Inode>();
  inode->access = access;
  inode->modified = now_;
  SLUICE_RETURN_IF_ERROR(ChangeNamesLocked({folder, {{beside, inode}}}));
  Status written = WriteLocked(*inode, 0, content);
  if (written.ok()) written = SyncLocked(*inode);
  if (!written.ok()) {
    if (AliveLocked().ok()) (void)ChangeNamesLocked({folder, {{beside, nullptr}}});
    return written;
  }
  SLUICE_RETURN_IF_ERROR(ChangeNamesLocked({folder, {{path, inode}, {beside, nullptr}}}));
  return SyncFolderLocked(folder);
}

Status FakeFiles::Replace(const std::string& path, std::string_view content, FileAccess access) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  return PutLocked(path, content, access);
}

Status FakeFiles::Create(const std::string& path, std::string_view content, FileAccess access) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  if (names_.contains(path)) {
    return NamedError(StatusCode::kAlreadyExists, "file-exists", absl::StrCat(path, " exists"));
  }
  return PutLocked(path, content, access);
}

StatusOr<std::unique_ptr<RandomAccessFile>> FakeFiles::OpenRandomAccess(const std::string& path,
                                                                        FileOpening opening) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  if (folders_.contains(path)) {
    return NamedError(StatusCode::kPermissionDenied, "file-too-open",
                      absl::StrCat(path, " is not a regular file"));
  }
  auto found = FindLocked(path);
  if (found.ok() && opening == FileOpening::kNew) {
    return NamedError(StatusCode::kAlreadyExists, "file-exists", absl::StrCat(path, " exists"));
  }
  if (!found.ok()) {
    if (opening == FileOpening::kExisting || opening == FileOpening::kReadOnly) {
      return found.status();
    }
    found = std::make_shared<Inode>();
    (*found)->modified = now_;
    SLUICE_RETURN_IF_ERROR(ChangeNamesLocked({FolderOf(path), {{path, *found}}}));
    SLUICE_RETURN_IF_ERROR(SyncFolderLocked(FolderOf(path)));
  }
  return std::make_unique<OpenFile>(*this, *found, opening != FileOpening::kReadOnly, starts_);
}

Status FakeFiles::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  SLUICE_CHECK(FolderOf(from) == FolderOf(to));
  SLUICE_ASSIGN_OR_RETURN(const auto inode, FindLocked(from));
  SLUICE_RETURN_IF_ERROR(ChangeNamesLocked({FolderOf(to), {{to, inode}, {from, nullptr}}}));
  return SyncFolderLocked(FolderOf(to));
}

Status FakeFiles::MakeFolder(const std::string& path) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  for (std::string folder = path; !folder.empty() && folder != "/"; folder = FolderOf(folder)) {
    if (names_.contains(folder)) {
      return NamedError(StatusCode::kAlreadyExists, "file-exists", absl::StrCat(folder, " exists"));
    }
    folders_.insert(folder);
  }
  return absl::OkStatus();
}

Status FakeFiles::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  SLUICE_RETURN_IF_ERROR(FindLocked(path).status());
  SLUICE_RETURN_IF_ERROR(ChangeNamesLocked({FolderOf(path), {{path, nullptr}}}));
  return SyncFolderLocked(FolderOf(path));
}

// Durable at once, as folders are made here.
Status FakeFiles::RemoveFolder(const std::string& path) {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  if (!folders_.contains(path)) return NoFile(path);
  for (const auto& [name, file] : names_) {
    if (FolderOf(name) == path) {
      return NamedError(StatusCode::kInternal, "disk-failed",
                        absl::StrCat("cannot remove ", path, ": it is not empty"));
    }
  }
  folders_.erase(path);
  return absl::OkStatus();
}

StatusOr<std::vector<std::string>> FakeFiles::List(const std::string& path) const {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  if (!folders_.contains(path)) return NoFile(path);
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) {
    if (FolderOf(name) == path) names.push_back(std::filesystem::path(name).filename().string());
  }
  return names;
}

StatusOr<FileFacts> FakeFiles::Facts(const std::string& path) const {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  SLUICE_ASSIGN_OR_RETURN(const auto inode, FindLocked(path));
  return FileFacts{inode->bytes, inode->modified};
}

StatusOr<uint64_t> FakeFiles::FreeBytes(const std::string& path) const {
  MutexLock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(AliveLocked());
  if (!folders_.contains(path) && !names_.contains(path)) return NoFile(path);
  return FreeLocked();
}

}  // namespace sluice
