// Follows a promotion until it rests: ended, or waiting for somebody. Never has an effect on it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

struct WatchRequest {
  std::string id;  // or any unique beginning of it
  std::optional<absl::Duration> timeout;
  // Each state that the coordinator tells must pass; the watch ends by its error.
  std::function<Status(const v1::PromotionDetail&)> check;
};

// How it rests. Progress goes to standard error: bars on a terminal, else a line at each change and
// every 10 s. By name: DeadlineExceeded "timeout-passed", Cancelled "interrupted", Unavailable
// "coordinator-unreachable" after a minute without a session; each says how to watch again.
StatusOr<v1::PromotionDetail> Watch(World& world, CoordinatorLink& link,
                                    const GlobalArguments& global, const WatchRequest& request);

bool AtRest(v1::PromotionState state);

}  // namespace sluice::cli
