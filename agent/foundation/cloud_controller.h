// One foundation's Cloud Controller, in Cloud Foundry's own terms.
//
// Blocking and thread-safe: jobs call it from their own threads. Every method takes the stop token
// of its job and ends soon after a stop with Cancelled "cancelled".
//
// Failures carry Cloud Controller's status, code, title, detail and request id in their message,
// and the foundation's name. Names a caller may tell apart:
//   no-org, no-space, no-app, no-stack, no-droplet      NotFound
//   ambiguous-org, ambiguous-space, ambiguous-app       InvalidArgument
//   login-refused, invalid-token, not-authenticated     Unauthenticated
//   not-authorized                                      PermissionDenied
//   org-suspended, space-suspended, feature-disabled,
//   deployments-disabled, quota-exceeded, name-taken    FailedPrecondition and the like
//   rate-limited, foundation-unavailable, uaa-unavailable, blobstore-unavailable
//                                                       Unavailable
//   outcome-unknown       Unavailable: a request that must not be repeated may have taken effect;
//                         look before trying again
//   cc-<code>             any other error of Cloud Controller's, e.g. cc-10008
//   bad-answer            Unavailable: not Cloud Controller's JSON (a proxy's page, a cut body)
// and the transport's own (common/http/transport.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/foundation/probe.h"
#include "agent/foundation/records.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/http/message.h"
#include "common/http/retry.h"
#include "common/http/transport.h"
#include "common/http/waiter.h"

namespace sluice::foundation {

class ApiSession;

// Read again at every login, so that a changed secret is used without a restart. Thread-safe.
using CredentialsSource = std::function<StatusOr<ClientCredentials>()>;

class CloudController final {
 public:
  struct Options {
    std::string foundation;                           // its name, for messages
    std::string api_url;                              // https://api.<system domain>
    absl::Duration call_timeout = absl::Seconds(60);  // one small request and its answer
    // CC's workers may idle 5 s before they take a job (capi-release, local workers).
    absl::Duration job_poll_first = absl::Seconds(1);
    absl::Duration job_poll_max = absl::Seconds(5);
    // 1200 s is when CC itself gives an upload up (cloud_controller_ng, pending_droplet_cleanup).
    absl::Duration job_timeout = absl::Seconds(1500);
    absl::Duration download_idle_timeout = absl::Seconds(30);
    // gorouter ends any request after this (routing-release, request_timeout_in_seconds).
    absl::Duration upload_limit = absl::Seconds(900);
    http::RetryPolicy retry;
  };
  // Borrowed: transport, clock, waiter; they outlive this.
  CloudController(Options options, CredentialsSource credentials, http::HttpTransport& transport,
                  const Clock& clock, http::Waiter& waiter, uint64_t jitter_seed);
  ~CloudController();
  CloudController(const CloudController&) = delete;
  CloudController& operator=(const CloudController&) = delete;

  const Options& options() const { return options_; }

  // --- The foundation itself (cloud_controller.cc)
  StatusOr<Endpoints> Discover(std::stop_token stop);
  // Never fails as a whole: what does not work is in the facts.
  ProbeFacts Probe(std::stop_token stop);
  // Forgets the token, so that the next call reads the credentials again (SIGHUP).
  void Reload();

  // --- Lookups by name (cloud_controller_lookup.cc). Names match exactly, case included.
  StatusOr<Organization> FindOrganization(std::string_view name, std::stop_token stop);
  StatusOr<Space> FindSpace(const Organization& organization, std::string_view name,
                            std::stop_token stop);
  StatusOr<App> FindApp(const SpaceGuid& space, std::string_view name, std::stop_token stop);
  // All three; no-org, no-space or no-app with the name that is missing.
  StatusOr<AppPlace> FindAppPlace(std::string_view organization, std::string_view space,
                                  std::string_view app, std::stop_token stop);
  StatusOr<App> GetApp(const AppGuid& app, std::stop_token stop);
  // `space` empty: all apps of the organization.
  StatusOr<std::vector<AppPlace>> ListApps(std::string_view organization,
                                           std::optional<std::string_view> space,
                                           std::stop_token stop);
  // Those of these that this client can see, in any order.
  StatusOr<std::vector<Organization>> ListOrganizations(const std::set<OrganizationGuid>& guids,
                                                        std::stop_token stop);
  StatusOr<std::vector<Space>> ListSpaces(const std::set<SpaceGuid>& guids, std::stop_token stop);
  StatusOr<Stack> FindStack(std::string_view name, std::stop_token stop);
  StatusOr<QuotaFacts> GetQuota(const Space& space, std::stop_token stop);
  // Roles of this client in the space (`doctor`, planning).
  StatusOr<std::vector<Role>> ListOwnRoles(std::stop_token stop);

  // --- Droplets (cloud_controller_droplets.cc)
  StatusOr<Droplet> GetDroplet(const DropletGuid& droplet, std::stop_token stop);
  // Never redacted, whatever the role. NotFound no-droplet when the app has none.
  StatusOr<Droplet> GetCurrentDroplet(const AppGuid& app, std::stop_token stop);
  // Newest first; process types are redacted in every list. `states` empty: all.
  StatusOr<std::vector<Droplet>> ListDroplets(const AppGuid& app,
                                              const std::vector<std::string>& states,
                                              std::stop_token stop);
  // STAGED droplets with this SHA-256: of the app, or of every app this client can see. Newest
  // first.
  StatusOr<std::vector<Droplet>> FindStagedDroplets(const AppGuid& app, std::string_view sha256,
                                                    std::stop_token stop);
  StatusOr<std::vector<Droplet>> FindStagedDropletsAnywhere(std::string_view sha256,
                                                            std::stop_token stop);
  // Bytes, by a one-byte range on the signed URL. CC writes an audit event for each call.
  StatusOr<uint64_t> GetDropletSize(const DropletGuid& droplet, std::stop_token stop);
  // Pushes bytes [offset, expected_bytes) into the sink, each once and in order. A broken or idle
  // download is taken up by Range; attempts without progress are bounded. The digest is the
  // caller's to check. DataLoss by name: download-not-a-droplet (a page), download-empty,
  // download-wrong-size, download-truncated, download-changed.
  Status DownloadDroplet(const DropletGuid& droplet, uint64_t offset, uint64_t expected_bytes,
                         http::ByteSink& sink, std::stop_token stop);
  // Those of these that this client created in the app, by an upload or a copy and not by staging.
  // Asks the app's audit events, which Cloud Controller keeps for 31 days by default.
  StatusOr<std::vector<DropletGuid>> FindOwnDroplets(const AppGuid& app,
                                                     std::set<DropletGuid> droplets,
                                                     std::stop_token stop);
  // A new droplet AWAITING_UPLOAD. After a lost answer the one that CC made is found and returned.
  StatusOr<Droplet> CreateDroplet(const AppGuid& app, const ProcessTypes& process_types,
                                  std::stop_token stop);
  // One POST of all the bits. `bits` may block, and may fail to abort the upload: then the droplet
  // still awaits an upload. outcome-unknown: read the droplet's state before the next attempt.
  StatusOr<JobGuid> UploadDroplet(const DropletGuid& droplet, http::BodySource& bits,
                                  std::stop_token stop);
  // A copy for another app of this foundation, in state COPYING: see WaitForCopy. After a lost
  // answer the copy that CC made is found and returned.
  StatusOr<Droplet> CopyDroplet(const Droplet& droplet, const AppGuid& app, std::stop_token stop);
  // Polls until STAGED; FailedPrecondition "copy-failed" when CC says so.
  StatusOr<Droplet> WaitForCopy(const DropletGuid& droplet, std::stop_token stop);
  StatusOr<Droplet> UpdateDropletMetadata(const DropletGuid& droplet, const MetadataChange& change,
                                          std::stop_token stop);
  // Waits for the delete job. A droplet that is gone already is success.
  Status DeleteDroplet(const DropletGuid& droplet, std::stop_token stop);

  // --- Jobs
  StatusOr<Job> GetJob(const JobGuid& job, std::stop_token stop);
  // Polls until COMPLETE. FailedPrecondition job-failed with CC's errors, job-lost when CC
  // does not know it (any more); DeadlineExceeded job-timeout.
  Status WaitForJob(const JobGuid& job, std::stop_token stop);

  // --- Apps (cloud_controller_apps.cc)
  struct CreateAppRequest {
    SpaceGuid space;
    std::string name;
    std::string stack;
    std::vector<std::string> buildpacks = {};
    Metadata metadata = {};
  };
  // After a lost answer an app of that name is taken for ours if it has the request's annotations;
  // without any, none is.
  StatusOr<App> CreateApp(const CreateAppRequest& request, std::stop_token stop);
  // Waits for the delete job. An app that is gone already is success.
  Status DeleteApp(const AppGuid& app, std::stop_token stop);
  Status SetCurrentDroplet(const AppGuid& app, const DropletGuid& droplet, std::stop_token stop);
  StatusOr<App> StartApp(const AppGuid& app, std::stop_token stop);
  StatusOr<App> StopApp(const AppGuid& app, std::stop_token stop);
  // With commands as the role may see them: each process is read by itself, lists are redacted.
  StatusOr<std::vector<Process>> ListProcesses(const AppGuid& app, std::stop_token stop);
  StatusOr<Process> ScaleProcess(const ProcessGuid& process, int64_t instances,
                                 std::stop_token stop);
  StatusOr<ProcessStats> GetProcessStats(const ProcessGuid& process, std::stop_token stop);
  StatusOr<std::vector<Route>> ListRoutes(const AppGuid& app, std::stop_token stop);
  StatusOr<std::vector<Sidecar>> ListSidecars(const AppGuid& app, std::stop_token stop);
  // Crashes of that process's instances since `since`, newest first, at most 50.
  StatusOr<std::vector<AuditEvent>> ListCrashes(const AppGuid& app, const ProcessGuid& process,
                                                absl::Time since, std::stop_token stop);

  // --- Deployments and revisions (cloud_controller_deployments.cc)
  struct CreateDeploymentRequest {
    AppGuid app;
    DropletGuid droplet;
    std::string strategy = "rolling";
    std::optional<int64_t> max_in_flight = {};
    Metadata metadata = {};
  };
  // Sets the app's current droplet at once. A repeat would supersede the first: after a lost answer
  // a new deployment of that droplet with the request's annotations is taken for ours.
  StatusOr<Deployment> CreateDeployment(const CreateDeploymentRequest& request,
                                        std::stop_token stop);
  StatusOr<Deployment> GetDeployment(const DeploymentGuid& deployment, std::stop_token stop);
  // Newest first; `active_only` leaves out the finalized.
  StatusOr<std::vector<Deployment>> ListDeployments(const AppGuid& app, bool active_only,
                                                    std::stop_token stop);
  Status CancelDeployment(const DeploymentGuid& deployment, std::stop_token stop);
  // What instances run, newest first; empty when revisions are off or nothing runs.
  StatusOr<std::vector<Revision>> ListDeployedRevisions(const AppGuid& app, std::stop_token stop);

 private:
  // DELETE and its job; what is gone already is success.
  Status DeleteAndWait(const std::string& path, std::stop_token stop);
  // What a POST made whose answer was lost: the one droplet of `app` in these states that is not
  // among `known`. Unavailable "outcome-unknown" when there are several.
  StatusOr<std::optional<Droplet>> FindNewDroplet(const AppGuid& app,
                                                  const std::vector<std::string>& states,
                                                  const std::vector<Droplet>& known,
                                                  std::stop_token stop);

  const Options options_;
  const std::unique_ptr<ApiSession> session_;
};

}  // namespace sluice::foundation
