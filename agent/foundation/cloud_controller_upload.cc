// The upload of a droplet's bits: one POST that cannot be resumed.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_error.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/job_location.h"
#include "agent/foundation/multipart.h"

namespace sluice::foundation {
namespace {

// Cloud Controller takes only names that end so (cloud_controller_ng,
// app/messages/droplet_upload_message.rb).
constexpr std::string_view kFileName = "droplet.tgz";
// After the last byte nginx hands the file over and Cloud Controller makes a job: not one byte
// moves meanwhile, on a busy API for a while.
constexpr absl::Duration kAnswerTimeout = absl::Minutes(2);

// What an upload that got no 202 means. nginx passes nothing to Cloud Controller before the whole
// body is there, so an upload that broke off leaves the droplet awaiting one.
Status UploadFailure(const StatusOr<http::HttpResponse>& answer, const MultipartSource& body,
                     const std::string& where, const std::string& foundation) {
  if (!body.file_failure().ok()) return body.file_failure();
  if (!answer.ok()) {
    const Status& failure = answer.status();
    if (body.GivenWhole() && failure.code() != StatusCode::kCancelled) {
      return OutcomeUnknown(where, FromAbsl(failure.message()));
    }
    return WithContext(failure, foundation);
  }
  const Status refused = StatusFromAnswer(*answer, where);
  const bool from_proxy = !answer->body.starts_with('{');
  if (body.GivenWhole() && from_proxy && (answer->status == 502 || answer->status == 504)) {
    return OutcomeUnknown(where, FromAbsl(refused.message()));
  }
  return NameMissing(refused, "no-droplet");
}

}  // namespace

StatusOr<JobGuid> CloudController::UploadDroplet(const DropletGuid& droplet, http::BodySource& bits,
                                                 std::stop_token stop) {
  // Cloud Controller judges token, role and state only after it has taken the whole body: this
  // asks beforehand, and renews a token that is refused.
  SLUICE_ASSIGN_OR_RETURN(const Droplet waiting, GetDroplet(droplet, stop));
  if (waiting.state != "AWAITING_UPLOAD") {
    return NamedError(StatusCode::kFailedPrecondition, "droplet-not-awaiting-upload",
                      absl::StrFormat("%s: droplet %s is %s and takes no upload any more",
                                      options_.foundation, droplet.value(), waiting.state));
  }
  RetryingClient& client = session_->client();
  std::string boundary =
      absl::StrFormat("sluice-%016x%016x", client.NextRandom(), client.NextRandom());
  MultipartSource body("bits", kFileName, std::move(boundary), bits);
  http::HttpRequest request{.method = "POST",
                            .url = "",
                            .headers = {{"Content-Type", body.ContentType()}},
                            .body = "",
                            .timeouts = {}};
  request.body_source = &body;
  request.timeouts.total = options_.upload_limit;
  request.timeouts.idle = kAnswerTimeout;
  const std::string path = absl::StrCat("/v3/droplets/", PathSegment(droplet.value()), "/upload");
  const std::string where = session_->Where("POST", path);
  AccessToken token;
  const auto answer = session_->PerformOnce(std::move(request), path, token, std::move(stop));
  if (answer.ok() && TokenRefused(*answer)) session_->Forget(token);
  if (!answer.ok() || answer->status != 202) {
    return UploadFailure(answer, body, where, options_.foundation);
  }
  StatusOr<JobGuid> job = ReadJobLocation(*answer);
  if (!job.ok()) return OutcomeUnknown(where, FromAbsl(job.status().message()));
  return job;
}

}  // namespace sluice::foundation
