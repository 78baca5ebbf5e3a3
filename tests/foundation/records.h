// The foundation's resources as the box keeps them: plain records, named and spelled as in the
// CC v3 API. Their JSON is made in present.h, their rules lie in app_lifecycle.h and the calls.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::box {

using TextMap = std::map<std::string, std::string>;

struct Metadata {
  TextMap labels;
  TextMap annotations;
  bool operator==(const Metadata&) const = default;
};

struct Record {
  uint64_t id = 0;  // grows with creation; the default order of lists
  std::string guid;
  std::time_t created_at = 0;
  std::time_t updated_at = 0;
  Metadata metadata;
};

struct Organization : Record {
  std::string name;
  bool suspended = false;
};

struct Space : Record {
  std::string name;
  std::string organization_guid;
};

struct Stack : Record {
  std::string name;
  std::string state = "ACTIVE";
};

struct Domain : Record {
  std::string name;
};

struct Role : Record {
  std::string type;  // organization_user, space_developer, ...
  std::string user_guid;
  std::string organization_guid;  // one of the two
  std::string space_guid;
};

struct DropletBuildpack {
  std::string name;
  std::string detect_output;
  std::string buildpack_name;
  std::string version;
};

struct Sidecar : Record {
  std::string app_guid;
  std::string name;
  std::string command;
  std::vector<std::string> process_types;
  std::optional<int64_t> memory_in_mb;
  std::string origin = "user";  // or buildpack
};

struct Droplet : Record {
  std::string app_guid;
  std::string state = "AWAITING_UPLOAD";
  std::string lifecycle = "buildpack";  // docker, cnb
  std::optional<std::string> error;
  std::optional<std::string> sha1;
  std::optional<std::string> sha256;
  bool checksum_published = true;  // false: CC shows none, as for very old records
  std::vector<DropletBuildpack> buildpacks;
  std::optional<std::string> stack;
  std::optional<std::string> image;
  std::string execution_metadata;
  TextMap process_types;
  std::optional<std::string> published_sha256_lie;  // what a lying CC shows instead
};

struct HealthCheck {
  std::string type = "process";  // port, http
  std::optional<int64_t> timeout;
  std::optional<int64_t> invocation_timeout;
  std::optional<int64_t> interval;
  std::string endpoint;  // http only
  bool operator==(const HealthCheck&) const = default;
};

// What the instances of a process run. It is fixed when a process is started, restarted or
// deployed, so later changes of the app do not reach running instances.
struct RunSpecification {
  std::string droplet_guid;
  std::string command;  // empty: staging_info.yml decides
  TextMap environment;
};

struct Process : Record {
  std::string app_guid;
  std::string type;
  std::optional<std::string> command;  // a custom one
  int64_t instances = 0;
  int64_t memory_in_mb = 1024;
  int64_t disk_in_mb = 1024;
  int64_t log_rate_limit = -1;
  HealthCheck health_check;
  HealthCheck readiness_health_check;
  std::string version;  // a new one means new instances
  std::optional<std::string> revision_guid;
  RunSpecification run;
};

struct App : Record {
  std::string name;
  std::string space_guid;
  std::string state = "STOPPED";
  std::string lifecycle = "buildpack";
  std::vector<std::string> buildpacks;
  std::string stack;
  std::optional<std::string> current_droplet_guid;
  TextMap environment;
  std::map<std::string, bool> features;  // ssh, revisions, ...
};

struct Revision : Record {
  std::string app_guid;
  int64_t version = 1;
  std::string droplet_guid;
  TextMap environment;
  std::map<std::string, std::optional<std::string>> commands;  // process type -> custom command
  std::vector<Sidecar> sidecars;
  std::string description;
};

struct Deployment : Record {
  std::string app_guid;
  std::string strategy = "rolling";
  std::string status = "ACTIVE";     // FINALIZED
  std::string reason = "DEPLOYING";  // PAUSED, CANCELING, DEPLOYED, CANCELED, SUPERSEDED
  std::time_t last_status_change = 0;
  std::optional<std::time_t> last_successful_healthcheck;
  std::optional<std::string> error;
  std::optional<std::string> droplet_guid;
  std::optional<std::string> previous_droplet_guid;
  std::string web_process_guid;  // the new one
  int64_t original_instances = 0;
  int64_t target_instances = 0;
  int64_t max_in_flight = 1;
  std::optional<std::string> revision_guid;
  std::vector<int64_t> canary_weights;  // percent; empty: one step of one instance
  size_t canary_step = 0;               // counts from 0
};

struct Destination {
  std::string guid;
  std::string app_guid;
  std::string process_type = "web";
  std::optional<int64_t> port;
  std::time_t created_at = 0;
};

struct Route : Record {
  std::string host;
  std::string path;
  std::string domain_guid;
  std::string space_guid;
  std::vector<Destination> destinations;
};

struct JobError {
  int code = 0;
  std::string title;
  std::string detail;
};

struct Job : Record {
  std::string operation;
  std::string state = "PROCESSING";
  std::vector<JobError> errors;
  std::string resource_kind;  // droplet, app, space
  std::string resource_guid;
};

// `detail` is JSON text: events differ in what they tell.
struct AuditEvent : Record {
  std::string type;
  std::string actor_guid;
  std::string actor_type = "user";
  std::string target_guid;
  std::string target_type = "app";
  std::string target_name;
  std::string space_guid;
  std::string organization_guid;
  std::string detail = "{}";
};

struct Client {
  std::string id;
  std::string secret;
  std::vector<std::string> scopes;
  std::optional<double> token_seconds;
};

}  // namespace sluice::box
