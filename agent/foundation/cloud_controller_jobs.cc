// Jobs: what Cloud Controller goes on doing after it has answered.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/job_location.h"
#include "agent/foundation/polling.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {

StatusOr<Job> CloudController::GetJob(const JobGuid& job, std::stop_token stop) {
  auto found = GetOne(*session_, absl::StrCat("/v3/jobs/", PathSegment(job.value())), &ReadJob,
                      std::move(stop));
  if (!found.ok()) return NameMissing(found.status(), "no-job");
  return found;
}

Status CloudController::WaitForJob(const JobGuid& job, std::stop_token stop) {
  const std::string what = absl::StrFormat("%s: job %s", options_.foundation, job.value());
  const auto ask = [&]() -> StatusOr<bool> {
    const StatusOr<Job> found = GetJob(job, stop);
    if (ErrorName(found.status()) == "no-job") {
      return NamedError(StatusCode::kFailedPrecondition, "job-lost",
                        absl::StrCat(what, " is not known to Cloud Controller (any more)"));
    }
    if (!found.ok()) return found.status();
    if (found->state == "FAILED") {
      return NamedError(StatusCode::kFailedPrecondition, "job-failed",
                        absl::StrFormat("%s (%s) failed: %s", what, found->operation,
                                        found->errors.empty() ? "Cloud Controller gives no reason"
                                                              : DescribeErrors(found->errors)));
    }
    return found->state == "COMPLETE";
  };
  const Status timed_out = NamedError(
      StatusCode::kDeadlineExceeded, "job-timeout",
      absl::StrFormat("%s is not done after %s", what, absl::FormatDuration(options_.job_timeout)));
  return PollUntil({.first = options_.job_poll_first,
                    .longest = options_.job_poll_max,
                    .timeout = options_.job_timeout},
                   session_->client(), ask, timed_out, stop);
}

Status CloudController::DeleteAndWait(const std::string& path, std::stop_token stop) {
  const ApiCall call{.method = "DELETE", .path = path, .query = "", .body = nullptr};
  const StatusOr<http::HttpResponse> answer = session_->Call(call, stop);
  if (ErrorName(answer.status()) == "cc-10010") return absl::OkStatus();  // gone already
  if (!answer.ok()) return answer.status();
  const StatusOr<JobGuid> job = ReadJobLocation(*answer);
  if (!job.ok()) return WithContext(job.status(), session_->Where("DELETE", path));
  const Status done = WaitForJob(*job, stop);
  if (ErrorName(done) != "job-lost") return done;
  // Whether it did its work is seen by what it was to delete.
  const Status left = session_->Get(path, std::move(stop)).status();
  return ErrorName(left) == "cc-10010" ? absl::OkStatus() : done;
}

}  // namespace sluice::foundation
