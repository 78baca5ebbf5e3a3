#include "coordinator/cli/run.h"

#include <nlohmann/json.hpp>
#include <variant>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/exporting.h"
#include "coordinator/cli/inspecting.h"
#include "coordinator/cli/promoting.h"
#include "coordinator/cli/rendering/completion_script.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/reporting.h"
#include "coordinator/cli/stepping.h"
#include "coordinator/cli/trust_keeping.h"
#include "coordinator/cli/version.h"

namespace sluice::cli {
namespace {

// One overload for each command of the variant.
struct Dispatch {
  World& world;
  const GlobalArguments& global;

  Status operator()(const PromoteArguments& a) const { return RunPromote(world, global, a); }
  Status operator()(const ExportArguments& a) const { return RunExport(world, global, a); }
  Status operator()(const ActivateArguments& a) const { return RunActivate(world, global, a); }
  Status operator()(const CancelArguments& a) const { return RunCancel(world, global, a); }
  Status operator()(const RollbackArguments& a) const { return RunRollback(world, global, a); }
  Status operator()(const PromotionsArguments& a) const { return RunPromotions(world, global, a); }
  Status operator()(const PromotionArguments& a) const { return RunPromotion(world, global, a); }
  Status operator()(const WatchArguments& a) const { return RunWatch(world, global, a); }
  Status operator()(const FoundationsArguments&) const { return RunFoundations(world, global); }
  Status operator()(const AppsArguments& a) const { return RunApps(world, global, a); }
  Status operator()(const DropletsArguments& a) const { return RunDroplets(world, global, a); }
  Status operator()(const KeygenArguments& a) const { return RunKeygen(world, global, a); }
  Status operator()(const TrustInitArguments& a) const { return RunTrustInit(world, global, a); }
  Status operator()(const TrustAddOperatorArguments& a) const {
    return RunTrustAddOperator(world, global, a);
  }
  Status operator()(const TrustAddFoundationArguments& a) const {
    return RunTrustAddFoundation(world, global, a);
  }
  Status operator()(const TrustShowArguments& a) const { return RunTrustShow(world, global, a); }
  Status operator()(const VersionArguments&) const {
    world.terminal.Write(global.output == OutputFormat::kJson
                             ? JsonLine({{"version", std::string(kVersion)}})
                             : absl::StrCat("sluice ", ToAbsl(kVersion), "\n"));
    return absl::OkStatus();
  }
  Status operator()(const CompletionArguments& a) const {
    world.terminal.Write(CompletionScript(a.shell));
    return absl::OkStatus();
  }
  Status operator()(const HelpArguments& a) const {
    world.terminal.Write(a.text);
    return absl::OkStatus();
  }
};

}  // namespace

int Run(World& world, const std::vector<std::string>& words) {
  const StatusOr<Arguments> arguments = ParseArguments(words);
  Status status = arguments.ok()
                      ? std::visit(Dispatch{world, arguments->global}, arguments->command)
                      : arguments.status();
  // Who asks for data and gets none must not take it for an empty answer.
  if (status.ok()) status = world.terminal.Written();
  if (!status.ok()) ReportError(world.terminal, RequestedOutput(words), status);
  return ExitCodeOf(status);
}

}  // namespace sluice::cli
