// A droplet's bytes, taken up again where they broke off, and its size.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/time/time.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/records.h"
#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

struct DownloadRequest {
  DropletGuid droplet;
  uint64_t offset = 0;
  uint64_t expected_bytes = 0;
  absl::Duration idle_timeout;
};

// See CloudController::DownloadDroplet. At most retry.attempts_max attempts in a row that bring
// nothing forward.
Status Download(const DownloadRequest& request, ApiSession& session, http::ByteSink& sink,
                std::stop_token stop);

// See CloudController::GetDropletSize.
StatusOr<uint64_t> AskSize(const DropletGuid& droplet, absl::Duration idle_timeout,
                           ApiSession& session, std::stop_token stop);

}  // namespace sluice::foundation
