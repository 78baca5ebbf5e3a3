#include "agent/foundation/job_location.h"

#include <string>
#include <string_view>

namespace sluice::foundation {

StatusOr<JobGuid> ReadJobLocation(const http::HttpResponse& answer) {
  constexpr std::string_view kJobs = "/v3/jobs/";
  const std::string location = answer.headers.Find("Location").value_or("");
  const size_t at = location.find(kJobs);
  std::string guid;
  if (at != std::string::npos) guid = location.substr(at + kJobs.size());
  guid = guid.substr(0, guid.find_first_of("/?#"));
  if (guid.empty()) {
    return NamedError(StatusCode::kUnavailable, "bad-answer",
                      "the call was accepted, but its answer names no job");
  }
  return JobGuid(std::move(guid));
}

}  // namespace sluice::foundation
