#include "coordinator/cli/rendering/plan_text.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/plan.h"
#include "coordinator/cli/rendering/text.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

std::string Field(std::string_view name, const std::string& value) {
  return absl::StrFormat("%-12s%s\n", name, value.empty() ? "-" : Printable(value));
}

std::string Item(std::string_view text) { return absl::StrCat("  - ", Printable(text), "\n"); }

std::string Buildpacks(const SourcePlan& source) {
  std::vector<std::string> names;
  for (const PlannedBuildpack& buildpack : source.buildpacks) {
    names.push_back(buildpack.version.empty()
                        ? buildpack.name
                        : absl::StrCat(buildpack.name, " ", buildpack.version));
  }
  return absl::StrJoin(names, ", ");
}

std::string ProcessTypes(const SourcePlan& source) {
  std::vector<std::string> types;
  for (const auto& [type, command] : source.process_types) types.push_back(type);
  return absl::StrJoin(types, ", ");
}

std::string Upload(const TargetPlan& target) {
  if (target.already == "running") return "nothing: it runs this droplet";
  if (target.already == "current") return "nothing: this droplet is its current one";
  if (target.already == "stored") return "nothing: it has this droplet";
  if (target.upload == "copy") {
    return target.upload_why.empty()
               ? "nothing: another app there has this droplet, which is copied"
               : absl::StrCat("nothing: it is copied there, ", target.upload_why);
  }
  if (target.upload_why.empty()) return target.upload;
  return absl::StrCat(target.upload, " (", target.upload_why, ")");
}

std::string Activation(const TargetPlan& target, const PromoteArguments& arguments) {
  if (target.already == "running") return "nothing: it runs this droplet";
  return arguments.activate ? arguments.strategy : "none, until 'sluice activate'";
}

std::string Now(const TargetPlan& target) {
  if (!target.exists) return "the app does not exist";
  std::string now = absl::StrCat(target.state.empty() ? "exists" : target.state, ", ",
                                 target.instances, " instances");
  if (!target.current_sha256.empty()) absl::StrAppend(&now, ", sha256:", target.current_sha256);
  return now;
}

std::string RenderTarget(const TargetPlan& target, const PromoteArguments& arguments) {
  std::string out = absl::StrCat("\n", Field("target", target.reference.text()),
                                 Field("now", Now(target)), Field("transfer", Upload(target)),
                                 Field("activation", Activation(target, arguments)));
  if (target.estimated_seconds.has_value()) {
    absl::StrAppend(&out, Field("takes", absl::StrCat("about ", FormatSeconds(absl::Seconds(
                                                                    *target.estimated_seconds)))));
  }
  if (!target.undo.empty()) absl::StrAppend(&out, Field("undo", target.undo));
  if (!target.changes.empty()) {
    absl::StrAppend(&out, "changes\n");
    for (const std::string& change : target.changes) absl::StrAppend(&out, Item(change));
  }
  if (!target.warnings.empty()) {
    absl::StrAppend(&out, "warnings\n");
    for (const std::string& warning : target.warnings) absl::StrAppend(&out, Item(warning));
  }
  return out;
}

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json SourceJson(const SourcePlan& source) {
  json buildpacks = json::array();
  for (const PlannedBuildpack& buildpack : source.buildpacks) {
    buildpacks.push_back({{"name", buildpack.name}, {"version", buildpack.version}});
  }
  return {{"app", source.reference.text()},
          {"app_guid", source.app_guid.value()},
          {"droplet_guid", source.droplet_guid.value()},
          {"sha256", source.sha256},
          {"size_bytes", source.size_bytes},
          {"stack", OrNull(source.stack)},
          {"lifecycle", source.lifecycle},
          {"buildpacks", buildpacks},
          {"process_types", json(source.process_types)},
          {"created_at", OrNull(source.created_at)},
          {"origin", OrNull(source.origin)},
          {"warnings", source.warnings}};
}

json TargetJson(const TargetPlan& target) {
  return {{"app", target.reference.text()},
          {"app_guid", OrNull(target.app_guid.value())},
          {"exists", target.exists},
          {"state", OrNull(target.state)},
          {"instances", target.instances},
          {"current_droplet_guid", OrNull(target.current_droplet_guid.value())},
          {"current_sha256", OrNull(target.current_sha256)},
          {"already", target.already},
          {"upload", target.upload},
          {"upload_why", OrNull(target.upload_why)},
          {"changes", target.changes},
          {"warnings", target.warnings},
          {"undo", target.undo},
          {"estimated_seconds",
           target.estimated_seconds ? json(*target.estimated_seconds) : json(nullptr)}};
}

std::string RenderRollbackTarget(const RollbackTargetPlan& target) {
  std::string back = absl::StrCat(target.droplet_guid.value(), "  sha256:", target.sha256);
  if (target.deletes_app) {
    back = "delete the app, which the promotion created";
  } else if (target.droplet_guid.empty()) {
    back = "no droplet, as before: the app is stopped";
  }
  const std::string now =
      target.current_droplet_guid.empty()
          ? "no droplet"
          : absl::StrCat(target.current_droplet_guid.value(), "  sha256:", target.current_sha256);
  std::string out = absl::StrCat(Field("target", target.reference.text()), Field("now", now),
                                 Field("back to", back));
  if (target.pushed_since) {
    absl::StrAppend(&out, Field("pushed", "since the promotion somebody pushed this app"));
  }
  for (const std::string& warning : target.warnings) {
    absl::StrAppend(&out, Field("warning", warning));
  }
  return out;
}

}  // namespace

std::string RenderPlan(const PromotionPlan& plan, const PromoteArguments& arguments) {
  const SourcePlan& source = plan.source;
  std::string out =
      absl::StrCat(Field("source", source.reference.text()),
                   Field("droplet", absl::StrCat("sha256:", source.sha256)),
                   Field("", absl::StrCat(source.droplet_guid.value(), "  ",
                                          FormatBytes(static_cast<uint64_t>(source.size_bytes)),
                                          "  ", source.created_at)),
                   Field("stack", source.stack), Field("buildpacks", Buildpacks(source)),
                   Field("processes", ProcessTypes(source)));
  if (!source.origin.empty()) absl::StrAppend(&out, Field("origin", source.origin));
  if (const auto rate = arguments.bytes_per_second_max) {
    absl::StrAppend(&out, Field("rate", absl::StrCat(FormatRate(static_cast<double>(*rate)),
                                                     " at most, at each agent")));
  }
  if (arguments.deadline.has_value()) {
    absl::StrAppend(&out, Field("deadline", absl::StrCat("no activation later than ",
                                                         absl::FormatDuration(*arguments.deadline),
                                                         " after the order")));
  }
  for (const std::string& warning : source.warnings) {
    absl::StrAppend(&out, Field("warning", warning));
  }
  for (const TargetPlan& target : plan.targets) {
    absl::StrAppend(&out, RenderTarget(target, arguments));
  }
  return out;
}

json PlanJson(const PromotionPlan& plan, const PromoteArguments& arguments) {
  json targets = json::array();
  for (const TargetPlan& target : plan.targets) targets.push_back(TargetJson(target));
  return {{"source", SourceJson(plan.source)},
          {"targets", targets},
          {"strategy", arguments.strategy},
          {"activate", arguments.activate},
          {"bytes_per_second_max",
           arguments.bytes_per_second_max ? json(*arguments.bytes_per_second_max) : json(nullptr)}};
}

std::string RenderRollbackPlan(const RollbackPlan& plan) {
  std::string out;
  for (const RollbackTargetPlan& target : plan.targets) {
    absl::StrAppend(&out, RenderRollbackTarget(target));
  }
  return out;
}

}  // namespace sluice::cli
