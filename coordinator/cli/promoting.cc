#include "coordinator/cli/promoting.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/encoding.h"
#include "coordinator/cli/ordering.h"
#include "coordinator/cli/plan.h"
#include "coordinator/cli/rendering/plan_text.h"
#include "coordinator/cli/rendering/promotion_json.h"

namespace sluice::cli {
namespace {

// 64 random bits: short enough to type, and a coordinator that has the id already says so.
constexpr size_t kPromotionIdBytes = 8;

// By then a coordinator that held a promotion back must not let it activate any more.
constexpr absl::Duration kDeadlineDefault = absl::Hours(24);

struct Route {
  trust::AppReference source;
  std::vector<trust::AppReference> targets;  // each once, none of them the source
};

StatusOr<Route> ParseRoute(const PromoteArguments& arguments) {
  Route route;
  if (arguments.targets.size() > trust::kOrderTargetsMax) {
    return NamedError(StatusCode::kInvalidArgument, "too-many-targets",
                      absl::StrCat("a promotion has at most ", trust::kOrderTargetsMax,
                                   " targets, and these are ", arguments.targets.size(),
                                   "; promote to the others by another"));
  }
  SLUICE_ASSIGN_OR_RETURN(route.source, trust::AppReference::Parse(arguments.source));
  for (const std::string& text : arguments.targets) {
    SLUICE_ASSIGN_OR_RETURN(const trust::TargetReference parsed,
                            trust::TargetReference::Parse(text));
    const trust::AppReference target = parsed.ForApp(route.source.app);
    if (target == route.source) {
      return NamedError(StatusCode::kInvalidArgument, "same-app",
                        absl::StrCat("source and target are both ", route.source.text()));
    }
    if (std::find(route.targets.begin(), route.targets.end(), target) != route.targets.end()) {
      return NamedError(StatusCode::kInvalidArgument, "target-twice",
                        absl::StrCat(target.text(), " is given as a target twice"));
    }
    route.targets.push_back(target);
  }
  return route;
}

std::string ListOf(const std::vector<trust::AppReference>& targets) {
  return absl::StrJoin(targets, ", ", [](std::string* out, const trust::AppReference& target) {
    absl::StrAppend(out, target.text());
  });
}

std::string Question(const Route& route) {
  const size_t count = route.targets.size();
  if (count == 1) return absl::StrCat("Promote to ", ListOf(route.targets), "?");
  return absl::StrCat("Promote to these ", count, " targets: ", ListOf(route.targets), "?");
}

// Without activation the operator who activates says when, unless this one has said it.
std::optional<absl::Duration> DeadlineOf(const PromoteArguments& arguments) {
  if (arguments.deadline.has_value() || !arguments.activate) return arguments.deadline;
  return kDeadlineDefault;
}

StatusOr<trust::Order> MakeOrder(World& world, const Session& session,
                                 const PromoteArguments& arguments, const PromotionPlan& plan) {
  trust::Order order;
  StampOrder(world, session, order);
  order.action = trust::Action::kPromote;
  order.promotion = PromotionId(arguments.id.empty() ? ToHex(world.entropy.Bytes(kPromotionIdBytes))
                                                     : arguments.id);
  order.source = {plan.source.reference, plan.source.app_guid, plan.source.droplet_guid};
  order.artifact = {plan.source.sha256, plan.source.size_bytes, plan.source.stack,
                    plan.source.lifecycle};
  for (const TargetPlan& target : plan.targets) {
    order.targets.push_back({.reference = target.reference,
                             .organization_guid = target.organization_guid,
                             .space_guid = target.space_guid,
                             .app_guid = target.app_guid,
                             .counter = target.counter,
                             .create = target.app_guid.empty() && arguments.create,
                             .droplet_guid = {},
                             .expected_current_droplet_guid = target.current_droplet_guid});
  }
  SLUICE_ASSIGN_OR_RETURN(order.strategy, trust::ParseStrategy(arguments.strategy));
  order.activate = arguments.activate;
  if (const auto deadline = DeadlineOf(arguments)) {
    order.activate_before = order.issued_at + absl::Trunc(*deadline, absl::Seconds(1));
  }
  order.startup_timeout_seconds = absl::ToInt64Seconds(arguments.startup_timeout);
  order.bytes_per_second_max = arguments.bytes_per_second_max;
  order.reason = arguments.reason;
  return order;
}

// The order in which targets are given means nothing.
bool SameTargets(const Route& route, const trust::Order& order) {
  std::vector<trust::AppReference> asked = route.targets;
  std::vector<trust::AppReference> recorded;
  for (const trust::OrderTarget& target : order.targets) recorded.push_back(target.reference);
  std::sort(asked.begin(), asked.end());
  std::sort(recorded.begin(), recorded.end());
  return asked == recorded;
}

bool SameDeadline(const PromoteArguments& arguments, const trust::Order& order) {
  const std::optional<absl::Duration> asked = DeadlineOf(arguments);
  if (!asked.has_value() || !order.activate_before.has_value()) {
    return asked.has_value() == order.activate_before.has_value();
  }
  return *order.activate_before - order.issued_at == absl::Trunc(*asked, absl::Seconds(1));
}

// Whether the recorded order is what these arguments would order. A droplet that was not named was
// chosen by the first call, and stays chosen.
Status CheckSameContent(const PromoteArguments& arguments, const Route& route,
                        const trust::Order& order) {
  std::string_view differing;
  if (order.source.reference != route.source) differing = "source";
  if (!SameTargets(route, order)) differing = "target";
  if (absl::StartsWith(arguments.droplet, "sha256:")) {
    if (arguments.droplet.substr(7) != order.artifact.sha256) differing = "droplet";
  } else if (!arguments.droplet.empty() && arguments.droplet != order.source.droplet_guid.value()) {
    differing = "droplet";
  }
  if (trust::StrategyName(order.strategy) != arguments.strategy) differing = "strategy";
  if (order.activate != arguments.activate) differing = "activation";
  if (order.startup_timeout_seconds != absl::ToInt64Seconds(arguments.startup_timeout)) {
    differing = "startup timeout";
  }
  if (!SameDeadline(arguments, order)) differing = "deadline";
  if (order.bytes_per_second_max != arguments.bytes_per_second_max) differing = "--limit-rate";
  if (order.reason != arguments.reason) differing = "reason";
  const bool creates = std::any_of(order.targets.begin(), order.targets.end(),
                                   [](const trust::OrderTarget& target) { return target.create; });
  if (creates && !arguments.create) differing = "--create";
  if (differing.empty()) return absl::OkStatus();
  return NamedError(
      StatusCode::kInvalidArgument, "promotion-id-used",
      absl::StrCat("the id ", arguments.id, " is of another promotion: its ", ToAbsl(differing),
                   " differs; see 'sluice promotion ", arguments.id, "'"));
}

// The promotion of exactly the id that was given, if there is one.
StatusOr<std::optional<RecordedOrder>> FindRecorded(Session& session, const Route& route,
                                                    const PromoteArguments& arguments) {
  const std::optional<RecordedOrder> none;
  if (arguments.id.empty()) return none;
  StatusOr<v1::PromotionDetail> detail = GetPromotion(session, arguments.id);
  if (!detail.ok()) {
    const std::string name = ErrorName(detail.status());
    if (name == "no-promotion" || name == "ambiguous-id") return none;
    return detail.status();
  }
  if (detail->summary().id() != arguments.id) return none;  // it only begins so
  SLUICE_ASSIGN_OR_RETURN(RecordedOrder recorded, FindOrder(*detail, session.trust()));
  SLUICE_RETURN_IF_ERROR(CheckSameContent(arguments, route, recorded.order));
  return std::optional<RecordedOrder>(std::move(recorded));
}

void ShowPlan(World& world, const GlobalArguments& global, const PromoteArguments& arguments,
              const PromotionPlan& plan) {
  if (!arguments.dry_run) {
    world.terminal.Note(absl::StrCat(RenderPlan(plan, arguments), "\n"));
  } else if (global.output == OutputFormat::kJson) {
    world.terminal.Write(JsonLine({{"plan", PlanJson(plan, arguments)}}));
  } else {
    world.terminal.Write(RenderPlan(plan, arguments));
  }
}

StatusOr<RecordedOrder> SubmitNew(World& world, Session& session, const Route& route,
                                  const PromoteArguments& arguments, const PromotionPlan& plan) {
  SLUICE_ASSIGN_OR_RETURN(trust::Order order, MakeOrder(world, session, arguments, plan));
  StatusOr<std::string> envelope = Submit(session, order);
  if (envelope.ok()) return RecordedOrder{std::move(order), trust::OrderSha256(*envelope), {}};
  if (ErrorName(envelope.status()) != "promotion-exists") return envelope.status();
  // Somebody was faster with the same id.
  SLUICE_ASSIGN_OR_RETURN(std::optional<RecordedOrder> recorded,
                          FindRecorded(session, route, arguments));
  if (recorded.has_value()) return *std::move(recorded);
  return envelope.status();
}

}  // namespace

Status RunPromote(World& world, const GlobalArguments& global, const PromoteArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(const Route route, ParseRoute(arguments));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                          Session::Open(world, global, arguments.wait.timeout));
  SLUICE_ASSIGN_OR_RETURN(std::optional<RecordedOrder> recorded,
                          FindRecorded(*session, route, arguments));
  if (recorded.has_value() && !arguments.dry_run) {
    world.terminal.Note(RevokedKeyNote(*recorded));
    world.terminal.Note(absl::StrCat("promotion ", arguments.id, " is recorded already\n"));
    return FollowToEnd(world, *session, global, arguments.wait, *recorded, Aim::kDone);
  }
  SLUICE_ASSIGN_OR_RETURN(const PromotionPlan plan,
                          PlanPromotion(*session, arguments, route.source, route.targets));
  ShowPlan(world, global, arguments, plan);
  if (arguments.dry_run) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(Confirm(world, arguments.yes, Question(route)));
  SLUICE_ASSIGN_OR_RETURN(const RecordedOrder submitted,
                          SubmitNew(world, *session, route, arguments, plan));
  world.terminal.Note(absl::StrCat("promotion ", submitted.order.promotion.value(), "\n"));
  return FollowToEnd(world, *session, global, arguments.wait, submitted, Aim::kDone);
}

}  // namespace sluice::cli
