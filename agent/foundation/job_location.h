// The job that an accepted call names in its Location header.
#pragma once

#include "agent/foundation/records.h"
#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

// "https://api.example.org/v3/jobs/GUID". Unavailable "bad-answer" without one.
StatusOr<JobGuid> ReadJobLocation(const http::HttpResponse& answer);

}  // namespace sluice::foundation
