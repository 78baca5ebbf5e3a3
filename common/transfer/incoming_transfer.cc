#include "common/transfer/incoming_transfer.h"

#include <algorithm>
#include <utility>

#include "common/base/logging.h"
#include "common/transfer/exchange_loop.h"

namespace sluice::transfer {
namespace {

std::vector<uint32_t> PlacesOf(const std::vector<Fellow>& fellows) {
  std::vector<uint32_t> places;
  for (const Fellow& fellow : fellows) places.push_back(fellow.target_index);
  return places;
}

}  // namespace

IncomingCarriage::IncomingCarriage(const IncomingOptions& options, std::shared_ptr<SpoolFile> file,
                                   CreditBudget& credit, Executor* serving,
                                   std::shared_ptr<LoopCalls> loop, const Clock& clock)
    : Carriage(options.layout, clock),
      verify_(options.verify),
      file_(std::move(file)),
      credit_(credit),
      serving_(serving),
      loop_(std::move(loop)),
      machine_(ReceiverMachine::Options{
                   .layout = options.layout,
                   .target_index = options.target_index,
                   .silence_max = options.silence_max,
                   .credit =
                       [this](uint32_t outstanding, uint32_t more) {
                         const uint64_t chunk_bytes = layout().chunk_bytes;
                         credit_.Hold(id(), chunk_bytes * outstanding);
                         const uint32_t window = credit_.Window(id(), layout().chunk_bytes);
                         more = std::min(more, window - std::min(window, outstanding));
                         more = pace().MayReceive(id(), PacedBytes(), more);
                         credit_.Hold(id(), chunk_bytes * (outstanding + more));
                         return more;
                       },
                   .give_back =
                       [this](uint32_t chunks) {
                         pace().GiveBackReceiving(id(), chunks * PacedBytes());
                       },
                   .header = file_->header(),
                   .stored = file_->stored(),
                   .fellows = PlacesOf(options.fellows),
                   .allowance = AllowanceOfPace()},
               clock.Monotonic()) {}

void IncomingCarriage::CountReceived(size_t peer, size_t bytes) {
  // In this order, so that no path is ever seen with more than all.
  CountPayload(bytes);
  if (peer > 0) CountOfFellow(bytes);
}

// A droplet of less than a chunk is charged for itself alone.
uint64_t IncomingCarriage::PacedBytes() const {
  return std::min<uint64_t>(layout().chunk_bytes, layout().droplet_bytes) + kSealBytes;
}

Effects IncomingCarriage::BeginReading() {
  credit_.Join(id());
  return machine_.OnHeaderOpened(clock().Monotonic());
}

Effects IncomingCarriage::Perform(Effect effect) {
  if (auto* arrived = std::get_if<ChunkArrived>(&effect)) {
    MutexLock lock(mutex_);
    if (ended_) return {};
    chunks_.push_back(std::move(*arrived));
    changed_.NotifyAll();
  } else if (auto* header = std::get_if<HeaderArrived>(&effect)) {
    MutexLock lock(mutex_);
    header_ = std::move(header->bytes);
    changed_.NotifyAll();
  } else if (const auto* reading = std::get_if<ChunkToRead>(&effect)) {
    return Serve(*reading);
  } else if (const auto* ended = std::get_if<Ended>(&effect)) {
    End(ended->why);
  }
  return {};
}

Effects IncomingCarriage::StopServing() {
  {
    MutexLock lock(mutex_);
    // Else whoever has the handle reads from it still.
    if (!verified_ || !ended_) return {};
    stored_.reset();
  }
  file_.reset();
  return machine_.StopServing(clock().Monotonic());
}

Effects IncomingCarriage::Serve(const ChunkToRead& reading) {
  const bool begun = serving_->Run([carriage = shared_from_this(), file = file_, reading] {
    auto chunk = file->Read(reading.index);
    if (chunk.ok()) {
      const Status checked = CheckChunk(carriage->layout(), carriage->verify_, *chunk);
      if (!checked.ok()) {
        LogStatus(LogLevel::kWarning, "spooled-chunk-damaged", checked,
                  {{"transfer", carriage->id().hex()}});
        chunk = checked;
      }
    }
    carriage->loop_->Put([carriage, reading, chunk = std::move(chunk)](ExchangeLoop& loop) mutable {
      loop.Perform(*carriage, carriage->machine().OnChunkRead(reading, std::move(chunk),
                                                              carriage->clock().Monotonic()));
    });
  });
  if (begun) return {};
  return machine_.OnChunkRead(
      reading, NamedError(StatusCode::kUnavailable, "busy", "too much is being read for fellows"),
      clock().Monotonic());
}

StatusOr<IncomingCarriage::Arrivals> IncomingCarriage::TakeArrivals(bool wait) {
  MutexLock lock(mutex_);
  while (wait && !ended_ && header_.empty() && chunks_.empty()) changed_.Wait(mutex_);
  if (ended_ && !why_.ok()) return why_;
  Arrivals arrivals = {.header = std::exchange(header_, {}), .chunks = {}, .over = ended_};
  arrivals.chunks.assign(std::make_move_iterator(chunks_.begin()),
                         std::make_move_iterator(chunks_.end()));
  chunks_.clear();
  return arrivals;
}

void IncomingCarriage::Show(const Secret& sealing_key, std::shared_ptr<SpoolFile> file) {
  MutexLock lock(mutex_);
  stored_ = Stored{sealing_key, std::move(file)};
}

void IncomingCarriage::ShowOpened(uint32_t chunks) {
  MutexLock lock(mutex_);
  opened_ = chunks;
  changed_.NotifyAll();
}

void IncomingCarriage::ShowVerified() {
  StopTime();
  MutexLock lock(mutex_);
  verified_ = true;
  changed_.NotifyAll();
}

StatusOr<std::optional<IncomingCarriage::Stored>> IncomingCarriage::AwaitChunk(uint32_t index) {
  MutexLock lock(mutex_);
  while (why_.ok() && !Readable(index)) changed_.Wait(mutex_);
  if (!why_.ok()) return why_;
  if (index >= layout().chunk_count) return std::optional<Stored>();
  return stored_;
}

StatusOr<bool> IncomingCarriage::AwaitReadable(uint32_t index, absl::Duration patience) {
  const absl::Duration end = clock().Monotonic() + patience;
  MutexLock lock(mutex_);
  while (why_.ok() && !Readable(index)) {
    const absl::Duration left = end - clock().Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mutex_, left);
  }
  if (!why_.ok()) return why_;
  return true;
}

// What has been verified stays readable, however the conversation about it ends.
bool IncomingCarriage::Readable(uint32_t index) const {
  const bool last = index + 1 >= layout().chunk_count;
  return verified_ || (!last && opened_ > index);
}

Status IncomingCarriage::AwaitVerified() {
  MutexLock lock(mutex_);
  while (why_.ok() && !verified_) changed_.Wait(mutex_);
  return why_;
}

bool IncomingCarriage::verified() const {
  MutexLock lock(mutex_);
  return verified_;
}

Status IncomingCarriage::cause() const {
  MutexLock lock(mutex_);
  return why_;
}

void IncomingCarriage::End(const Status& why) {
  StopTime();
  MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  why_ = why;
  changed_.NotifyAll();
}

}  // namespace sluice::transfer
