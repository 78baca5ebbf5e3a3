#include "coordinator/cli/listings.h"

#include <utility>

#include "coordinator/cli/answer_reader.h"

namespace sluice::cli {
namespace {

using trust::JsonReader;

constexpr int64_t kSkewMillisecondsMax = int64_t{1000} * 86400 * 366;

std::vector<FoundationRole> RolesFrom(JsonReader& reader) {
  std::vector<FoundationRole> roles;
  if (!reader.Has("roles")) return roles;
  for (JsonReader& role : reader.Objects("roles")) {
    roles.push_back({role.String("role"), role.OptionalString("organization_name"),
                     role.OptionalString("space_name"), role.OptionalString("organization"),
                     role.OptionalString("space")});
  }
  return roles;
}

std::vector<FoundationProblem> ProblemsFrom(JsonReader& reader) {
  std::vector<FoundationProblem> problems;
  if (!reader.Has("problems")) return problems;
  for (JsonReader& problem : reader.Objects("problems")) {
    problems.push_back({problem.OptionalString("name"), problem.String("message"),
                        problem.OptionalString("remedy")});
  }
  return problems;
}

ListedDroplet DropletFrom(JsonReader& reader) {
  ListedDroplet droplet;
  droplet.guid = reader.String("guid");
  droplet.state = reader.OptionalString("state");
  droplet.sha256 = reader.OptionalString("sha256");
  droplet.checksum_type = reader.OptionalString("checksum_type");
  droplet.created_at = reader.OptionalString("created_at");
  droplet.stack = reader.OptionalString("stack");
  droplet.buildpacks = StringsOrNone(reader, "buildpacks");
  droplet.origin = reader.OptionalString("origin");
  droplet.current = BoolOr(reader, "current", false);
  return droplet;
}

ListedApp AppFrom(JsonReader& reader) {
  ListedApp app;
  app.organization = reader.String("organization");
  app.space = reader.String("space");
  app.name = reader.String("name");
  app.guid = reader.String("guid");
  app.state = reader.OptionalString("state");
  app.lifecycle = reader.OptionalString("lifecycle");
  app.stack = reader.OptionalString("stack");
  if (reader.Has("droplet")) {
    JsonReader droplet = reader.Object("droplet");
    app.droplet = DropletFrom(droplet);
  }
  return app;
}

}  // namespace

StatusOr<FoundationRow> TakeFoundation(std::string_view answer, FoundationRow row) {
  const std::string name = row.name;
  SLUICE_RETURN_IF_ERROR(ReadAnswer(name, answer, [&row](JsonReader& reader) {
    row.cc_version = reader.OptionalString("cc_version");
    row.api = reader.OptionalString("api");
    row.login = reader.OptionalString("login");
    row.client_id = reader.OptionalString("client_id");
    row.scopes = StringsOrNone(reader, "scopes");
    row.roles = RolesFrom(reader);
    if (reader.Has("clock_skew_milliseconds")) {
      row.clock_skew_milliseconds =
          reader.Integer("clock_skew_milliseconds", -kSkewMillisecondsMax, kSkewMillisecondsMax);
    }
    if (reader.Has("latency_milliseconds")) {
      row.latency_milliseconds = reader.Integer("latency_milliseconds", 0);
    }
    row.problems = ProblemsFrom(reader);
    row.agent_version = reader.OptionalString("agent_version");
  }));
  return row;
}

StatusOr<std::vector<ListedApp>> TakeApps(std::string_view foundation, std::string_view answer) {
  std::vector<ListedApp> apps;
  SLUICE_RETURN_IF_ERROR(ReadAnswer(foundation, answer, [&apps](JsonReader& reader) {
    for (JsonReader& app : reader.Objects("apps")) apps.push_back(AppFrom(app));
  }));
  return apps;
}

StatusOr<std::vector<ListedDroplet>> TakeDroplets(std::string_view foundation,
                                                  std::string_view answer) {
  std::vector<ListedDroplet> droplets;
  SLUICE_RETURN_IF_ERROR(ReadAnswer(foundation, answer, [&droplets](JsonReader& reader) {
    for (JsonReader& droplet : reader.Objects("droplets")) {
      droplets.push_back(DropletFrom(droplet));
    }
  }));
  return droplets;
}

}  // namespace sluice::cli
