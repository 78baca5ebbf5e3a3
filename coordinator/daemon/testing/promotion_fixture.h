// The machine of a promotion, driven event by event.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/testing/promotion_events.h"
#include "coordinator/daemon/wish.h"

namespace sluice::coordinator {

class PromotionTest : public ::testing::Test {
 protected:
  template <typename What>
  Status Try(What what) {
    at_ += absl::Seconds(1);
    StatusOr<Promotion> after = Apply(promotion_, Event{at_, std::move(what)});
    if (after.ok()) promotion_ = *std::move(after);
    return after.status();
  }
  template <typename What>
  void Do(What what) {
    ASSERT_THAT(Try(std::move(what)), IsOk());
  }
  void Target(v1::TargetState state, Status error = {}) { TargetAt(0, state, std::move(error)); }
  void TargetAt(uint32_t index, v1::TargetState state, Status error = {}) {
    Do(TargetSays(index, ++revision_, state, std::move(error)));
  }
  Status TryTarget(v1::TargetState state, Status error = {}) {
    return Try(TargetSays(0, ++revision_, state, std::move(error)));
  }
  void Source(v1::SourceState state, Status error = {}) {
    Do(SourceSays(++revision_, state, std::move(error)));
  }
  void UntilTransfer(size_t targets = 1, bool activate = true) {
    Do(TestOrder(targets, activate));
    Source(v1::SOURCE_STATE_ACCEPTED);
    for (uint32_t i = 0; i < targets; ++i) TargetAt(i, v1::TARGET_STATE_ACCEPTED);
    Do(AllRoutes(targets));
  }
  void UntilUploaded(size_t targets = 1, bool activate = true) {
    UntilTransfer(targets, activate);
    for (uint32_t i = 0; i < targets; ++i) TargetAt(i, v1::TARGET_STATE_UPLOADED);
  }
  void UntilDone(size_t targets = 1) {
    UntilUploaded(targets);
    for (uint32_t i = 0; i < targets; ++i) TargetAt(i, v1::TARGET_STATE_VERIFIED);
    ASSERT_EQ(promotion_.state, v1::PROMOTION_STATE_DONE);
  }
  std::optional<Wish> WishOf(v1::JobRole role, uint32_t index = 0) const {
    for (const Wish& wish : Wishes(promotion_)) {
      if (wish.role == role && (role == v1::JOB_ROLE_SOURCE || wish.target_index == index)) {
        return wish;
      }
    }
    return std::nullopt;
  }
  v1::JobStep SourceStep() const {
    const auto wish = WishOf(v1::JOB_ROLE_SOURCE);
    return wish ? wish->step : v1::JOB_STEP_UNSPECIFIED;
  }
  v1::JobStep TargetStep(uint32_t index = 0) const {
    const auto wish = WishOf(v1::JOB_ROLE_TARGET, index);
    return wish ? wish->step : v1::JOB_STEP_UNSPECIFIED;
  }

  Promotion promotion_;
  absl::Time at_ = absl::FromUnixSeconds(1767225600);
  uint64_t revision_ = 0;
};

}  // namespace sluice::coordinator
