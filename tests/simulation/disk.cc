#include "tests/simulation/disk.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::simulation {
namespace {

constexpr uint64_t kRoom = uint64_t{1} << 40;
constexpr uint64_t kRoomWhenFull = 4096;
constexpr size_t kInspectedMax = size_t{64} << 20;

}  // namespace

class Disk::SlowFile final : public RandomAccessFile {
 public:
  SlowFile(Disk& disk, std::unique_ptr<RandomAccessFile> file, bool spool)
      : disk_(disk), file_(std::move(file)), spool_(spool) {}

  StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) const override {
    return file_->Read(offset, bytes);
  }
  Status Write(uint64_t offset, std::string_view bytes) override {
    if (spool_ && disk_.world_.Has(Bug::kPlainSpool)) {
      std::string plain(bytes);
      if (plain.size() > kCanary.size()) plain.replace(0, kCanary.size(), kCanary);
      disk_.world_.witness.SeeOutside(plain, "on a disk");
      return file_->Write(offset, plain);
    }
    disk_.world_.witness.SeeOutside(bytes, "on a disk");
    return file_->Write(offset, bytes);
  }
  Status Allocate(uint64_t bytes) override { return file_->Allocate(bytes); }
  Status Sync() override {
    SLUICE_RETURN_IF_ERROR(disk_.Work());
    if (spool_ && disk_.world_.Has(Bug::kSpoolUnsynced)) return absl::OkStatus();
    return file_->Sync();
  }
  StatusOr<uint64_t> Size() const override { return file_->Size(); }

 private:
  Disk& disk_;
  const std::unique_ptr<RandomAccessFile> file_;
  const bool spool_;
};

Status Disk::Work() {
  world_.turns.Sleep(world_.Between(absl::Microseconds(50), absl::Milliseconds(12)));
  if (!dead_) return absl::OkStatus();
  return NamedError(StatusCode::kInternal, "disk-failed", "the machine is down");
}

void Disk::ForgetFiles(const std::string& folder) {
  const auto names = files_.List(folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const Status removed = files_.Remove(absl::StrCat(folder, "/", name));
    if (!removed.ok()) world_.trace.Note(Describe(removed));
  }
}

void Disk::SetFull(bool full) { files_.SetFreeBytes(full ? kRoomWhenFull : kRoom); }

void Disk::Inspect(const std::string& whose, const std::vector<std::string>& folders) const {
  for (const std::string& folder : folders) {
    const auto names = files_.List(folder);
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      const auto content = files_.Read(absl::StrCat(folder, "/", name), kInspectedMax);
      if (content.ok()) {
        world_.witness.SeeOutside(*content, absl::StrCat("in ", name, " on the disk of ", whose));
      }
    }
  }
}

Status Disk::Replace(const std::string& path, std::string_view content, FileAccess access) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.Replace(path, content, access);
}

Status Disk::Create(const std::string& path, std::string_view content, FileAccess access) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.Create(path, content, access);
}

Status Disk::Rename(const std::string& from, const std::string& to) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.Rename(from, to);
}

Status Disk::MakeFolder(const std::string& path) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.MakeFolder(path);
}

Status Disk::RemoveFolder(const std::string& path) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.RemoveFolder(path);
}

Status Disk::Remove(const std::string& path) {
  SLUICE_RETURN_IF_ERROR(Work());
  return files_.Remove(path);
}

StatusOr<std::unique_ptr<RandomAccessFile>> Disk::OpenRandomAccess(const std::string& path,
                                                                   FileOpening opening) {
  if (opening != FileOpening::kExisting) SLUICE_RETURN_IF_ERROR(Work());
  SLUICE_ASSIGN_OR_RETURN(auto file, files_.OpenRandomAccess(path, opening));
  const bool spool = path.find("/spool/") != std::string::npos;
  return std::make_unique<SlowFile>(*this, std::move(file), spool);
}

}  // namespace sluice::simulation
