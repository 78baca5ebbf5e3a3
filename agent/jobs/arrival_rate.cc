#include "agent/jobs/arrival_rate.h"

namespace sluice::agent {

void ArrivalRate::Add(absl::Duration now, uint64_t bytes) {
  if (samples_.empty() || bytes > samples_.back().bytes) grown_at_ = now;
  // What came while nobody looked says nothing of now.
  if (!samples_.empty() && now - samples_.back().at >= kWindow) samples_.clear();
  // The latest sample moves until it stands far enough from the one before.
  const size_t count = samples_.size();
  if (count >= 2 && samples_[count - 1].at - samples_[count - 2].at < kSampleEvery) {
    samples_.pop_back();
  }
  samples_.push_back({.at = now, .bytes = bytes});
  while (samples_.size() > 2 && now - samples_[1].at >= kWindow) samples_.pop_front();
}

std::optional<double> ArrivalRate::BytesPerSecond() const {
  if (samples_.size() < 2) return std::nullopt;
  const absl::Duration time = samples_.back().at - samples_.front().at;
  const uint64_t bytes = samples_.back().bytes - samples_.front().bytes;
  if (time <= absl::ZeroDuration() || (time < kTimeMin && bytes < kBytesMin)) return std::nullopt;
  return static_cast<double>(bytes) / absl::ToDoubleSeconds(time);
}

absl::Duration ArrivalRate::SilentFor(absl::Duration now) const {
  return samples_.empty() ? absl::ZeroDuration() : now - grown_at_;
}

}  // namespace sluice::agent
