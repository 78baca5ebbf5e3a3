#include "coordinator/daemon/latest_progress.h"

#include <utility>

#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {

bool LatestProgress::Note(const std::string& promotion, std::optional<uint32_t> target_index,
                          TransferProgress told, absl::Duration now) {
  const auto [job, first] = told_[promotion].try_emplace(target_index, Told{{}, now});
  job->second.progress = std::move(told);
  if (!first && now - job->second.at < kEvery) return false;
  job->second.at = now;
  return true;
}

Promotion LatestProgress::Over(Promotion promotion) const {
  const auto jobs = told_.find(promotion.id);
  if (jobs == told_.end()) return promotion;
  for (const auto& [target_index, told] : jobs->second) {
    if (!target_index) {
      if (promotion.source.state == v1::SOURCE_STATE_SENDING) {
        promotion.source.progress = told.progress;
      }
    } else if (TargetJob& target = promotion.targets[*target_index];
               target.state == v1::TARGET_STATE_TRANSFERRING) {
      target.progress = told.progress;
    }
  }
  return promotion;
}

void LatestProgress::Forget(const std::string& promotion) { told_.erase(promotion); }

}  // namespace sluice::coordinator
