// Cloud Foundry's things as Cloud Controller shows them, reduced to what a promotion needs.
// Field names are Cloud Controller's own (CC v3 API documentation).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/base/strong.h"

namespace sluice::foundation {

struct ClientCredentials {
  std::string client_id;
  Secret client_secret;
};

// Labels and annotations of a resource.
struct Metadata {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  // All of these, whatever there is besides.
  bool HasAnnotations(const std::map<std::string, std::string>& wanted) const;
};

// A change of metadata: no value deletes the key. Keys that are not named stay.
struct MetadataChange {
  std::map<std::string, std::optional<std::string>> labels;
  std::map<std::string, std::optional<std::string>> annotations;
};

struct Organization {
  OrganizationGuid guid;
  std::string name;
  bool suspended = false;
};

struct Space {
  SpaceGuid guid;
  std::string name;
  OrganizationGuid organization_guid;
  bool suspended = false;
};

struct App {
  AppGuid guid;
  std::string name;
  std::string state;           // STARTED, STOPPED
  std::string lifecycle_type;  // buildpack, cnb, docker
  std::string stack;           // empty for docker
  std::vector<std::string> buildpacks;
  SpaceGuid space_guid;
  std::optional<DropletGuid> current_droplet_guid;
  std::optional<absl::Time> updated_at;  // by Cloud Controller's clock, whole seconds
  Metadata metadata;
};

// An app with the names of where it is.
struct AppPlace {
  Organization organization;
  Space space;
  App app;
};

struct Checksum {
  std::string type;   // sha256, sha1
  std::string value;  // lower-case hexadecimal
};

struct Buildpack {
  std::string name;
  std::string buildpack_name;
  std::string version;
  std::string detect_output;
};

// process type -> start command
using ProcessTypes = std::map<std::string, std::string>;

struct Droplet {
  DropletGuid guid;
  std::string state;  // AWAITING_UPLOAD, PROCESSING_UPLOAD, STAGED, FAILED, COPYING, EXPIRED
  std::string error;  // may be left over from an earlier attempt: judge by `state`
  std::string lifecycle_type;  // buildpack, cnb, docker
  std::optional<Checksum> checksum;
  std::string stack;  // empty for an uploaded droplet, for ever
  std::vector<Buildpack> buildpacks;
  ProcessTypes process_types;
  // Cloud Controller hides process types from roles without the right to see them, and in lists
  // from everybody. Then process_types is empty and means nothing.
  bool process_types_redacted = false;
  std::string execution_metadata;
  AppGuid app_guid;
  absl::Time created_at;
  Metadata metadata;

  bool Staged() const { return state == "STAGED"; }
  // The published SHA-256, or "" when Cloud Controller only knows another checksum or none.
  std::string Sha256() const;
};

struct Process {
  ProcessGuid guid;
  std::string type;
  std::string command;  // the custom one or the droplet's
  bool command_redacted = false;
  int64_t instances = 0;
  int64_t memory_in_mb = 0;
  int64_t disk_in_mb = 0;
  std::string health_check_type;
  std::string revision_guid;  // empty without revisions
  absl::Time created_at;
};

struct ProcessInstance {
  std::string type;
  int64_t index = 0;
  std::string state;  // RUNNING, STARTING, CRASHED, DOWN, STOPPING
  absl::Duration uptime;
  std::string details;  // placement errors and, for some crashes, their reason
};

struct ProcessStats {
  std::vector<ProcessInstance> instances;  // by index
  int64_t CountInState(std::string_view state) const;
};

struct Deployment {
  DeploymentGuid guid;
  std::string status_value;   // ACTIVE, FINALIZED
  std::string status_reason;  // DEPLOYING, PAUSED, CANCELING; DEPLOYED, CANCELED, SUPERSEDED
  std::string error;          // internal errors only: a crashing app never shows here
  std::string strategy;
  AppGuid app_guid;
  std::optional<DropletGuid> droplet_guid;
  std::optional<DropletGuid> previous_droplet_guid;
  std::vector<ProcessGuid> new_process_guids;
  std::string revision_guid;
  std::optional<absl::Time> last_successful_health_check;
  absl::Time created_at;
  Metadata metadata;

  bool Finalized() const { return status_value == "FINALIZED"; }
  bool Deployed() const { return Finalized() && status_reason == "DEPLOYED"; }
};

struct Revision {
  std::string guid;
  int64_t version = 0;
  std::optional<DropletGuid> droplet_guid;
  bool deployable = false;  // its droplet is still STAGED
  std::string description;
};

struct JobError {
  int64_t code = 0;
  std::string title;
  std::string detail;
};

struct Job {
  JobGuid guid;
  std::string operation;  // "droplet.upload"
  std::string state;      // PROCESSING, POLLING, COMPLETE, FAILED
  std::vector<JobError> errors;
};

struct Stack {
  std::string guid;
  std::string name;
  std::string state;  // ACTIVE, RESTRICTED, DEPRECATED, DISABLED; empty before CC 3.210
};

struct Route {
  std::string guid;
  std::string url;
};

struct Sidecar {
  std::string guid;
  std::string name;
  std::string command;
  std::vector<std::string> process_types;
  std::optional<int64_t> memory_in_mb;
  std::string origin;  // user, buildpack
};

struct Role {
  std::string type;  // space_developer, organization_user, ...
  std::optional<OrganizationGuid> organization_guid;
  std::optional<SpaceGuid> space_guid;
};

struct AuditEvent {
  std::string guid;
  std::string type;        // "audit.app.process.crash"
  std::string actor_guid;  // of a crash: the process
  absl::Time created_at;
  std::string reason;            // `reason` of a crash event: CRASHED, ...
  std::string exit_description;  // what the cell said about the exit
  int64_t exit_status = 0;
  int64_t index = 0;
  // Of "audit.app.droplet.create": which droplet, and by which package it was staged, if it was.
  DropletGuid droplet_guid;
  std::string package_guid;
};

// Limits of one quota; absent means unlimited.
struct QuotaLimits {
  std::string guid;
  std::string name;
  std::optional<int64_t> total_memory_in_mb;
  std::optional<int64_t> per_process_memory_in_mb;
  std::optional<int64_t> total_instances;
};

// What a space may use, and what its organization uses of the organization's part.
struct QuotaFacts {
  std::optional<QuotaLimits> organization;
  std::optional<QuotaLimits> space;  // a space need not have one
  std::optional<int64_t> organization_memory_used_in_mb;
  std::optional<int64_t> organization_instances_started;
  std::optional<int64_t> space_memory_used_in_mb;
  std::optional<int64_t> space_instances_started;
};

// What the foundation says of itself without a login.
struct Endpoints {
  std::string api_url;
  std::string login_url;
  std::string uaa_url;
  std::string api_version;  // "3.228.0"
};

}  // namespace sluice::foundation
