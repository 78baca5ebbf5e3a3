// Whatever order reports and orders come in, the promises hold: the machine is driven by random
// histories (rapidcheck), most events of which a peer could send at that moment.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/promotion.h"
#include "coordinator/daemon/testing/promotion_events.h"
#include "coordinator/daemon/wish.h"

namespace sluice::coordinator {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

// A rollback may be of some of the targets.
StepOrdered RandomStep(uint32_t targets) {
  StepOrdered step = Ordered(static_cast<StepAction>(*rc::gen::inRange(0, 3)), targets);
  if (step.action != StepAction::kRollback) return step;
  std::erase_if(step.targets, [](const std::string&) { return *rc::gen::inRange(0, 3) == 0; });
  return step;
}

// Any event at all, likely and unlikely ones.
Event RandomEvent(const Promotion& promotion, uint64_t revision) {
  const auto targets = static_cast<uint32_t>(promotion.targets.size());
  const uint64_t reported =
      *rc::gen::inRange<uint64_t>(revision > 2 ? revision - 2 : 0, revision + 2);
  const Status error =
      *rc::gen::element<Status>(Status(), NamedError(StatusCode::kUnavailable, "link-cut", "cut"),
                                NamedError(StatusCode::kPermissionDenied, "not-granted", "no"));
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
    case 1:
      return {kStart,
              SourceSays(reported, static_cast<v1::SourceState>(*rc::gen::inRange(0, 9)), error)};
    case 2:
      if (NeedsRoutes(promotion)) {
        RoutesChosen chosen;
        for (uint32_t i = 0; i < targets; ++i) {
          if (NeedsRoute(promotion, i)) {
            chosen.routes.push_back(
                {.target_index = i, .source_dials = true, .endpoint = "tcp://x:1"});
          }
        }
        return {kStart, chosen};
      }
      return {kStart, NoPathFound{NamedError(StatusCode::kFailedPrecondition, "no-path", "none")}};
    case 3:
      return {kStart, RandomStep(targets)};
    default: {
      TargetReported report =
          TargetSays(*rc::gen::inRange<uint32_t>(0, targets + 1), reported,
                     static_cast<v1::TargetState>(*rc::gen::inRange(0, 14)), error);
      if (*rc::gen::inRange(0, 20) == 0) report.reported_sha256 = std::string(64, 'b');
      return {kStart, report};
    }
  }
}

void CheckPromises(const Promotion& promotion) {
  for (const Wish& wish : Wishes(promotion)) {
    if (wish.step == v1::JOB_STEP_ACTIVATE) {
      RC_ASSERT(!promotion.source.statement.empty());
      for (const TargetJob& job : promotion.targets) {
        RC_ASSERT(HasUploaded(job.state));
        RC_ASSERT(job.reported_sha256 == promotion.terms.sha256);
      }
    }
    if (wish.step == v1::JOB_STEP_TRANSFER && wish.routes.empty()) {
      RC_ASSERT(wish.role == v1::JOB_ROLE_TARGET);
      const uint32_t carrier = CarrierOf(promotion.terms, wish.target_index);
      const bool brought =
          carrier != wish.target_index && HasUploaded(promotion.targets[carrier].state);
      RC_ASSERT(brought || IsAtSource(promotion.terms, wish.target_index));
    }
    RC_ASSERT(!Ended(promotion) ||
              (wish.role == v1::JOB_ROLE_SOURCE && wish.step == v1::JOB_STEP_CANCEL));
  }
  if (promotion.state == v1::PROMOTION_STATE_FAILED) RC_ASSERT(!Cause(promotion).ok());
}

// What an agent that obeys would report next; nothing when it has nothing to say.
std::optional<Event> Obey(const Promotion& promotion, const Wish& wish, uint64_t revision) {
  if (wish.role == v1::JOB_ROLE_SOURCE) {
    const auto state = wish.step == v1::JOB_STEP_ACCEPT     ? v1::SOURCE_STATE_ACCEPTED
                       : wish.step == v1::JOB_STEP_TRANSFER ? v1::SOURCE_STATE_SENT
                                                            : v1::SOURCE_STATE_CANCELLED;
    if (promotion.source.state == state) return std::nullopt;
    return Event{kStart, SourceSays(revision, state)};
  }
  const auto state = wish.step == v1::JOB_STEP_ACCEPT     ? v1::TARGET_STATE_ACCEPTED
                     : wish.step == v1::JOB_STEP_TRANSFER ? v1::TARGET_STATE_UPLOADED
                     : wish.step == v1::JOB_STEP_ACTIVATE ? v1::TARGET_STATE_VERIFIED
                                                          : v1::TARGET_STATE_ROLLED_BACK;
  if (promotion.targets[wish.target_index].state == state &&
      !promotion.targets[wish.target_index].asked_again) {
    return std::nullopt;
  }
  return Event{kStart, TargetSays(wish.target_index, revision, state)};
}

// With agents that obey, every promotion comes to rest: at an end, or waiting for an activate
// order.
Promotion LetAgentsObey(Promotion promotion, uint64_t revision) {
  constexpr int kRoundsMax = 50;
  for (int round = 0; round < kRoundsMax; ++round) {
    bool changed = false;
    if (NeedsRoutes(promotion)) {
      RoutesChosen chosen;
      for (uint32_t i = 0; i < promotion.targets.size(); ++i) {
        if (NeedsRoute(promotion, i)) {
          chosen.routes.push_back(
              {.target_index = i, .source_dials = false, .endpoint = "tcp://x:1"});
        }
      }
      promotion = Apply(promotion, {kStart, chosen}).value();
      changed = true;
    }
    for (const Wish& wish : Wishes(promotion)) {
      const auto report = Obey(promotion, wish, ++revision);
      if (!report) continue;
      StatusOr<Promotion> after = Apply(promotion, *report);
      if (!after.ok()) continue;  // its wish was taken back by a report before it in this round
      promotion = *std::move(after);
      changed = true;
    }
    CheckPromises(promotion);
    if (!changed) break;
  }
  return promotion;
}

TEST(PromotionHistoryTest, InEveryHistoryPromisesHoldReplayAgreesAndObedientAgentsEndIt) {
  const bool held = rc::check([] {
    const auto targets = static_cast<size_t>(*rc::gen::inRange(1, 4));
    std::vector<Event> history;
    OrderRecorded order = TestOrder(targets, *rc::gen::arbitrary<bool>());
    if (*rc::gen::inRange(0, 3) == 0) {  // the first at the source
      order.terms.targets.front().foundation = order.terms.source_foundation;
    }
    if (*rc::gen::arbitrary<bool>()) {  // the last in the same foundation as the first
      order.terms.targets.back().foundation = order.terms.targets.front().foundation;
    }
    history.push_back({kStart, order});
    Promotion promotion = Apply(Promotion{}, history.back()).value();
    uint64_t revision = 0;
    const int steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
      const Event event = RandomEvent(promotion, ++revision);
      const Promotion before = promotion;
      StatusOr<Promotion> after = Apply(promotion, event);
      if (!after.ok()) {
        RC_ASSERT(!ErrorName(after.status()).empty());
        continue;
      }
      history.push_back(event);
      promotion = *std::move(after);
      CheckPromises(promotion);
      if (Ended(before) && before.state != promotion.state) {
        const bool rolled_back = std::holds_alternative<StepOrdered>(event.what);
        RC_ASSERT(rolled_back || before.state == v1::PROMOTION_STATE_STUCK);
      }
    }
    Promotion replayed;
    for (const Event& event : history) replayed = Apply(replayed, event).value();
    RC_ASSERT(replayed == promotion);
    const Promotion rest = LetAgentsObey(promotion, revision + 1000);
    RC_ASSERT(Ended(rest) || rest.state == v1::PROMOTION_STATE_WAITING);
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace sluice::coordinator
