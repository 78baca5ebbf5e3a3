// What agents told last of jobs that are under way: for people, in memory only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::coordinator {

// Belongs to the loop. At most one entry for each job of the promotions that have not ended.
class LatestProgress {
 public:
  // What is told of one job sooner after what was passed on is kept only: it may be the last.
  static constexpr absl::Duration kEvery = absl::Milliseconds(100);

  // Whether it is to be passed on. `target_index` is nothing for the source's job; the promotion
  // has the job. `now` is monotonic.
  bool Note(const std::string& promotion, std::optional<uint32_t> target_index,
            TransferProgress told, absl::Duration now);
  // With what was told of the jobs that move bytes just now, where the ledger knows the end only.
  Promotion Over(Promotion promotion) const;
  void Forget(const std::string& promotion);

 private:
  struct Told {
    TransferProgress progress;
    absl::Duration at;
  };
  std::map<std::string, std::map<std::optional<uint32_t>, Told>> told_;
};

}  // namespace sluice::coordinator
