// Goal: what somebody sees who watches: progress that never runs backwards, retries that show, a
// coordinator that goes and comes back.
#include "coordinator/cli/watching.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "coordinator/cli/rendering/progress.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using Moment = FakeFederation::Moment;

constexpr uint64_t kMebibyte = 1024 * 1024;

v1::Progress Done(uint64_t mebibytes, uint64_t of = 100) {
  v1::Progress progress;
  progress.set_bytes_done(mebibytes * kMebibyte);
  progress.set_bytes_total(of * kMebibyte);
  progress.set_phase("transfer");
  return progress;
}

v1::JobProgress Told(uint64_t mebibytes) {
  v1::JobProgress told;
  told.set_role(v1::JOB_ROLE_TARGET);
  *told.mutable_progress() = Done(mebibytes);
  return told;
}

v1::PromotionDetail Detail() {
  v1::PromotionDetail detail;
  detail.set_size_bytes(100 * kMebibyte);
  detail.add_targets()->set_target("prod:acme/payments/checkout");
  detail.mutable_targets(0)->set_state(v1::TARGET_STATE_TRANSFERRING);
  return detail;
}

TEST(ProgressTest, TheCountNeverRunsBackwardsAndARetryIsCounted) {
  ProgressTracker tracker;
  tracker.Update(Detail(), absl::Seconds(0));
  uint64_t before = 0;
  const std::vector<uint64_t> told = {10, 40, 40, 5, 20, 39, 45, 80, 0, 90, 100};
  for (size_t i = 0; i < told.size(); ++i) {
    tracker.Update(Told(told[i]), absl::Seconds(static_cast<double>(i)));
    const TargetProgress& target = tracker.targets()[0];
    EXPECT_GE(target.bytes_done, before);
    before = target.bytes_done;
  }
  EXPECT_EQ(before, 100 * kMebibyte);
  EXPECT_EQ(tracker.targets()[0].retries, 2);
}

TEST(ProgressTest, RateAndTimeLeftAreOfTheLastTenSeconds) {
  ProgressTracker tracker;
  tracker.Update(Detail(), absl::Seconds(0));
  tracker.Update(Told(0), absl::Seconds(0));
  EXPECT_EQ(TimeLeft(tracker.targets()[0]), std::nullopt);  // nothing is known yet
  for (int second = 1; second <= 30; ++second) {
    tracker.Update(Told(static_cast<uint64_t>(second)), absl::Seconds(second));
  }
  EXPECT_DOUBLE_EQ(tracker.targets()[0].bytes_per_second, static_cast<double>(kMebibyte));
  EXPECT_EQ(TimeLeft(tracker.targets()[0]), absl::Seconds(70));
}

TEST(ProgressTest, BarsAreNeverWiderThanTheTerminal) {
  ProgressTracker tracker;
  tracker.Update(Detail(), absl::Seconds(0));
  tracker.Update(Told(30), absl::Seconds(0));
  tracker.Update(Told(50), absl::Seconds(2));
  for (const int width : {20, 40, 79, 200}) {
    const std::string bars = RenderBars(tracker.targets(), width, 24, false);
    EXPECT_LE(bars.size(), static_cast<size_t>(width) + 1);
  }
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
              AllOf(HasSubstr("[##########..........]"), HasSubstr("50%"), HasSubstr("10.0 MiB/s"),
                    HasSubstr("5.0s left")));
}

TEST(ProgressTest, RateTimeLeftAndPathAreShownOnATerminalOfEightyColumns) {
  v1::PromotionDetail detail = Detail();
  detail.mutable_targets(0)->set_target("prod-east:acme/payments-of-the-house/checkout");
  detail.mutable_targets(0)->set_path("direct");
  ProgressTracker tracker;
  tracker.Update(detail, absl::Seconds(0));
  tracker.Update(Told(30), absl::Seconds(0));
  tracker.Update(Told(50), absl::Seconds(2));
  const auto what_counts =
      AllOf(HasSubstr("50%"), HasSubstr("10.0 MiB/s"), HasSubstr("5.0s left"), HasSubstr("direct"));
  EXPECT_THAT(RenderBars(tracker.targets(), 80, 24, false), what_counts);
  EXPECT_THAT(RenderBars(tracker.targets(), 80, 24, false), HasSubstr("payments"));
  EXPECT_THAT(RenderBars(tracker.targets(), 50, 24, false), what_counts);
}

TEST(ProgressTest, NothingIsCountedWhereNothingIsTransferred) {
  for (const std::string path : {"stored", "copied"}) {
    v1::PromotionDetail detail = Detail();
    detail.mutable_targets(0)->set_path(path);
    detail.mutable_targets(0)->set_state(v1::TARGET_STATE_UPLOADED);
    detail.mutable_targets(0)->set_waiting_for(v1::WAITING_FOR_ACTIVATE);
    ProgressTracker tracker;
    tracker.Update(detail, absl::Seconds(0));
    EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
                AllOf(HasSubstr("waiting for activate  " + path), Not(HasSubstr("%"))));
  }
}

TEST(ProgressTest, AnUndoIsNotShownAsATransfer) {
  v1::PromotionDetail detail = Detail();
  ProgressTracker tracker;
  tracker.Update(detail, absl::Seconds(0));
  tracker.Update(Told(30), absl::Seconds(0));
  detail.mutable_summary()->set_state(v1::PROMOTION_STATE_UNDOING);
  tracker.Update(detail, absl::Seconds(2));
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
              AllOf(HasSubstr("] undoing\n"), Not(HasSubstr("%")), Not(HasSubstr("transfer"))));
  v1::JobProgress told = Told(30);
  told.mutable_progress()->set_phase("undo waiting for foundation");
  tracker.Update(told, absl::Seconds(3));
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
              HasSubstr("] undoing  undo waiting for foundation\n"));
}

TEST(ProgressTest, WhatWasMeasuredBeforeALossIsNoRateAfterIt) {
  ProgressTracker tracker;
  tracker.Update(Detail(), absl::Seconds(0));
  tracker.Update(Told(10), absl::Seconds(0));
  tracker.Update(Told(20), absl::Seconds(1));
  ASSERT_GT(tracker.targets()[0].bytes_per_second, 0);
  tracker.ForgetRates();
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
              AllOf(HasSubstr("20%"), Not(HasSubstr("MiB/s")), Not(HasSubstr("left"))));
  tracker.Update(Told(22), absl::Seconds(61));
  tracker.Update(Told(24), absl::Seconds(62));
  EXPECT_DOUBLE_EQ(tracker.targets()[0].bytes_per_second, 2.0 * kMebibyte);
}

TEST(ProgressTest, WhatFailedOnItsWayIsNotDrawnAsWhole) {
  v1::PromotionDetail detail = Detail();
  ProgressTracker tracker;
  tracker.Update(detail, absl::Seconds(0));
  tracker.Update(Told(40), absl::Seconds(0));
  detail.mutable_targets(0)->set_state(v1::TARGET_STATE_FAILED);
  tracker.Update(detail, absl::Seconds(1));
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 24, false),
              HasSubstr("[########............] failed"));
}

TEST(ProgressTest, OfMoreTargetsThanRowsThoseWithMostToDoAreShownAndTheOthersCounted) {
  v1::PromotionDetail detail = Detail();
  for (const std::string name : {"b", "c", "d"}) {
    *detail.add_targets() = detail.targets(0);
    detail.mutable_targets(detail.targets_size() - 1)->set_target(name + ":acme/payments/checkout");
  }
  detail.mutable_targets(1)->set_state(v1::TARGET_STATE_VERIFIED);
  detail.mutable_targets(2)->set_state(v1::TARGET_STATE_ACTIVATING);
  ProgressTracker tracker;
  tracker.Update(detail, absl::Seconds(0));
  tracker.Update(Told(40), absl::Seconds(0));
  const std::vector<std::string> lines =
      absl::StrSplit(RenderBars(tracker.targets(), 200, 3, false), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("d:acme/payments/checkout [....................]"));
  EXPECT_THAT(lines[1], HasSubstr("prod:acme/payments/checkout [########............]"));
  EXPECT_EQ(lines[2], "... and 2 more");
  EXPECT_THAT(RenderBars(tracker.targets(), 200, 4, false), Not(HasSubstr("more")));
}

class WatchingTest : public CliTest {
 protected:
  WatchingTest() { federation_.Record(trust_.PromoteOrder()); }

  // Transferring, these moments, and a good end.
  int Watch(const std::vector<Moment>& between, const std::vector<std::string>& more = {}) {
    std::deque<Moment> moments = federation_.GoodEnd();
    moments.erase(moments.begin() + 1, moments.begin() + 3);  // its own progress
    moments.insert(moments.begin() + 1, between.begin(), between.end());
    federation_.moments = moments;
    std::vector<std::string> words = {"watch", "promotion-1"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
};

TEST_F(WatchingTest, WithoutATerminalThereIsALineEveryTenSecondsAndOneForEachChange) {
  std::vector<Moment> seconds;
  for (uint64_t second = 1; second <= 40; ++second) {
    seconds.push_back({.progress = Done(second)});
  }
  EXPECT_EQ(Watch(seconds), 0) << terminal_.notes;
  const std::vector<std::string> lines = absl::StrSplit(terminal_.notes, '\n', absl::SkipEmpty());
  // planned, transferring, four of the forty seconds, activating, verified.
  EXPECT_EQ(lines.size(), 8u) << terminal_.notes;
  for (const std::string& line : lines) {
    EXPECT_THAT(line, ContainsRegex("^2026-01-01T00:00:[0-9][0-9]Z  prod:acme/payments/checkout"));
  }
  EXPECT_THAT(terminal_.notes, Not(HasSubstr("\x1b")));
}

TEST_F(WatchingTest, OnATerminalTheBarIsDrawnOverTheOneBefore) {
  terminal_.can_redraw = true;
  terminal_.width = 100;
  EXPECT_EQ(Watch({{.progress = Done(10)}, {.progress = Done(60)}}), 0);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("\x1b[1A"), HasSubstr("[############........]"),
                                     HasSubstr("\x1b[32m")));
  EXPECT_EQ(Watch({}, {"--no-color"}), 0);
  EXPECT_THAT(terminal_.notes, Not(HasSubstr("\x1b[32m")));
}

TEST_F(WatchingTest, ARetryShowsAsARetry) {
  terminal_.can_redraw = true;
  terminal_.width = 200;
  EXPECT_EQ(Watch({{.progress = Done(60)}, {.progress = Done(5)}}), 0);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("retry 1"), Not(HasSubstr(" 5%"))));
}

TEST_F(WatchingTest, AnEventOlderThanWhatIsKnownChangesNothing) {
  federation_.promotion("promotion-1").set_event_sequence(7);
  const Moment late = {.change = [](v1::PromotionDetail& detail) {
    detail.set_event_sequence(2);
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_FAILED);
  }};
  const Moment onward = {.change = [](v1::PromotionDetail& detail) {
    detail.set_event_sequence(20);
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_TRANSFERRING);
  }};
  EXPECT_EQ(Watch({late, onward}), 0) << terminal_.notes;
}

TEST_F(WatchingTest, AfterTheCoordinatorWasGoneItIsWatchedAgain) {
  EXPECT_EQ(Watch({{.heard = Heard::kLost}, {.heard = Heard::kConnected}}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.notes, HasSubstr("lost the coordinator; trying again"));
  EXPECT_EQ(federation_.watched, 2);
}

TEST_F(WatchingTest, WhileTheCoordinatorIsAwayNoRateIsShown) {
  EXPECT_EQ(Watch({{.progress = Done(10)},
                   {.progress = Done(20)},
                   {.heard = Heard::kLost},
                   {.after = absl::Seconds(30), .heard = Heard::kNothing},
                   {.heard = Heard::kConnected}}),
            0)
      << terminal_.notes;
  const size_t lost = terminal_.notes.find("lost the coordinator");
  ASSERT_NE(lost, std::string::npos);
  const std::string away = terminal_.notes.substr(lost, terminal_.notes.find("activating") - lost);
  EXPECT_THAT(away, AllOf(HasSubstr("transferring  20%"), Not(HasSubstr("MiB/s"))));
}

TEST_F(WatchingTest, ACoordinatorThatStaysAwayIsUnreachableAfterAMinute) {
  EXPECT_EQ(Watch({{.heard = Heard::kLost}, {.after = absl::Hours(1)}}), 5);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("[coordinator-unreachable]"), HasSubstr("sluice watch promotion-1")));
  EXPECT_EQ(clock_.Monotonic(), absl::Seconds(62));
}

TEST_F(WatchingTest, AnIdsBeginningIsEnoughAndTheWholeIsSaid) {
  federation_.moments = {{.heard = Heard::kInterrupted}};
  EXPECT_EQ(Run({"watch", "promo"}), 130);
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice watch promotion-1"));
}

}  // namespace
}  // namespace sluice::cli
