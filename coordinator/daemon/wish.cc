#include "coordinator/daemon/wish.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coordinator/daemon/job_states.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

std::string StepOrder(const std::optional<Step>& step) {
  return step ? step->envelope : std::string();
}

bool HasRoute(const Promotion& promotion, uint32_t target_index) {
  return std::any_of(
      promotion.routes.begin(), promotion.routes.end(),
      [target_index](const ChosenRoute& route) { return route.target_index == target_index; });
}

std::optional<Wish> SourceWish(const Promotion& promotion) {
  if (IsEnd(promotion.source.state)) return std::nullopt;
  Wish wish;
  wish.foundation = promotion.terms.source_foundation;
  wish.role = v1::JOB_ROLE_SOURCE;
  if (promotion.undo) {
    // After a rollback the source's part is history: what it sent was right.
    if (promotion.undo == UndoKind::kRollback) return std::nullopt;
    wish.step = v1::JOB_STEP_CANCEL;
    wish.step_order = StepOrder(promotion.undo_step);
    return wish;
  }
  // Without an end of its own it would wait for receivers that need nothing any more; as would one
  // whose agent was away while targets that had the droplet went on without it.
  const bool needed = IsExport(promotion.terms) ||
                      std::any_of(promotion.targets.begin(), promotion.targets.end(),
                                  [](const TargetJob& job) { return !HasUploaded(job.state); });
  if (!needed && (promotion.source.state == v1::SOURCE_STATE_SENDING || Ended(promotion))) {
    wish.step = v1::JOB_STEP_CANCEL;
    return wish;
  }
  if (Ended(promotion)) return std::nullopt;
  if (promotion.routes.empty()) {
    wish.step = v1::JOB_STEP_ACCEPT;
    return wish;
  }
  wish.step = v1::JOB_STEP_TRANSFER;
  wish.routes = promotion.routes;
  std::erase_if(wish.routes,
                [](const ChosenRoute& route) { return route.path == ChosenRoute::Path::kPeer; });
  for (uint32_t index = 0; index < promotion.targets.size(); ++index) {
    if (HasRoute(promotion, index)) wish.seal_offers.push_back(promotion.targets[index].seal_offer);
  }
  return wish;
}

std::optional<Wish> TargetWish(const Promotion& promotion, uint32_t index) {
  const TargetJob& job = promotion.targets[index];
  if (Ended(promotion) || (IsEnd(job.state) && !job.asked_again)) return std::nullopt;
  Wish wish;
  wish.foundation = promotion.terms.targets[index].foundation;
  wish.role = v1::JOB_ROLE_TARGET;
  wish.target_index = index;
  if (promotion.undo) {
    if (!UndoConcerns(promotion, job)) return std::nullopt;
    wish.step = promotion.undo == UndoKind::kCancel ? v1::JOB_STEP_CANCEL : v1::JOB_STEP_UNDO;
    wish.step_order = StepOrder(promotion.undo_step);
    return wish;
  }
  if (job.state == v1::TARGET_STATE_VERIFIED) return std::nullopt;
  wish.statement = promotion.source.statement;
  if (promotion.activation_released) {
    wish.step = v1::JOB_STEP_ACTIVATE;
    wish.step_order = StepOrder(promotion.activate_step);
    return wish;
  }
  if (HasUploaded(job.state)) return std::nullopt;
  if (HasRoute(promotion, index)) {
    wish.step = v1::JOB_STEP_TRANSFER;
    // Its own, and those to its fellows.
    for (const ChosenRoute& route : promotion.routes) {
      const bool own = route.target_index == index;
      if (own || route.path == ChosenRoute::Path::kPeer) wish.routes.push_back(route);
    }
    return wish;
  }
  const uint32_t carrier = CarrierOf(promotion.terms, index);
  const bool brought = carrier != index && HasUploaded(promotion.targets[carrier].state);
  const bool at_source =
      IsAtSource(promotion.terms, index) && promotion.state == v1::PROMOTION_STATE_TRANSFERRING;
  if (brought || at_source) {
    wish.step = v1::JOB_STEP_TRANSFER;
    return wish;
  }
  wish.step = v1::JOB_STEP_ACCEPT;
  wish.statement.clear();  // so that its coming does not look like another wish
  return wish;
}

}  // namespace

std::vector<Wish> Wishes(const Promotion& promotion) {
  std::vector<Wish> wishes;
  if (promotion.id.empty()) return wishes;
  if (auto wish = SourceWish(promotion)) wishes.push_back(*std::move(wish));
  for (uint32_t index = 0; index < promotion.targets.size(); ++index) {
    if (auto wish = TargetWish(promotion, index)) wishes.push_back(*std::move(wish));
  }
  return wishes;
}

}  // namespace sluice::coordinator
