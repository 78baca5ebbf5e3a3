#include "common/transfer/spool.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::transfer {
namespace {

constexpr std::string_view kSuffix = ".spool";
constexpr std::string_view kPartialSuffix = ".spool.partial";

Status NotInSpool(const TransferId& transfer, std::string_view why) {
  return NamedError(StatusCode::kNotFound, "not-in-spool",
                    absl::StrCat("transfer ", transfer.hex(), ": ", ToAbsl(why)));
}

}  // namespace

class Spool::Room {
 public:
  Room(std::shared_ptr<Usage> usage, uint64_t bytes) : usage_(std::move(usage)), bytes_(bytes) {}
  ~Room() {
    MutexLock lock(usage_->mutex);
    if (removed_) usage_->bytes -= bytes_;
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  void OnRemoved() {
    MutexLock lock(usage_->mutex);
    removed_ = true;
  }

 private:
  const std::shared_ptr<Usage> usage_;
  const uint64_t bytes_;
  bool removed_ = false;  // guarded by usage_->mutex
};

Spool::Spool(Files& files, std::string folder, uint64_t bytes_max)
    : files_(files), folder_(std::move(folder)), bytes_max_(bytes_max) {}

StatusOr<std::unique_ptr<Spool>> Spool::Open(Files& files, std::string folder, uint64_t bytes_max) {
  SLUICE_RETURN_IF_ERROR(files.MakeFolder(folder));
  std::unique_ptr<Spool> spool(new Spool(files, std::move(folder), bytes_max));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(spool->folder_));
  MutexLock lock(spool->mutex_);
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(spool->folder_, "/", name);
    if (name.ends_with(kPartialSuffix)) SLUICE_RETURN_IF_ERROR(files.Remove(path));
    if (!name.ends_with(kSuffix)) continue;
    const auto transfer = TransferId::FromHex(name.substr(0, name.size() - kSuffix.size()));
    if (!transfer.ok()) continue;
    SLUICE_ASSIGN_OR_RETURN(const FileFacts facts, files.Facts(path));
    spool->entries_[*transfer].bytes = facts.bytes;
    MutexLock usage_lock(spool->usage_->mutex);
    spool->usage_->bytes += facts.bytes;
  }
  return spool;
}

std::string Spool::PathOf(const TransferId& transfer) const {
  return absl::StrCat(folder_, "/", transfer.hex(), ToAbsl(kSuffix));
}

Status Spool::SpoolFull(uint64_t needed, uint64_t free, std::string_view where) const {
  return NamedError(
      StatusCode::kResourceExhausted, "spool-full",
      absl::StrFormat("the transfer needs %d bytes in the spool %s, and %s has %d free; wait for "
                      "other promotions to end, or make room",
                      needed, folder_, ToAbsl(where), free));
}

Status Spool::CheckRoom(uint64_t droplet_bytes, uint32_t chunk_bytes) const {
  SLUICE_ASSIGN_OR_RETURN(const StreamLayout layout,
                          StreamLayout::Cut(TransferId(), droplet_bytes, chunk_bytes));
  const uint64_t needed = SpoolFileBytes(layout);
  if (needed > bytes_max_) {
    return NamedError(
        StatusCode::kFailedPrecondition, "spool-too-small",
        absl::StrFormat(
            "the transfer needs %d bytes in the spool %s, which is limited to %d bytes: "
            "raise the agent's spool.bytes_max",
            needed, folder_, bytes_max_));
  }
  const uint64_t used = bytes_used();
  const uint64_t free = bytes_max_ > used ? bytes_max_ - used : 0;
  if (needed > free) {
    return SpoolFull(needed, free, absl::StrFormat("its limit of %d bytes", bytes_max_));
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t on_disk, files_.FreeBytes(folder_));
  if (needed > on_disk) return SpoolFull(needed, on_disk, "the disk");
  return absl::OkStatus();
}

Status Spool::TakeRoom(const TransferId& transfer, uint64_t bytes) {
  MutexLock lock(mutex_);
  if (entries_.contains(transfer)) {
    return NamedError(StatusCode::kAlreadyExists, "already-in-spool",
                      absl::StrCat("transfer ", transfer.hex(), " has a spool file; resume it"));
  }
  MutexLock usage_lock(usage_->mutex);
  const uint64_t free = bytes_max_ > usage_->bytes ? bytes_max_ - usage_->bytes : 0;
  if (bytes > free) {
    return SpoolFull(bytes, free, absl::StrFormat("its limit of %d bytes", bytes_max_));
  }
  entries_[transfer].bytes = bytes;
  usage_->bytes += bytes;
  return absl::OkStatus();
}

void Spool::GiveBack(const TransferId& transfer) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(transfer);
  if (found == entries_.end()) return;
  if (const auto held = found->second.held.lock()) {
    held->OnRemoved();
  } else {
    MutexLock usage_lock(usage_->mutex);
    usage_->bytes -= found->second.bytes;
  }
  entries_.erase(found);
}

void Spool::LetHold(SpoolFile& file) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[file.layout().transfer];
  const auto room = std::make_shared<Room>(usage_, entry.bytes);
  entry.held = room;
  file.Hold(room);
}

StatusOr<std::unique_ptr<SpoolFile>> Spool::Admit(const StreamLayout& layout,
                                                  std::string_view header) {
  // The room is taken before the slow work, which then need not hold up other transfers.
  SLUICE_RETURN_IF_ERROR(TakeRoom(layout.transfer, SpoolFileBytes(layout)));
  auto made = MakeFile(layout, header);
  if (!made.ok()) {
    GiveBack(layout.transfer);
    return made;
  }
  LetHold(**made);
  return made;
}

StatusOr<std::unique_ptr<SpoolFile>> Spool::MakeFile(const StreamLayout& layout,
                                                     std::string_view header) {
  const uint64_t needed = SpoolFileBytes(layout);
  // Asked first: allocating what is not there would fill the disk before it fails.
  SLUICE_ASSIGN_OR_RETURN(const uint64_t free, files_.FreeBytes(folder_));
  if (needed > free) return SpoolFull(needed, free, "the disk");
  const std::string path = PathOf(layout.transfer);
  const std::string partial =
      absl::StrCat(folder_, "/", layout.transfer.hex(), ToAbsl(kPartialSuffix));
  // One that could not be removed when it failed.
  if (const Status old = files_.Remove(partial); !old.ok() && ErrorName(old) != "no-file") {
    return old;
  }
  const auto make = [&]() -> StatusOr<std::unique_ptr<SpoolFile>> {
    SLUICE_ASSIGN_OR_RETURN(auto file, files_.OpenRandomAccess(partial, FileOpening::kNew));
    SLUICE_ASSIGN_OR_RETURN(auto made, SpoolFile::Make(std::move(file), layout, header));
    SLUICE_RETURN_IF_ERROR(files_.Rename(partial, path));
    return made;
  };
  auto made = make();
  if (made.ok()) return made;
  // Either may be there; the first failure is what the caller must know.
  files_.Remove(partial).IgnoreError();
  files_.Remove(path).IgnoreError();
  if (ErrorName(made.status()) == "disk-full") return SpoolFull(needed, free, "the disk");
  return made;
}

StatusOr<std::unique_ptr<SpoolFile>> Spool::Resume(const StreamLayout& layout,
                                                   const ChunkVerifier& verify) {
  const TransferId& transfer = layout.transfer;
  auto file = files_.OpenRandomAccess(PathOf(transfer), FileOpening::kExisting);
  if (ErrorName(file.status()) == "no-file") {
    return NotInSpool(transfer, "has no spool file; it begins anew");
  }
  if (!file.ok()) return file.status();
  auto loaded = SpoolFile::Load(*std::move(file), layout, verify);
  if (loaded.ok()) LetHold(**loaded);
  if (ErrorName(loaded.status()) != "spool-damaged") return loaded;
  SLUICE_RETURN_IF_ERROR(Remove(transfer));
  return NotInSpool(transfer, absl::StrCat("its spool file was damaged and is removed (",
                                           loaded.status().message(), "); it begins anew"));
}

Status Spool::Remove(const TransferId& transfer) {
  const Status removed = files_.Remove(PathOf(transfer));
  if (ErrorName(removed) == "no-file") {
    GiveBack(transfer);
    return NotInSpool(transfer, "has no spool file");
  }
  SLUICE_RETURN_IF_ERROR(removed);
  GiveBack(transfer);
  return absl::OkStatus();
}

StatusOr<std::vector<SpooledTransfer>> Spool::List() const {
  std::vector<TransferId> transfers;
  {
    MutexLock lock(mutex_);
    for (const auto& [transfer, entry] : entries_) transfers.push_back(transfer);
  }
  std::vector<SpooledTransfer> listed;
  for (const TransferId& transfer : transfers) {
    const auto facts = files_.Facts(PathOf(transfer));
    if (ErrorName(facts.status()) == "no-file") continue;  // removed meanwhile, or being made
    if (!facts.ok()) return facts.status();
    listed.push_back({transfer, facts->bytes, facts->modified});
  }
  return listed;
}

uint64_t Spool::bytes_used() const {
  MutexLock lock(usage_->mutex);
  return usage_->bytes;
}

}  // namespace sluice::transfer
