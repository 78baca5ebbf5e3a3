#include "common/transfer/chunk_choice.h"

#include <algorithm>
#include <utility>

#include "common/transfer/stream_machine.h"

namespace sluice::transfer {
namespace {

constexpr size_t kTimesRemembered = 64;
constexpr int kPatience = 2;
constexpr int kPatienceWhileAllWait = 8;

}  // namespace

void ChunkChoice::Usual::Add(absl::Duration time) {
  latest_.push_back(time);
  if (latest_.size() > kTimesRemembered) latest_.pop_front();
  std::vector<absl::Duration> sorted(latest_.begin(), latest_.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  median_ = *middle;
}

ChunkChoice::ChunkChoice(uint32_t chunk_count, size_t receivers)
    : chunk_count_(chunk_count), receivers_(receivers, Receiver(chunk_count)) {
  for (Receiver& receiver : receivers_) receiver.under_way_max = kCreditChunksMax;
  FindComponents();
}

bool ChunkChoice::Covers(const Receiver& receiver, uint32_t index) const {
  return !receiver.late.Contains(index) &&
         (receiver.stored.Contains(index) || receiver.handed.contains(index));
}

void ChunkChoice::Cover(Receiver& receiver, uint32_t index) {
  if (!receiver.late.Contains(index)) components_[receiver.component].covered.Insert(index);
}

void ChunkChoice::Uncover(Component& component, uint32_t index) {
  for (const size_t member : component.members) {
    if (Covers(receivers_[member], index)) return;
  }
  component.covered.Remove(index);
  component.first_free = std::min(component.first_free, index);
}

void ChunkChoice::OnOpen(size_t number, ChunkSet stored) {
  Receiver& receiver = receivers_[number];
  for (const auto& [index, handing] : receiver.handed) {
    if (!stored.Contains(index)) receiver.late.Remove(index);
  }
  receiver.handed.clear();
  receiver.stored = std::move(stored);
  receiver.join_at = 0;
  FillComponent(components_[receiver.component]);
}

void ChunkChoice::OnFellows(size_t receiver, const std::vector<size_t>& fellows) {
  std::vector<size_t> sorted = fellows;
  std::sort(sorted.begin(), sorted.end());
  if (receivers_[receiver].fellows == sorted) return;
  receivers_[receiver].fellows = std::move(sorted);
  FindComponents();
}

bool ChunkChoice::AreFellows(size_t one, size_t other) const {
  const auto says = [&](size_t from, size_t to) {
    const auto& fellows = receivers_[from].fellows;
    return !fellows || std::binary_search(fellows->begin(), fellows->end(), to);
  };
  return says(one, other) && says(other, one);
}

std::vector<size_t> ChunkChoice::ComponentOf(size_t first) const {
  std::vector<bool> found(receivers_.size());
  std::vector<size_t> members = {first};
  found[first] = true;
  for (size_t i = 0; i < members.size(); ++i) {  // grows
    const auto& fellows = receivers_[members[i]].fellows;
    if (!fellows) continue;  // found by those that name it
    for (const size_t other : *fellows) {
      if (found[other] || !AreFellows(members[i], other)) continue;
      found[other] = true;
      members.push_back(other);
    }
  }
  return members;
}

void ChunkChoice::FindComponents() {
  // One that has said nothing is of the component of whoever names it, so it comes last.
  std::vector<size_t> firsts;
  for (size_t i = 0; i < receivers_.size(); ++i) {
    if (receivers_[i].fellows) firsts.push_back(i);
  }
  for (size_t i = 0; i < receivers_.size(); ++i) {
    if (!receivers_[i].fellows) firsts.push_back(i);
  }
  std::vector<bool> placed(receivers_.size());
  components_.clear();
  for (const size_t first : firsts) {
    if (placed[first]) continue;
    Component component(chunk_count_);
    for (const size_t member : ComponentOf(first)) {
      if (placed[member]) continue;
      placed[member] = true;
      component.members.push_back(member);
      receivers_[member].component = components_.size();
    }
    components_.push_back(std::move(component));
    FillComponent(components_.back());
  }
}

void ChunkChoice::FillComponent(Component& component) {
  component.covered = ChunkSet(chunk_count_);
  component.first_free = 0;
  for (const size_t member : component.members) {
    const Receiver& receiver = receivers_[member];
    ChunkSet counting = receiver.stored;
    for (const auto& [index, handing] : receiver.handed) counting.Insert(index);
    counting.RemoveAll(receiver.late);
    component.covered.InsertAll(counting);
  }
}

bool ChunkChoice::IsSpared(const Receiver& receiver) const {
  if (receiver.handed.size() < receiver.under_way_max) return false;
  const Component& component = components_[receiver.component];
  return std::any_of(component.members.begin(), component.members.end(), [&](size_t member) {
    return &receivers_[member] != &receiver && !receivers_[member].done;
  });
}

std::optional<uint32_t> ChunkChoice::FirstFor(const Receiver& receiver, uint32_t from) const {
  const Component& component = components_[receiver.component];
  auto index = component.covered.FirstMissing(std::max(from, component.first_free));
  while (index && (receiver.stored.Contains(*index) || receiver.handed.contains(*index))) {
    index = component.covered.FirstMissing(*index + 1);
  }
  return index;
}

std::optional<uint32_t> ChunkChoice::Hand(size_t number) {
  Receiver& receiver = receivers_[number];
  if (IsSpared(receiver)) return std::nullopt;
  auto index = FirstFor(receiver, receiver.join_at);
  if (!index && receiver.join_at > 0) {
    receiver.join_at = 0;
    index = FirstFor(receiver, 0);
  }
  if (!index) return std::nullopt;
  HandNamed(number, *index);
  Component& component = components_[receiver.component];
  component.first_free =
      component.covered.FirstMissing(component.first_free).value_or(chunk_count_);
  return index;
}

void ChunkChoice::HandNamed(size_t number, uint32_t index) {
  Receiver& receiver = receivers_[number];
  receiver.handed[index] = {};
  // What it had once and lacks now was not late, whatever the handing before was.
  receiver.stored.Remove(index);
  receiver.late.Remove(index);
  Cover(receiver, index);
}

void ChunkChoice::OnSent(size_t receiver, uint32_t index, absl::Duration now) {
  const auto found = receivers_[receiver].handed.find(index);
  if (found == receivers_[receiver].handed.end()) return;
  found->second.sent_at = now;
  found->second.order = ++sent_;
}

void ChunkChoice::TakeBack(size_t number, uint32_t index) {
  Receiver& receiver = receivers_[number];
  if (receiver.handed.erase(index) > 0) Uncover(components_[receiver.component], index);
}

void ChunkChoice::OnStored(size_t number, const std::vector<uint32_t>& indexes,
                           absl::Duration now) {
  Receiver& receiver = receivers_[number];
  std::vector<absl::Duration> sent_at;
  for (const uint32_t index : indexes) {
    receiver.stored.Insert(index);
    Cover(receiver, index);
    const auto found = receiver.handed.find(index);
    if (found == receiver.handed.end()) continue;
    const Handing& handing = found->second;
    if (handing.sent_at) sent_at.push_back(*handing.sent_at);
    if (handing.sent_at && !handing.late) {
      receiver.under_way_max = std::min(kCreditChunksMax, 2 * receiver.under_way_max);
    }
    receiver.handed.erase(found);
  }
  if (!sent_at.empty()) NoteTimes(receiver, sent_at, now);
}

void ChunkChoice::NoteTimes(Receiver& receiver, const std::vector<absl::Duration>& sent_at,
                            absl::Duration now) {
  if (way_.known() && AllWait(now)) resumed_at_ = now;
  const absl::Duration oldest = *std::min_element(sent_at.begin(), sent_at.end());
  const absl::Duration each =
      (now - std::max(oldest, receiver.announced_at)) / static_cast<int64_t>(sent_at.size());
  for (const absl::Duration sent : sent_at) {
    way_.Add(now - sent);
    pace_.Add(each);
  }
  receiver.announced_at = now;
  announced_at_ = now;
}

bool ChunkChoice::AllWait(absl::Duration now) const {
  return now - announced_at_ > std::max(kPatienceMin, kPatience * way_.median());
}

void ChunkChoice::OnTime(absl::Duration now) {
  if (!way_.known()) return;
  for (Receiver& receiver : receivers_) {
    const bool alone = components_[receiver.component].members.size() == 1;
    if (!alone && !receiver.handed.empty()) FindLate(receiver, now);
  }
}

void ChunkChoice::FindLate(Receiver& receiver, absl::Duration now) {
  std::vector<std::pair<uint64_t, uint32_t>> sent;  // by their order
  for (const auto& [index, handing] : receiver.handed) {
    if (handing.sent_at) sent.emplace_back(handing.order, index);
  }
  std::sort(sent.begin(), sent.end());
  const int patience = AllWait(now) ? kPatienceWhileAllWait : kPatience;
  absl::Duration due;
  for (const auto& [order, index] : sent) {
    Handing& handing = receiver.handed[index];
    // When the one before is due, this one's turn begins.
    due = std::max({due, *handing.sent_at, receiver.announced_at, resumed_at_});
    due += patience * pace_.median();
    const absl::Duration in_time =
        std::max(due, std::max(*handing.sent_at, resumed_at_) +
                          std::max(kPatienceMin, patience * way_.median()));
    if (handing.late || now < in_time) continue;
    handing.late = true;
    receiver.late.Insert(index);
    receiver.under_way_max = 1;
    Uncover(components_[receiver.component], index);
  }
}

}  // namespace sluice::transfer
