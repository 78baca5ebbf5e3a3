// What those who watch a promotion see of it while it runs.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace sluice::v1 {
class JobProgress;
class Progress;
class PromotionDetail;
class TargetDetail;
}  // namespace sluice::v1

namespace sluice::cli {

struct TargetProgress {
  std::string target;
  std::string state;        // "transferring", or "waiting for activate"
  std::string phase;        // "transfer", "upload", "job", "deployment", ...
  std::string path;         // "direct", ...
  uint64_t bytes_done = 0;  // authenticated by the target
  uint64_t bytes_total = 0;
  double bytes_per_second = 0;  // 0: not known yet
  int retries = 0;
  bool uploaded = false;  // no more bytes are to come
  bool undoing = false;   // neither: what it did is being undone
  bool ended = false;
};

// Follows what the coordinator tells, so that a bar never runs backwards: when bytes are sent
// again, the count stands still until it is passed, and the retry is counted. Rates are over the
// last 10 s.
class ProgressTracker {
 public:
  // `now` is monotonic time.
  void Update(const v1::PromotionDetail& detail, absl::Duration now);
  void Update(const v1::JobProgress& progress, absl::Duration now);
  // After a pause in which nothing could be heard: rates are measured anew.
  void ForgetRates();
  const std::vector<TargetProgress>& targets() const { return targets_; }

 private:
  struct History {
    uint64_t last_bytes = 0;
    bool retrying = false;
    std::deque<std::pair<absl::Duration, uint64_t>> samples;
  };
  void Take(size_t index, const v1::Progress& progress, absl::Duration now);

  void TakeExport(const v1::PromotionDetail& detail, absl::Duration now);

  bool exports_ = false;  // one row, of what the source sends
  std::vector<TargetProgress> targets_;
  std::vector<History> histories_;
};

// How long the rest takes at this rate; nothing when that is not known.
std::optional<absl::Duration> TimeLeft(const TargetProgress& target);

// One line per target, none longer than `width` columns. Of more targets than `rows` those are
// shown that have most to do still, and the last line says how many are not.
std::string RenderBars(const std::vector<TargetProgress>& targets, int width, size_t rows,
                       bool color);

// For logs: "2026-01-01T00:00:10Z prod:acme/payments/checkout transferring 45% ..." and a new line.
std::string RenderProgressLine(const TargetProgress& target, absl::Time now);

}  // namespace sluice::cli
