#include "agent/jobs/droplet_copy.h"

#include <utility>

#include "common/base/logging.h"

namespace sluice::agent {
namespace {

// A spool file wants a header and signatures. Those of a copy say nothing: it is this process's
// alone, the tag of each chunk's seal proves it, and no other process ever opens the file.
constexpr std::string_view kNoHeader = "copy";
constexpr char kNoSignature = 'c';

std::string NonceOf(uint32_t index) {
  std::string nonce(crypto::Aes256Gcm::kNonceBytes, '\0');
  for (size_t i = 0; i < sizeof index; ++i) nonce[i] = static_cast<char>(index >> (8 * i));
  return nonce;
}

}  // namespace

DropletCopy::DropletCopy(const transfer::StreamLayout& layout, Entropy& entropy, const Clock& clock)
    : layout_(layout),
      key_(entropy.Bytes(crypto::Aes256Gcm::kKeyBytes)),
      clock_(clock),
      sealed_(layout.chunk_count),
      present_(layout.chunk_count),
      sealing_(key_) {}

void DropletCopy::Join(transfer::Spool& spool) {
  MutexLock lock(mutex_);
  if (++joined_ < 2 || file_) return;
  auto file = spool.Admit(layout_, kNoHeader);
  if (!file.ok()) {
    return LogStatus(LogLevel::kInfo, "droplet-not-shared", file.status());
  }
  file_ = *std::move(file);
  // The room is taken until the file is closed, and nobody has to look for it after a crash.
  const Status removed = spool.Remove(layout_.transfer);
  if (!removed.ok()) LogStatus(LogLevel::kWarning, "spool-not-removed", removed);
}

bool DropletCopy::HasLocked(uint32_t index) const { return file_ && present_.Contains(index); }

bool DropletCopy::OtherIsAboutToReadLocked(uint32_t index, const Place& place) const {
  if (!file_) return false;
  const absl::Duration now = clock_.Monotonic();
  for (auto reading = readings_.begin(); reading != readings_.end(); ++reading) {
    if (place && *place == reading) continue;
    const bool stalled = reading->taken_since && now - *reading->taken_since >= kStalledAfter;
    if (!stalled && reading->next <= index && index - reading->next <= kWaitedForChunksMax) {
      return true;
    }
  }
  return false;
}

StatusOr<bool> DropletCopy::Await(uint32_t index, Place& place, const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    if (HasLocked(index)) return true;
    if (!OtherIsAboutToReadLocked(index, place)) {
      place = readings_.insert(readings_.end(), {.next = index});
      return false;
    }
    // What stalls sends no word.
    changed_.WaitFor(mutex_, kStalledAfter);
  }
  return NamedError(StatusCode::kCancelled, "cancelled", "stopped while it waited for the droplet");
}

bool DropletCopy::GoesOn(uint32_t index, Place& place) {
  MutexLock lock(mutex_);
  if (HasLocked(index) || OtherIsAboutToReadLocked(index, place)) {
    LeaveLocked(place);
    return false;
  }
  (*place)->next = index;
  return true;
}

void DropletCopy::Leave(Place& place) {
  MutexLock lock(mutex_);
  LeaveLocked(place);
}

void DropletCopy::LeaveLocked(Place& place) {
  if (!place) return;
  readings_.erase(*place);
  place.reset();
  changed_.NotifyAll();
}

void DropletCopy::BeginTaking(const Place& place) {
  MutexLock lock(mutex_);
  (*place)->taken_since = clock_.Monotonic();
}

void DropletCopy::EndTaking(const Place& place) {
  MutexLock lock(mutex_);
  (*place)->taken_since.reset();
}

bool DropletCopy::Exists() {
  MutexLock lock(mutex_);
  return file_ != nullptr;
}

void DropletCopy::Put(uint32_t index, std::string_view plain) {
  std::shared_ptr<transfer::SpoolFile> file;
  {
    MutexLock lock(mutex_);
    if (!file_ || !sealed_.Insert(index)) return;
    file = file_;
  }
  MutexLock write_lock(write_mutex_);
  const Status written =
      file->Write({.index = index,
                   .signature = std::string(transfer::kSignatureBytes, kNoSignature),
                   .sealed = sealing_.Seal(NonceOf(index), "", plain)});
  if (!written.ok()) return LogStatus(LogLevel::kWarning, "droplet-copy-not-written", written);
  MutexLock lock(mutex_);
  present_.Insert(index);
  changed_.NotifyAll();
}

StatusOr<std::string> DropletCopy::Open(const transfer::SpoolFile& file, uint32_t index) const {
  SLUICE_ASSIGN_OR_RETURN(const transfer::SealedChunk chunk, file.Read(index));
  return crypto::Aes256Gcm(key_).Open(NonceOf(index), "", chunk.sealed);
}

std::optional<std::string> DropletCopy::Take(uint32_t index) {
  std::shared_ptr<transfer::SpoolFile> file;
  {
    MutexLock lock(mutex_);
    file = file_;
  }
  auto plain = Open(*file, index);
  if (plain.ok()) return *std::move(plain);
  LogStatus(LogLevel::kWarning, "droplet-copy-damaged", plain.status());
  MutexLock lock(mutex_);
  present_.Remove(index);
  return std::nullopt;
}

}  // namespace sluice::agent
