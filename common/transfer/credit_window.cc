#include "common/transfer/credit_window.h"

#include <algorithm>
#include <cmath>

namespace sluice::transfer {
namespace {

constexpr uint64_t kFirstBytes = 2 << 20;
constexpr double kGain = 2;
constexpr absl::Duration kRateSpan = absl::Seconds(5);
constexpr double kSmoothing = 1.0 / 8;  // as RFC 6298 smooths round trips

}  // namespace

CreditWindow::CreditWindow(uint32_t chunk_bytes, uint32_t chunks_min)
    : chunk_bytes_(chunk_bytes), chunks_min_(chunks_min) {}

void CreditWindow::OnConnection() {
  shortest_way_ = absl::InfiniteDuration();
  credits_.clear();
  for (auto it = under_way_.begin(); it != under_way_.end();) {
    it = it->second.arrived_at == absl::InfiniteDuration() ? under_way_.erase(it) : std::next(it);
  }
}

void CreditWindow::OnAsked(uint32_t index, absl::Duration now) {
  under_way_[index] = {.asked_at = now, .stored_before = stored_bytes_};
}

void CreditWindow::OnCredit(absl::Duration now) {
  credits_.push_back({.asked_at = now, .stored_before = stored_bytes_});
}

void CreditWindow::OnArrived(uint32_t index, absl::Duration now) {
  auto found = under_way_.find(index);
  if (found == under_way_.end()) {
    if (credits_.empty()) return;
    found = under_way_.emplace(index, credits_.front()).first;
    credits_.pop_front();
  }
  found->second.arrived_at = now;
  shortest_way_ = std::min(shortest_way_, now - found->second.asked_at);
}

void CreditWindow::OnStored(uint32_t index, absl::Duration now) {
  stored_bytes_ += chunk_bytes_;
  const auto found = under_way_.find(index);
  if (found == under_way_.end()) return;
  const UnderWay chunk = found->second;
  under_way_.erase(found);
  const absl::Duration storing = now - chunk.arrived_at;
  usual_storing_ += (storing - usual_storing_) * kSmoothing;
  if (now - span_began_at_ >= kRateSpan) {
    best_rate_before_ = now - span_began_at_ < 2 * kRateSpan ? best_rate_ : 0;
    best_rate_ = 0;
    span_began_at_ = now;
  }
  const double took = absl::ToDoubleSeconds(now - chunk.asked_at);
  if (took <= 0) return;
  best_rate_ =
      std::max(best_rate_, static_cast<double>(stored_bytes_ - chunk.stored_before) / took);
}

double CreditWindow::rate() const { return std::max(best_rate_, best_rate_before_); }

uint32_t CreditWindow::chunks() const {
  if (rate() == 0 || shortest_way_ == absl::InfiniteDuration()) {
    // One that is probed from below begins there.
    if (chunks_min_ == 1) return chunks_min_;
    return std::max(chunks_min_, static_cast<uint32_t>(kFirstBytes / chunk_bytes_));
  }
  const double loop = absl::ToDoubleSeconds(shortest_way_ + usual_storing_);
  const double bytes = kGain * rate() * loop;
  return std::max(chunks_min_, static_cast<uint32_t>(std::ceil(bytes / chunk_bytes_)));
}

}  // namespace sluice::transfer
