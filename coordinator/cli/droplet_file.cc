#include "coordinator/cli/droplet_file.h"

#include <utility>
#include <vector>

#include "common/base/logging.h"

namespace sluice::cli {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

}  // namespace

DropletFile::DropletFile(Files& files, std::string temporary_file,
                         std::unique_ptr<transfer::IncomingTransfer> transfer)
    : files_(files), temporary_file_(std::move(temporary_file)), transfer_(std::move(transfer)) {
  thread_.emplace("droplet-file", [this] {
    const Status written = Write();
    // A disk that is full is no reason for the source to wait.
    if (!written.ok()) transfer_->Cancel(written);
    MutexLock lock(mutex_);
    written_ = written;
    changed_.NotifyAll();
  });
}

DropletFile::~DropletFile() {
  if (!published_) {
    transfer_->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "the export was given up"));
  }
  thread_.reset();
  if (published_) return;
  const Status removed = files_.Remove(temporary_file_);
  if (removed.ok() || absl::IsNotFound(removed)) return;
  LogStatus(LogLevel::kError, "temporary-file-not-removed", removed);
}

Status DropletFile::Write() {
  SLUICE_ASSIGN_OR_RETURN(const auto file,
                          files_.OpenRandomAccess(temporary_file_, FileOpening::kNew));
  const std::unique_ptr<transfer::ArrivingDroplet> droplet = transfer_->Open();
  std::vector<char> piece(kPieceBytes);
  uint64_t offset = 0;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const size_t bytes, droplet->Read(piece));
    if (bytes == 0) break;
    SLUICE_RETURN_IF_ERROR(file->Write(offset, {piece.data(), bytes}));
    offset += bytes;
  }
  SLUICE_RETURN_IF_ERROR(transfer_->AwaitVerified());
  return file->Sync();
}

std::optional<Status> DropletFile::written() const {
  MutexLock lock(mutex_);
  return written_;
}

std::optional<Status> DropletFile::AwaitWritten(absl::Duration patience) {
  MutexLock lock(mutex_);
  if (!written_) changed_.WaitFor(mutex_, patience);
  return written_;
}

Status DropletFile::Publish(const std::string& file) {
  SLUICE_RETURN_IF_ERROR(files_.Rename(temporary_file_, file));
  published_ = true;
  return absl::OkStatus();
}

}  // namespace sluice::cli
