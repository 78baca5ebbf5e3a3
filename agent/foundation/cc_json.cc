#include "agent/foundation/cc_json.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "agent/foundation/json_fields.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

using nlohmann::json;

// What Cloud Controller shows instead of a value the role may not see; in lists it goes on with
// " IN LISTS]" (cloud_controller_ng, app/presenters/v3/base_presenter.rb).
constexpr std::string_view kRedacted = "[PRIVATE DATA HIDDEN";

std::map<std::string, std::string> ReadTexts(JsonFields& fields, std::string_view path) {
  std::map<std::string, std::string> texts;
  const json* object = fields.Object(path);
  if (object == nullptr) return texts;
  for (const auto& [key, value] : object->items()) {
    if (value.is_null()) {
      texts[key] = "";
    } else if (value.is_string()) {
      texts[key] = value.get<std::string>();
    } else {
      fields.Fail(path, "holds something that is not text");
    }
  }
  return texts;
}

Metadata ReadMetadata(JsonFields& fields) {
  return {.labels = ReadTexts(fields, "metadata.labels"),
          .annotations = ReadTexts(fields, "metadata.annotations")};
}

template <typename Guid>
std::optional<Guid> OptionalGuid(JsonFields& fields, std::string_view path) {
  std::string text = fields.OptionalText(path);
  if (text.empty()) return std::nullopt;
  return Guid(std::move(text));
}

void ReadProcessTypes(JsonFields& fields, Droplet& droplet) {
  droplet.process_types = ReadTexts(fields, "process_types");
  const auto redacted = droplet.process_types.find("redacted_message");
  if (droplet.process_types.size() == 1 && redacted != droplet.process_types.end() &&
      redacted->second.starts_with(kRedacted)) {
    droplet.process_types_redacted = true;
    droplet.process_types.clear();
  }
}

std::vector<Buildpack> ReadBuildpacks(JsonFields& fields) {
  std::vector<Buildpack> buildpacks;
  const json* list = fields.Array("buildpacks");
  if (list == nullptr) return buildpacks;
  for (const json& element : *list) {
    JsonFields buildpack(element, "buildpack");
    buildpacks.push_back({.name = buildpack.OptionalText("name"),
                          .buildpack_name = buildpack.OptionalText("buildpack_name"),
                          .version = buildpack.OptionalText("version"),
                          .detect_output = buildpack.OptionalText("detect_output")});
    if (!buildpack.status().ok()) fields.Fail("buildpacks", "holds something else");
  }
  return buildpacks;
}

}  // namespace

StatusOr<Organization> ReadOrganization(const json& value) {
  JsonFields fields(value, "organization");
  Organization organization{.guid = OrganizationGuid(fields.Text("guid")),
                            .name = fields.Text("name"),
                            .suspended = fields.Flag("suspended", false)};
  return Finish(std::move(organization), fields);
}

StatusOr<Space> ReadSpace(const json& value) {
  JsonFields fields(value, "space");
  Space space{
      .guid = SpaceGuid(fields.Text("guid")),
      .name = fields.Text("name"),
      .organization_guid = OrganizationGuid(fields.Text("relationships.organization.data.guid")),
      .suspended = fields.Flag("suspended", false)};
  return Finish(std::move(space), fields);
}

StatusOr<App> ReadApp(const json& value) {
  JsonFields fields(value, "app");
  App app{.guid = AppGuid(fields.Text("guid")),
          .name = fields.Text("name"),
          .state = fields.Text("state"),
          .lifecycle_type = fields.Text("lifecycle.type"),
          .stack = fields.OptionalText("lifecycle.data.stack"),
          .buildpacks = fields.TextList("lifecycle.data.buildpacks"),
          .space_guid = SpaceGuid(fields.Text("relationships.space.data.guid")),
          .current_droplet_guid =
              OptionalGuid<DropletGuid>(fields, "relationships.current_droplet.data.guid"),
          .updated_at = fields.Time("updated_at"),
          .metadata = ReadMetadata(fields)};
  return Finish(std::move(app), fields);
}

StatusOr<Droplet> ReadDroplet(const json& value) {
  JsonFields fields(value, "droplet");
  Droplet droplet{.guid = DropletGuid(fields.Text("guid")),
                  .state = fields.Text("state"),
                  .error = fields.OptionalText("error"),
                  .lifecycle_type = fields.Text("lifecycle.type"),
                  .checksum = std::nullopt,
                  .stack = fields.OptionalText("stack"),
                  .buildpacks = ReadBuildpacks(fields),
                  .process_types = {},
                  .execution_metadata = fields.OptionalText("execution_metadata"),
                  .app_guid = AppGuid(fields.OptionalText("relationships.app.data.guid")),
                  .created_at = fields.Time("created_at").value_or(absl::InfinitePast()),
                  .metadata = ReadMetadata(fields)};
  if (fields.Object("checksum") != nullptr) {
    droplet.checksum = Checksum{.type = fields.OptionalText("checksum.type"),
                                .value = fields.OptionalText("checksum.value")};
    if (droplet.checksum->value.empty()) droplet.checksum.reset();
  }
  ReadProcessTypes(fields, droplet);
  return Finish(std::move(droplet), fields);
}

StatusOr<Process> ReadProcess(const json& value) {
  JsonFields fields(value, "process");
  Process process{.guid = ProcessGuid(fields.Text("guid")),
                  .type = fields.Text("type"),
                  .command = fields.OptionalText("command"),
                  .instances = fields.Number("instances").value_or(0),
                  .memory_in_mb = fields.Number("memory_in_mb").value_or(0),
                  .disk_in_mb = fields.Number("disk_in_mb").value_or(0),
                  .health_check_type = fields.OptionalText("health_check.type"),
                  .revision_guid = fields.OptionalText("relationships.revision.data.guid"),
                  .created_at = fields.Time("created_at").value_or(absl::InfinitePast())};
  if (process.command.starts_with(kRedacted)) {
    process.command_redacted = true;
    process.command.clear();
  }
  return Finish(std::move(process), fields);
}

StatusOr<ProcessInstance> ReadProcessInstance(const json& value) {
  JsonFields fields(value, "process instance");
  ProcessInstance instance{.type = fields.OptionalText("type"),
                           .index = fields.Number("index").value_or(0),
                           .state = fields.Text("state"),
                           .uptime = absl::Seconds(fields.Number("uptime").value_or(0)),
                           .details = fields.OptionalText("details")};
  return Finish(std::move(instance), fields);
}

StatusOr<Deployment> ReadDeployment(const json& value) {
  JsonFields fields(value, "deployment");
  Deployment deployment{
      .guid = DeploymentGuid(fields.Text("guid")),
      .status_value = fields.Text("status.value"),
      .status_reason = fields.OptionalText("status.reason"),
      .error = fields.OptionalText("status.details.error"),
      .strategy = fields.OptionalText("strategy"),
      .app_guid = AppGuid(fields.OptionalText("relationships.app.data.guid")),
      .droplet_guid = OptionalGuid<DropletGuid>(fields, "droplet.guid"),
      .previous_droplet_guid = OptionalGuid<DropletGuid>(fields, "previous_droplet.guid"),
      .new_process_guids = {},
      .revision_guid = fields.OptionalText("revision.guid"),
      .last_successful_health_check = fields.Time("status.details.last_successful_healthcheck"),
      .created_at = fields.Time("created_at").value_or(absl::InfinitePast()),
      .metadata = ReadMetadata(fields)};
  if (const json* processes = fields.Array("new_processes")) {
    for (const json& element : *processes) {
      JsonFields process(element, "new process");
      deployment.new_process_guids.emplace_back(process.Text("guid"));
      if (!process.status().ok()) fields.Fail("new_processes", "holds something else");
    }
  }
  return Finish(std::move(deployment), fields);
}

StatusOr<Revision> ReadRevision(const json& value) {
  JsonFields fields(value, "revision");
  Revision revision{.guid = fields.Text("guid"),
                    .version = fields.Number("version").value_or(0),
                    .droplet_guid = OptionalGuid<DropletGuid>(fields, "droplet.guid"),
                    .deployable = fields.Flag("deployable", false),
                    .description = fields.OptionalText("description")};
  return Finish(std::move(revision), fields);
}

StatusOr<Job> ReadJob(const json& value) {
  JsonFields fields(value, "job");
  Job job{.guid = JobGuid(fields.Text("guid")),
          .operation = fields.OptionalText("operation"),
          .state = fields.Text("state"),
          .errors = ReadErrors(value)};
  return Finish(std::move(job), fields);
}

std::vector<JobError> ReadErrors(const json& value) {
  std::vector<JobError> errors;
  JsonFields answer(value, "answer");
  const json* list = answer.Array("errors");
  if (list == nullptr) return errors;
  for (const json& element : *list) {
    JsonFields fields(element, "error");
    JobError error{.code = fields.Number("code").value_or(0),
                   .title = fields.OptionalText("title"),
                   .detail = fields.OptionalText("detail")};
    if (fields.status().ok()) errors.push_back(std::move(error));
  }
  return errors;
}

json WriteMetadata(const Metadata& metadata) {
  return {{"labels", json(metadata.labels)}, {"annotations", json(metadata.annotations)}};
}

json WriteMetadataChange(const MetadataChange& change) {
  const auto write = [](const std::map<std::string, std::optional<std::string>>& values) {
    json object = json::object();
    for (const auto& [key, value] : values) object[key] = value ? json(*value) : json(nullptr);
    return object;
  };
  return {{"labels", write(change.labels)}, {"annotations", write(change.annotations)}};
}

}  // namespace sluice::foundation
