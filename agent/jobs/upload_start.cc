#include "agent/jobs/upload_start.h"

#include <algorithm>

namespace sluice::agent {

UploadStart DecideUploadStart(const Arrival& arrival, const UploadLimits& limits) {
  if (arrival.bytes_missing == 0) return {.now = true, .wait = absl::ZeroDuration()};
  constexpr UploadStart kNobodyKnows = {.now = false, .wait = absl::InfiniteDuration()};
  const double rate = arrival.bytes_per_second.value_or(0);
  if (rate <= 0) return kNobodyKnows;
  const absl::Duration needed = absl::Seconds(static_cast<double>(arrival.bytes_missing) / rate);
  absl::Duration allowed = limits.time_max / 2;
  for (int cut = 0; cut < std::min(arrival.uploads_cut, kUploadsCutMax); ++cut) allowed /= 2;
  if (arrival.uploads_cut >= kUploadsCutMax) return {.now = false, .wait = needed};
  if (needed < allowed) return {.now = true, .wait = absl::ZeroDuration()};
  return {.now = false, .wait = needed - allowed};
}

}  // namespace sluice::agent
