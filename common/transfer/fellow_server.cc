#include "common/transfer/fellow_server.h"

#include <algorithm>

#include "common/transfer/stream_machine.h"

namespace sluice::transfer {
namespace {

// Whatever the others hold, a fellow may have so many under way.
constexpr size_t kUnderWayMin = 2;

}  // namespace

FellowServer::FellowServer(size_t fellows, uint32_t chunk_bytes)
    : under_way_max_(std::max<size_t>(kUnderWayMin, kServedBytesMax / chunk_bytes)),
      fellows_(fellows) {}

bool FellowServer::OnAsked(size_t number, const std::vector<uint32_t>& indexes) {
  Fellow& fellow = fellows_[number];
  for (const uint32_t index : indexes) {
    if (std::find(fellow.asked.begin(), fellow.asked.end(), index) != fellow.asked.end()) continue;
    if (fellow.asked.size() >= kCreditChunksMax) return false;
    fellow.asked.push_back(index);
  }
  return true;
}

void FellowServer::OnStored(size_t number, uint32_t index, absl::Duration now) {
  Fellow& fellow = fellows_[number];
  std::erase(fellow.asked, index);
  if (fellow.sent.erase(index) == 0) return;
  --under_way_;
  fellow.moved_at = now;
}

void FellowServer::OnGone(size_t number) {
  Fellow& fellow = fellows_[number];
  under_way_ -= fellow.sent.size();
  fellow.asked.clear();
  fellow.reading.clear();
  fellow.sent.clear();
}

bool FellowServer::MayHaveMore(const Fellow& fellow) const {
  if (fellow.asked.empty() || reading_ >= kReadingMax || under_way_ >= under_way_max_) return false;
  const auto waiting =
      static_cast<size_t>(std::count_if(fellows_.begin(), fellows_.end(), [](const Fellow& other) {
        return !(other.asked.empty() && other.reading.empty() && other.sent.empty());
      }));
  const size_t share = std::min<size_t>(kCreditChunksMax, under_way_max_ / waiting);
  return fellow.reading.size() + fellow.sent.size() < std::max(kUnderWayMin, share);
}

std::vector<FellowServer::Reading> FellowServer::Next(const MayGo& may_go) {
  std::vector<Reading> next;
  for (size_t passed = 0; passed < fellows_.size();) {
    const size_t number = first_in_turn_ % fellows_.size();
    first_in_turn_ = number + 1;
    Fellow& fellow = fellows_[number];
    if (!MayHaveMore(fellow)) {
      ++passed;
      continue;
    }
    passed = 0;
    const uint32_t index = fellow.asked.front();
    if (!fellow.reading.contains(index) && !may_go(index)) {
      first_in_turn_ = number;
      return next;
    }
    fellow.asked.pop_front();
    if (!fellow.reading.insert(index).second) continue;
    ++reading_;
    ++under_way_;
    next.push_back({number, index});
  }
  return next;
}

bool FellowServer::OnRead(const Reading& reading, bool found, absl::Duration now) {
  Fellow& fellow = fellows_[reading.fellow];
  --reading_;
  --under_way_;
  // Not there any more if the fellow has gone meanwhile.
  if (fellow.reading.erase(reading.index) == 0 || !found) return false;
  if (fellow.sent.empty()) fellow.moved_at = now;
  if (fellow.sent.insert(reading.index).second) ++under_way_;
  return true;
}

absl::Duration FellowServer::Stalled(size_t number, absl::Duration now) const {
  const Fellow& fellow = fellows_[number];
  return fellow.sent.empty() ? absl::ZeroDuration() : now - fellow.moved_at;
}

}  // namespace sluice::transfer
