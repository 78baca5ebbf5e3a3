#include "common/transfer/rate_limit.h"

#include <algorithm>

namespace sluice::transfer {

absl::Duration TokenBucket::Cost(uint64_t bytes) const {
  return absl::Seconds(static_cast<double>(bytes) / static_cast<double>(*rate_));
}

void TokenBucket::Spend(uint64_t bytes, absl::Duration now) {
  if (rate_) free_at_ = std::max(free_at_, now - kSavedMax) + Cost(bytes);
}

void TokenBucket::GiveBack(uint64_t bytes) {
  if (rate_) free_at_ -= Cost(bytes);
}

void RateLimit::Join(const TransferId& transfer, Rate own) {
  turns_.insert_or_assign(transfer, Turn{TokenBucket(own), false, at_});
}

bool RateLimit::Take(const TransferId& transfer, uint64_t bytes, absl::Duration now) {
  const auto found = turns_.find(transfer);
  if (found == turns_.end()) return true;
  Turn& turn = found->second;
  // Who did not wait has no claim to what it left to the others.
  if (!turn.waiting) turn.at = std::max(turn.at, at_);
  turn.waiting = !IsReady(turn, now) || IsBehind(turn, now);
  if (!turn.waiting) Move(turn, bytes, now);
  return !turn.waiting;
}

void RateLimit::Spend(const TransferId& transfer, uint64_t bytes, absl::Duration now) {
  const auto found = turns_.find(transfer);
  if (found != turns_.end()) Move(found->second, bytes, now);
}

void RateLimit::GiveBack(const TransferId& transfer, uint64_t bytes) {
  const auto found = turns_.find(transfer);
  if (found == turns_.end()) return;
  Turn& turn = found->second;
  turn.own.GiveBack(bytes);
  all_.GiveBack(bytes);
  turn.at -= std::min(turn.at, bytes);
  turn.waiting = false;
}

void RateLimit::Move(Turn& turn, uint64_t bytes, absl::Duration now) {
  at_ = std::max(at_, turn.at);
  turn.at += bytes;
  turn.own.Spend(bytes, now);
  all_.Spend(bytes, now);
}

bool RateLimit::IsReady(const Turn& turn, absl::Duration now) const {
  return std::max(all_.ready_at(), turn.own.ready_at()) <= now;
}

bool RateLimit::IsBehind(const Turn& turn, absl::Duration now) const {
  // Nothing that one moves is missing to another.
  if (!all_.limits()) return false;
  return std::any_of(turns_.begin(), turns_.end(), [&](const auto& entry) {
    const Turn& other = entry.second;
    return other.waiting && other.at < turn.at && IsReady(other, now);
  });
}

std::optional<TransferId> RateLimit::Next(absl::Duration now) {
  auto next = turns_.end();
  for (auto it = turns_.begin(); it != turns_.end(); ++it) {
    if (!it->second.waiting || !IsReady(it->second, now)) continue;
    if (next == turns_.end() || it->second.at < next->second.at) next = it;
  }
  if (next == turns_.end()) return std::nullopt;
  next->second.waiting = false;
  return next->first;
}

std::optional<absl::Duration> RateLimit::NextAt() const {
  std::optional<absl::Duration> next;
  for (const auto& [transfer, turn] : turns_) {
    if (!turn.waiting) continue;
    const absl::Duration at = std::max(all_.ready_at(), turn.own.ready_at());
    next = std::min(next.value_or(at), at);
  }
  return next;
}

}  // namespace sluice::transfer
