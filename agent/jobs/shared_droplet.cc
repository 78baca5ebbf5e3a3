#include "agent/jobs/shared_droplet.h"

#include <algorithm>
#include <atomic>
#include <string_view>

#include "agent/jobs/droplet_copy.h"
#include "common/base/check.h"

namespace sluice::agent {
namespace {

// How a reading of the blobstore ends when the copy has what comes next, or is about to.
constexpr std::string_view kInTheCopy = "droplet-in-the-copy";

class Share final : public SharedDroplet {
 public:
  Share(std::shared_ptr<DropletCopy> copy, transfer::DropletSource& own, const Clock& clock,
        std::stop_token stop)
      : copy_(std::move(copy)), own_(own), clock_(clock), stop_(std::move(stop)) {}

  Status Read(uint64_t offset, const Take& take) override {
    offset_ = offset;
    while (offset_ < layout().droplet_bytes) {
      const uint32_t index = ChunkAt(offset_);
      DropletCopy::Place place;
      const absl::Duration since = clock_.Monotonic();
      const auto copied = copy_->Await(index, place, stop_);
      waited_nanoseconds_ += absl::ToInt64Nanoseconds(clock_.Monotonic() - since);
      SLUICE_RETURN_IF_ERROR(copied.status());
      if (*copied) {
        SLUICE_RETURN_IF_ERROR(GiveCopied(index, take));
        continue;
      }
      const Status read = ReadOwn(place, take);
      copy_->Leave(place);
      if (ErrorName(read) != kInTheCopy) return read;
    }
    return absl::OkStatus();
  }

  absl::Duration waited() const override { return absl::Nanoseconds(waited_nanoseconds_.load()); }

 private:
  const transfer::StreamLayout& layout() const { return copy_->layout(); }
  uint32_t ChunkAt(uint64_t offset) const {
    return static_cast<uint32_t>(offset / layout().chunk_bytes);
  }
  uint64_t BeginOf(uint32_t index) const { return uint64_t{index} * layout().chunk_bytes; }

  Status GiveCopied(uint32_t index, const Take& take) {
    const auto plain = copy_->Take(index);
    if (!plain) return absl::OkStatus();  // asked for again, and no longer in the copy
    const auto rest = std::string_view(*plain).substr(offset_ - BeginOf(index));
    offset_ += rest.size();
    return take(rest);
  }

  Status ReadOwn(DropletCopy::Place& place, const Take& take) {
    plain_.clear();
    return own_.Read(offset_, [&](std::string_view bytes) -> Status {
      while (!bytes.empty()) {
        // More than the order says is for the transfer to refuse.
        if (offset_ >= layout().droplet_bytes) return take(bytes);
        const uint32_t index = ChunkAt(offset_);
        const uint64_t end = BeginOf(index) + layout().PlainBytes(index);
        const auto piece = bytes.substr(0, std::min<uint64_t>(bytes.size(), end - offset_));
        Keep(index, piece);
        copy_->BeginTaking(place);
        const Status taken = take(piece);
        copy_->EndTaking(place);
        SLUICE_RETURN_IF_ERROR(taken);
        offset_ += piece.size();
        bytes.remove_prefix(piece.size());
        if (offset_ == end && index + 1 < layout().chunk_count &&
            !copy_->GoesOn(index + 1, place)) {
          return NamedError(StatusCode::kAborted, kInTheCopy, "read by another");
        }
      }
      return absl::OkStatus();
    });
  }

  // A chunk is left for the others before it is given to those who may be slow to take it. Whoever
  // is alone copies nothing.
  void Keep(uint32_t index, std::string_view piece) {
    if (plain_.empty() && !copy_->Exists()) return;
    if (BeginOf(index) + plain_.size() != offset_) return;  // its beginning was not read here
    plain_.append(piece);
    if (plain_.size() < layout().PlainBytes(index)) return;
    copy_->Put(index, plain_);
    plain_.clear();
  }

  const std::shared_ptr<DropletCopy> copy_;
  transfer::DropletSource& own_;
  const Clock& clock_;
  const std::stop_token stop_;
  uint64_t offset_ = 0;  // of the next byte to give
  std::string plain_;    // of the chunk that is read, from its beginning
  std::atomic<int64_t> waited_nanoseconds_{0};
};

}  // namespace

SharedDroplets::SharedDroplets(transfer::Spool& spool, Entropy& entropy, const Clock& clock,
                               uint32_t chunk_bytes)
    : spool_(spool), entropy_(entropy), clock_(clock), chunk_bytes_(chunk_bytes) {}

std::unique_ptr<SharedDroplet> SharedDroplets::Join(const DropletGuid& droplet,
                                                    uint64_t droplet_bytes,
                                                    transfer::DropletSource& own,
                                                    std::stop_token stop) {
  MutexLock lock(mutex_);
  std::erase_if(copies_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<DropletCopy>& known = copies_[{droplet.value(), droplet_bytes}];
  std::shared_ptr<DropletCopy> copy = known.lock();
  if (!copy) {
    const auto layout = transfer::StreamLayout::Cut(transfer::TransferId::Generate(entropy_),
                                                    droplet_bytes, chunk_bytes_);
    SLUICE_CHECK(layout.ok());  // the order's own layout has been cut the same way
    copy = std::make_shared<DropletCopy>(*layout, entropy_, clock_);
    known = copy;
  }
  copy->Join(spool_);
  return std::make_unique<Share>(std::move(copy), own, clock_, std::move(stop));
}

}  // namespace sluice::agent
