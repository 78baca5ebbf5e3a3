#include "coordinator/cli/stepping.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/trust/reference.h"
#include "coordinator/cli/ordering.h"
#include "coordinator/cli/plan.h"
#include "coordinator/cli/rendering/plan_text.h"
#include "coordinator/cli/rendering/promotion_text.h"
#include "coordinator/cli/rendering/text.h"
#include "coordinator/cli/watching.h"

namespace sluice::cli {
namespace {

constexpr absl::Duration kListWait = absl::Seconds(30);
std::vector<std::string> NamesOf(const std::vector<trust::OrderTarget>& targets) {
  std::vector<std::string> names;
  for (const trust::OrderTarget& target : targets) names.push_back(target.reference.text());
  return names;
}

// A session, and the promotion that a command is about with its proven order.
struct Subject {
  std::unique_ptr<Session> session;
  v1::PromotionDetail detail;
  RecordedOrder recorded;
};

// The rest of it, through its session.
Status ReadSubject(World& world, const std::string& id, Subject& subject) {
  SLUICE_ASSIGN_OR_RETURN(subject.detail, GetPromotion(*subject.session, id));
  SLUICE_ASSIGN_OR_RETURN(subject.recorded, FindOrder(subject.detail, subject.session->trust()));
  world.terminal.Note(RevokedKeyNote(subject.recorded));
  return absl::OkStatus();
}

// To end or undo what a revoked key began is one thing, to bring it on is another.
Status CheckKeyInForce(const RecordedOrder& recorded) {
  if (!recorded.revoked_key.has_value()) return absl::OkStatus();
  return NamedError(StatusCode::kPermissionDenied, "key-revoked",
                    absl::StrCat("promotion ", recorded.order.promotion.value(),
                                 " was ordered with a key that is revoked since, and is not "
                                 "activated; promote again under a key of your own"));
}

// Only what has targets can be activated or rolled back.
Status CheckHasTargets(const RecordedOrder& recorded, std::string_view what) {
  if (!recorded.order.recipient.has_value()) return absl::OkStatus();
  return NamedError(
      StatusCode::kInvalidArgument, "is-an-export",
      absl::StrCat(recorded.order.promotion.value(),
                   " is an export: it changes no app, and there is nothing to ", ToAbsl(what)));
}

// The target ran the promotion's droplet before: there is nothing of it to undo.
bool HasChangedNothing(const v1::TargetDetail& target) { return target.path() == "running"; }

StatusOr<bool> HasChanged(Session& session, const std::string& promotion,
                          const std::string& target) {
  SLUICE_ASSIGN_OR_RETURN(const v1::PromotionDetail detail, GetPromotion(session, promotion));
  for (const v1::TargetDetail& each : detail.targets()) {
    if (each.target() == target) return !HasChangedNothing(each);
  }
  return true;
}

// Of a list, newest first: the first that is done at that target and changed something there, when
// it was the only one.
StatusOr<std::string> NewestDoneAt(Session& session, const trust::AppReference& app,
                                   const v1::PromotionList& list) {
  for (const v1::PromotionSummary& promotion : list.promotions()) {
    const auto& targets = promotion.targets();
    if (promotion.state() != v1::PROMOTION_STATE_DONE ||
        std::find(targets.begin(), targets.end(), app.text()) == targets.end()) {
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool changed, HasChanged(session, promotion.id(), app.text()));
    if (!changed) continue;
    if (targets.size() == 1) return promotion.id();
    return NamedError(
        StatusCode::kInvalidArgument, "ambiguous-rollback",
        absl::StrCat("promotion ", promotion.id(), ", the newest one that is done at ", app.text(),
                     ", went to ", targets.size(), " targets; to roll it back at all of them: ",
                     "sluice rollback ", promotion.id()));
  }
  return NamedError(
      StatusCode::kNotFound, "no-promotion",
      absl::StrCat("no promotion that changed what runs there is done at ", app.text(),
                   list.not_searched() > 0 ? ", of those that ended lately; give an older one's id"
                                           : "; to see all: sluice promotions"));
}

// `text` itself when it is no app reference, which alone has a colon.
StatusOr<std::string> PromotionToRollBack(Session& session, const std::string& text) {
  if (!absl::StrContains(text, ':')) return text;
  SLUICE_ASSIGN_OR_RETURN(const trust::AppReference app, trust::AppReference::Parse(text));
  v1::ControlMessage question;
  question.mutable_list_promotions()->set_app(app.text());
  question.mutable_list_promotions()->set_state("done");
  SLUICE_ASSIGN_OR_RETURN(const v1::ControlMessage answer, session.link().Ask(question, kListWait));
  return NewestDoneAt(session, app, answer.promotion_list());
}

StatusOr<Subject> OpenSubject(World& world, const GlobalArguments& global, const std::string& id,
                              std::optional<absl::Duration> timeout) {
  Subject subject;
  SLUICE_ASSIGN_OR_RETURN(subject.session, Session::Open(world, global, timeout));
  SLUICE_RETURN_IF_ERROR(ReadSubject(world, id, subject));
  return subject;
}

Status SubmitAndFollow(World& world, const GlobalArguments& global, const WaitArguments& wait,
                       Subject& subject, trust::Order order, Aim aim) {
  StampOrder(world, *subject.session, order);
  SLUICE_RETURN_IF_ERROR(Submit(*subject.session, order).status());
  std::vector<std::string> undone;
  if (aim == Aim::kRolledBack) undone = NamesOf(order.targets);
  return FollowToEnd(world, *subject.session, global, wait, subject.recorded, aim, undone);
}

// Only what is done can be rolled back, or what could not be undone before; saying so needs no plan
// by agents, who would not know what to plan for.
Status CheckDone(const v1::PromotionDetail& detail) {
  const v1::PromotionState state = detail.summary().state();
  const std::string& id = detail.summary().id();
  if (state == v1::PROMOTION_STATE_DONE || state == v1::PROMOTION_STATE_STUCK) {
    return absl::OkStatus();
  }
  if (state == v1::PROMOTION_STATE_UNDOING) {
    return NamedError(StatusCode::kFailedPrecondition, "promotion-ending",
                      absl::StrCat("promotion ", id,
                                   " is being undone already; watch it with: sluice watch ", id));
  }
  const bool ended = AtRest(state) && state != v1::PROMOTION_STATE_WAITING;
  return NamedError(StatusCode::kFailedPrecondition,
                    ended ? "nothing-to-roll-back" : "promotion-not-done",
                    absl::StrCat("promotion ", id, " is ", StateName(state),
                                 ended ? ": there is nothing to roll back"
                                       : absl::StrCat("; to end it: sluice cancel ", id)));
}

Status CheckNotEnded(const v1::PromotionDetail& detail) {
  const v1::PromotionState state = detail.summary().state();
  if (!AtRest(state) || state == v1::PROMOTION_STATE_WAITING) return absl::OkStatus();
  return NamedError(
      StatusCode::kFailedPrecondition, "promotion-ended",
      absl::StrCat("promotion ", detail.summary().id(), " has ended: ", StateName(state)));
}

bool IsRolledBack(const v1::TargetDetail& target) {
  return target.state() == v1::TARGET_STATE_ROLLED_BACK;
}

// Those that the operator names, or all that have not been rolled back yet; one at least of them
// with something to undo. NotFound "no-such-target", FailedPrecondition "nothing-to-roll-back".
StatusOr<std::vector<trust::OrderTarget>> ChooseTargets(const Subject& subject,
                                                        const std::vector<std::string>& named) {
  const trust::Order& order = subject.recorded.order;
  std::vector<std::string> asked;
  for (const std::string& text : named) {
    SLUICE_ASSIGN_OR_RETURN(const trust::TargetReference parsed,
                            trust::TargetReference::Parse(text));
    asked.push_back(parsed.ForApp(order.source.reference.app).text());
    const std::vector<std::string> known = NamesOf(order.targets);
    if (std::find(known.begin(), known.end(), asked.back()) != known.end()) continue;
    return NamedError(
        StatusCode::kNotFound, "no-such-target",
        absl::StrCat(asked.back(), " is no target of promotion ", order.promotion.value(),
                     "; its targets are ", absl::StrJoin(known, ", ")));
  }
  std::vector<trust::OrderTarget> chosen;
  bool changed = false;
  for (size_t i = 0; i < order.targets.size(); ++i) {
    const std::string name = order.targets[i].reference.text();
    const bool meant = asked.empty() || std::find(asked.begin(), asked.end(), name) != asked.end();
    if (!meant) continue;
    const v1::TargetDetail& target = subject.detail.targets(static_cast<int>(i));
    if (!IsRolledBack(target)) {
      chosen.push_back(order.targets[i]);
      changed = changed || !HasChangedNothing(target);
    } else if (!asked.empty()) {
      return NamedError(StatusCode::kFailedPrecondition, "nothing-to-roll-back",
                        absl::StrCat(name, " is rolled back already"));
    }
  }
  if (!chosen.empty() && !changed) {
    return NamedError(
        StatusCode::kFailedPrecondition, "nothing-to-roll-back",
        absl::StrCat(
            "promotion ", order.promotion.value(), " changed nothing at ",
            absl::StrJoin(NamesOf(chosen), ", "),
            ": the droplet ran there before it; for what changed it last: sluice rollback ",
            chosen.front().reference.text()));
  }
  return chosen;
}

// Somebody's work since the promotion is only replaced by --force.
Status CheckNotPushed(const RollbackPlan& plan, bool force) {
  for (const RollbackTargetPlan& target : plan.targets) {
    if (!target.pushed_since || force) continue;
    return NamedError(
        StatusCode::kFailedPrecondition, "pushed-since",
        absl::StrCat(target.reference.text(),
                     " was pushed since the promotion; give --force to replace that"));
  }
  return absl::OkStatus();
}

trust::Order RollbackOrder(const RecordedOrder& recorded,
                           const std::vector<trust::OrderTarget>& targets, const RollbackPlan& plan,
                           const std::string& reason) {
  trust::Order order = StepOrder(recorded, trust::Action::kRollback, reason);
  order.targets = targets;
  for (size_t i = 0; i < order.targets.size(); ++i) {
    const RollbackTargetPlan& from = plan.targets[i];
    trust::OrderTarget& target = order.targets[i];
    target.organization_guid = from.organization_guid;
    target.space_guid = from.space_guid;
    target.app_guid = from.app_guid;
    target.counter = from.counter;
    target.droplet_guid = from.droplet_guid;
    target.expected_current_droplet_guid = from.current_droplet_guid;
    target.create = target.app_guid.empty();
  }
  return order;
}

}  // namespace

Status RunActivate(World& world, const GlobalArguments& global,
                   const ActivateArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(Subject subject,
                          OpenSubject(world, global, arguments.id, arguments.wait.timeout));
  SLUICE_RETURN_IF_ERROR(CheckHasTargets(subject.recorded, "activate"));
  SLUICE_RETURN_IF_ERROR(CheckNotEnded(subject.detail));
  SLUICE_RETURN_IF_ERROR(CheckKeyInForce(subject.recorded));
  world.terminal.Note(absl::StrCat(RenderSummary(subject.detail), "\n"));
  SLUICE_RETURN_IF_ERROR(
      Confirm(world, arguments.yes,
              absl::StrCat("Activate promotion ", subject.recorded.order.promotion.value(), "?")));
  trust::Order order = StepOrder(subject.recorded, trust::Action::kActivate, arguments.reason);
  order.activate = true;
  return SubmitAndFollow(world, global, arguments.wait, subject, std::move(order), Aim::kDone);
}

Status RunCancel(World& world, const GlobalArguments& global, const CancelArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(Subject subject,
                          OpenSubject(world, global, arguments.id, arguments.wait.timeout));
  return SubmitAndFollow(world, global, arguments.wait, subject,
                         StepOrder(subject.recorded, trust::Action::kCancel, arguments.reason),
                         Aim::kCancelled);
}

Status RunRollback(World& world, const GlobalArguments& global,
                   const RollbackArguments& arguments) {
  Subject subject;
  SLUICE_ASSIGN_OR_RETURN(subject.session, Session::Open(world, global, arguments.wait.timeout));
  SLUICE_ASSIGN_OR_RETURN(const std::string id,
                          PromotionToRollBack(*subject.session, arguments.id));
  SLUICE_RETURN_IF_ERROR(ReadSubject(world, id, subject));
  SLUICE_RETURN_IF_ERROR(CheckHasTargets(subject.recorded, "roll back"));
  SLUICE_RETURN_IF_ERROR(CheckDone(subject.detail));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<trust::OrderTarget> targets,
                          ChooseTargets(subject, arguments.targets));
  const std::string& promotion = subject.recorded.order.promotion.value();
  SLUICE_ASSIGN_OR_RETURN(const RollbackPlan plan,
                          PlanRollback(*subject.session, promotion, targets));
  world.terminal.Note(absl::StrCat(RenderRollbackPlan(plan), "\n"));
  SLUICE_RETURN_IF_ERROR(CheckNotPushed(plan, arguments.force));
  const bool some = targets.size() < subject.recorded.order.targets.size();
  const std::string where =
      some ? absl::StrCat(" at ", absl::StrJoin(NamesOf(targets), ", ")) : std::string();
  SLUICE_RETURN_IF_ERROR(
      Confirm(world, arguments.yes, absl::StrCat("Roll back promotion ", promotion, where, "?")));
  return SubmitAndFollow(world, global, arguments.wait, subject,
                         RollbackOrder(subject.recorded, targets, plan, arguments.reason),
                         Aim::kRolledBack);
}

Status RunWatch(World& world, const GlobalArguments& global, const WatchArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(Subject subject,
                          OpenSubject(world, global, arguments.id, arguments.timeout));
  const WaitArguments wait{.detach = false, .timeout = arguments.timeout};
  return FollowToEnd(world, *subject.session, global, wait, subject.recorded, Aim::kDone);
}

}  // namespace sluice::cli
