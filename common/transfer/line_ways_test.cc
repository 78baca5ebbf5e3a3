// Two ends of one line are played against each other here without a network: what each decides, and
// what both come to in histories drawn from a seed.
#include "common/transfer/line_ways.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::ElementsAre;

// Actions as words, "dial 0", so that a test reads as what happens.
std::vector<std::string> Words(const LineWays::Actions& actions) {
  std::vector<std::string> words;
  for (const LineWays::Action& action : actions) {
    if (const auto* dial = std::get_if<LineWays::Dial>(&action)) {
      words.push_back(absl::StrCat("dial ", dial->way));
    } else if (const auto* carry = std::get_if<LineWays::Carry>(&action)) {
      words.push_back(absl::StrCat("carry ", carry->way));
    } else if (const auto* known = std::get_if<LineWays::MakeKnown>(&action)) {
      words.push_back(absl::StrCat("make known ", known->way));
    } else if (const auto* hang_up = std::get_if<LineWays::HangUp>(&action)) {
      words.push_back(absl::StrCat("hang up ", hang_up->way));
    } else if (const auto* lost = std::get_if<LineWays::Lost>(&action)) {
      words.push_back(lost->for_good ? "lost for good" : "lost");
    }
  }
  return words;
}

Status Broken() { return NamedError(StatusCode::kUnavailable, "peer-unreachable", "broke"); }
Status Refused() { return NamedError(StatusCode::kUnavailable, "peer-not-admitted", "refused"); }

// A line that chooses among a direct way of either direction and the relay.
class LineWaysTest : public testing::Test {
 protected:
  static constexpr size_t kDial = 0;
  static constexpr size_t kAccept = 1;
  static constexpr size_t kRelay = 2;

  static LineWays Line(LineEnd end, Random& random) {
    return LineWays({WayKind::kDialled, WayKind::kAccepted, WayKind::kRelay}, end, random);
  }

  SeededRandom random_{1};
  absl::Duration now_ = absl::Seconds(100);
  LineWays target_ = Line(LineEnd::kChooses, random_);
  LineWays source_ = Line(LineEnd::kFollows, random_);
};

TEST_F(LineWaysTest, AllThatCanBeDialledIsTriedAtOnceAndTheFirstDirectWayCarries) {
  EXPECT_THAT(Words(target_.OnBegin(now_)), ElementsAre("dial 0", "dial 2"));
  EXPECT_THAT(Words(target_.OnReady(kDial, now_)), ElementsAre("carry 0"));
  EXPECT_THAT(Words(target_.OnReady(kRelay, now_)), ElementsAre());
}

TEST_F(LineWaysTest, ARelayWaitsForADirectWayOnlyForItsHeadStart) {
  target_.OnBegin(now_);
  EXPECT_THAT(Words(target_.OnReady(kRelay, now_)), ElementsAre());
  EXPECT_EQ(target_.due_at(), now_ + kDirectHeadStart);
  EXPECT_THAT(Words(target_.OnTime(now_ + kDirectHeadStart)), ElementsAre("carry 2"));
}

TEST_F(LineWaysTest, ARelayThatIsTheOnlyWayCarriesAtOnce) {
  LineWays only({WayKind::kRelay}, LineEnd::kChooses, random_);
  only.OnBegin(now_);
  EXPECT_THAT(Words(only.OnReady(0, now_)), ElementsAre("carry 0"));
}

TEST_F(LineWaysTest, ADirectWayThatBreaksIsReplacedByTheRelayWithoutDelay) {
  target_.OnBegin(now_);
  target_.OnReady(kDial, now_);
  target_.OnReady(kRelay, now_);
  now_ += kDirectHeadStart;
  EXPECT_THAT(Words(target_.OnLost(kDial, Broken(), now_)), ElementsAre("lost", "carry 2"));
}

TEST_F(LineWaysTest, ADirectWayThatComesBackCarriesAgainAndTheRelayIsReserve) {
  target_.OnBegin(now_);
  target_.OnReady(kRelay, now_);
  now_ += kDirectHeadStart;
  target_.OnTime(now_);
  EXPECT_THAT(Words(target_.OnReady(kDial, now_)), ElementsAre("hang up 2", "carry 0"));
  const absl::Duration again = *target_.due_at() - now_;
  EXPECT_GE(again, kReserveRedialMin);
  EXPECT_LT(again, kReserveRedialMax);
  EXPECT_THAT(Words(target_.OnTime(now_ + again)), ElementsAre("dial 2"));
  EXPECT_THAT(Words(target_.OnReady(kRelay, now_ + again)), ElementsAre());
}

TEST_F(LineWaysTest, WhenNothingCarriesReserveIsDialledSoon) {
  target_.OnBegin(now_);
  target_.OnReady(kDial, now_);
  target_.OnLost(kRelay, Broken(), now_);
  EXPECT_GE(*target_.due_at(), now_ + kReserveRedialMin);
  target_.OnLost(kDial, Broken(), now_);
  std::set<std::string> dialled;
  while (*target_.due_at() <= now_ + kRedialMax && dialled.size() < 2) {
    for (const std::string& word : Words(target_.OnTime(*target_.due_at()))) dialled.insert(word);
    if (!target_.due_at()) break;
  }
  EXPECT_THAT(dialled, ElementsAre("dial 0", "dial 2"));
}

TEST_F(LineWaysTest, AWayRefusedAgainAndAgainIsGivenUpAndTheLineWithTheLast) {
  LineWays line({WayKind::kDialled, WayKind::kRelay}, LineEnd::kChooses, random_);
  line.OnBegin(now_);
  for (int i = 0; i < kRefusalsMax; ++i) line.OnLost(0, Refused(), now_);
  EXPECT_EQ(line.accounts()[0].state, LineWays::State::kGivenUp);
  for (int i = 0; i + 1 < kRefusalsMax; ++i) {
    EXPECT_THAT(Words(line.OnLost(1, Refused(), now_)), ElementsAre());
  }
  EXPECT_THAT(Words(line.OnLost(1, Refused(), now_)), ElementsAre("lost for good"));
  EXPECT_FALSE(line.due_at());
}

TEST_F(LineWaysTest, AnEndThatTakesConnectionsAndNeverSpeaksIsDialledLessOften) {
  LineWays line({WayKind::kDialled}, LineEnd::kChooses, random_);
  line.OnBegin(now_);
  const auto lose = [&] {
    line.OnReady(0, now_);
    line.OnLost(0, Broken(), now_);
    const absl::Duration pause = *line.due_at() - now_;
    now_ = *line.due_at();
    line.OnTime(now_);
    return pause;
  };
  absl::Duration first;
  for (int i = 0; i < 10; ++i) first = std::max(first, lose());
  absl::Duration later;
  for (int i = 0; i < 20; ++i) later += lose();
  EXPECT_GT(later / 20, kRedialMax / 4) << "half of the longest is to be expected";
  line.OnHeard(0);
  EXPECT_LT(lose(), 2 * kRedialFirst);
}

TEST_F(LineWaysTest, AnEndThatMayBeDialledIsNeverGivenUp) {
  for (int i = 0; i < kRefusalsMax; ++i) target_.OnLost(kDial, Refused(), now_);
  for (int i = 0; i < kRefusalsMax; ++i) {
    EXPECT_THAT(Words(target_.OnLost(kRelay, Refused(), now_)), ElementsAre());
  }
}

TEST_F(LineWaysTest, WhoFollowsMovesToTheWayByWhichTheOtherOpens) {
  source_.OnBegin(now_);
  source_.OnReady(kDial, now_);
  const auto heard = source_.OnMeeting(kAccept, true, now_);
  EXPECT_TRUE(heard.is_for_line);
  EXPECT_EQ(source_.carrying(), kAccept);
}

TEST_F(LineWaysTest, WhoFollowsMakesItsReserveKnown) {
  source_.OnBegin(now_);
  source_.OnMeeting(kAccept, true, now_);
  EXPECT_THAT(Words(source_.OnReady(kDial, now_)), ElementsAre("make known 0"));
}

TEST_F(LineWaysTest, WhoChoosesStaysWhenAnotherWayIsMadeKnownAndGoesWhenItIsUsed) {
  target_.OnBegin(now_);
  target_.OnReady(kDial, now_);
  auto heard = target_.OnMeeting(kAccept, true, now_);
  EXPECT_FALSE(heard.is_for_line);
  EXPECT_EQ(target_.carrying(), kDial);
  heard = target_.OnMeeting(kAccept, false, now_);
  EXPECT_TRUE(heard.is_for_line);
  EXPECT_THAT(Words(heard.actions), ElementsAre("hang up 0"));
  EXPECT_EQ(target_.carrying(), kAccept);
}

TEST_F(LineWaysTest, AnEndThatLeavesTheRelayIsWaitedForThere) {
  target_.OnBegin(now_);
  target_.OnReady(kRelay, now_);
  now_ += kDirectHeadStart;
  target_.OnTime(now_);
  EXPECT_THAT(Words(target_.OnParted(kRelay, Broken(), now_)), ElementsAre("lost"));
  EXPECT_THAT(Words(target_.OnReady(kRelay, now_)), ElementsAre("carry 2"));
}

TEST_F(LineWaysTest, AccountsSayWhatBecameOfEachWay) {
  target_.OnBegin(now_);
  target_.OnLost(kDial, Broken(), now_);
  target_.OnReady(kRelay, now_);
  const auto accounts = target_.accounts();
  EXPECT_EQ(accounts[kDial].tries, 1u);
  EXPECT_EQ(accounts[kDial].times_ready, 0u);
  EXPECT_THAT(accounts[kDial].why, HasErrorName("peer-unreachable"));
  EXPECT_EQ(accounts[kAccept].tries, 0u);
  EXPECT_EQ(accounts[kRelay].times_ready, 1u);
}

TEST_F(LineWaysTest, AccountsSayWhichWayTheOtherEndLostBeforeAnythingWasNoticedHere) {
  target_.OnBegin(now_);
  target_.OnMeeting(kAccept, true, now_);
  EXPECT_THAT(target_.accounts()[kAccept].why, IsOk());
  target_.OnMeeting(kAccept, true, now_);  // over another connection
  EXPECT_THAT(target_.accounts()[kAccept].why, HasErrorName("lost-by-other-end"));
  EXPECT_EQ(target_.accounts()[kAccept].times_ready, 2u);

  target_.OnReady(kDial, now_);
  target_.OnMeeting(kDial, false, now_);  // made known, in reserve
  EXPECT_THAT(target_.accounts()[kDial].why, IsOk());
  target_.OnLost(kAccept, Broken(), now_);
  ASSERT_EQ(target_.carrying(), kDial);
  target_.OnMeeting(kAccept, true, now_);
  target_.OnMeeting(kAccept, false, now_);  // and goes on there
  ASSERT_EQ(target_.carrying(), kAccept);
  EXPECT_THAT(target_.accounts()[kDial].why, HasErrorName("lost-by-other-end"));
}

TEST_F(LineWaysTest, ARelayThatIsLeftForADirectWayWasNotLost) {
  target_.OnBegin(now_);
  target_.OnReady(kRelay, now_);
  target_.OnTime(now_ + kDirectHeadStart);
  ASSERT_EQ(target_.carrying(), kRelay);
  target_.OnMeeting(kAccept, true, now_ + kDirectHeadStart);
  ASSERT_EQ(target_.carrying(), kAccept);
  EXPECT_THAT(target_.accounts()[kRelay].why, IsOk());
}

// Two ends, and between them connections that stand or fall as chance has it. Each end's dialled
// way is the other's accepted one.
class TwoEnds {
 public:
  explicit TwoEnds(uint64_t seed) : random_(seed) {
    for (size_t end = 0; end < 2; ++end) {
      ends_.emplace_back(
          std::vector<WayKind>{WayKind::kDialled, WayKind::kAccepted, WayKind::kRelay},
          end == kTarget ? LineEnd::kChooses : LineEnd::kFollows, random_);
    }
    for (size_t end = 0; end < 2; ++end) CarryOut(end, ends_[end].OnBegin(now_));
  }

  // Chance works for a while, then everything can be reached again.
  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += absl::Milliseconds(static_cast<int64_t>(random_.Below(400)));
      Fate(random_.Below(8));
      Settle();
    }
    reachable_ = {true, true, true};
    for (int i = 0; i < 200; ++i) {
      now_ += absl::Milliseconds(100);
      Settle();
    }
  }

  // Both ends send by the same connection, and it is a direct one.
  testing::AssertionResult Agree() const {
    const auto target = ends_[kTarget].carrying();
    const auto source = ends_[kSource].carrying();
    if (!target || !source) return testing::AssertionFailure() << "a line that carries nothing";
    if (*target == kRelay || *source == kRelay) {
      return testing::AssertionFailure() << "still by the relay: " << *target << " " << *source;
    }
    if (*target == *source) return testing::AssertionFailure() << "two ways: " << *target;
    return testing::AssertionSuccess();
  }
  const std::string& trace() const { return trace_; }

 private:
  static constexpr size_t kTarget = 0;
  static constexpr size_t kSource = 1;
  static constexpr size_t kDial = 0;
  static constexpr size_t kAccept = 1;
  static constexpr size_t kRelay = 2;

  // 0, 1: who dialled; 2: the relay.
  void Fate(uint64_t choice) {
    if (choice >= 6) return;
    const size_t link = choice % 3;
    reachable_[link] = choice < 3;
    if (!reachable_[link]) Cut(link);
  }

  void Cut(size_t link) {
    if (link == 2) {
      for (size_t end = 0; end < 2; ++end) {
        if (!joined_[end]) continue;
        joined_[end] = false;
        Lose(end, kRelay);
      }
    } else if (stands_[link]) {
      stands_[link] = false;
      // Who accepted may learn of it by silence only, and some time later.
      Lose(link, kDial);
      if (random_.Below(2) == 0 && ends_[1 - link].carrying() == kAccept) Lose(1 - link, kAccept);
    }
  }
  void Lose(size_t end, size_t way) { CarryOut(end, ends_[end].OnLost(way, Broken(), now_)); }

  void Settle() {
    for (size_t end = 0; end < 2; ++end) {
      const auto due = ends_[end].due_at();
      if (due && *due <= now_) CarryOut(end, ends_[end].OnTime(now_));
      Silence(end);
    }
  }
  // An end that sends where the other does not listen hears nothing, and hangs up.
  void Silence(size_t end) {
    const auto mine = ends_[end].carrying();
    const auto theirs = ends_[1 - end].carrying();
    const bool heard =
        mine && theirs && Link(end, *mine) == Link(1 - end, *theirs) && Stands(Link(end, *mine));
    if (!mine || heard) {
      silent_[end] = 0;
      return;
    }
    if (++silent_[end] < 60) return;
    silent_[end] = 0;
    const size_t link = Link(end, *mine);
    trace_ += absl::StrCat("silence at ", end, "; ");
    if (link < 2) {
      stands_[link] = false;
      Lose(end, *mine);
      if (*mine == kAccept) Lose(1 - end, kDial);
    } else {
      joined_[end] = false;
      Lose(end, kRelay);
      if (joined_[1 - end]) CarryOut(1 - end, ends_[1 - end].OnParted(kRelay, Broken(), now_));
    }
  }
  static size_t Link(size_t end, size_t way) {
    return way == kRelay ? 2 : way == kDial ? end : 1 - end;
  }
  bool Stands(size_t link) const { return link == 2 ? joined_[0] && joined_[1] : stands_[link]; }

  void CarryOut(size_t end, const LineWays::Actions& actions) {
    for (const std::string& word : Words(actions)) trace_ += absl::StrCat(end, " ", word, "; ");
    for (const LineWays::Action& action : actions) {
      if (const auto* dial = std::get_if<LineWays::Dial>(&action)) {
        Connect(end, dial->way);
      } else if (const auto* carry = std::get_if<LineWays::Carry>(&action)) {
        Meet(end, carry->way);
      } else if (const auto* known = std::get_if<LineWays::MakeKnown>(&action)) {
        Meet(end, known->way);
      } else if (const auto* hang_up = std::get_if<LineWays::HangUp>(&action)) {
        HangUp(end, hang_up->way);
      }
    }
  }
  void Connect(size_t end, size_t way) {
    const size_t link = Link(end, way);
    if (!reachable_[link]) return Lose(end, way);
    if (way == kDial) {
      stands_[link] = true;
      fresh_[link] = true;
      return CarryOut(end, ends_[end].OnReady(kDial, now_));
    }
    joined_[end] = true;
    if (!joined_[1 - end]) return;
    CarryOut(end, ends_[end].OnReady(kRelay, now_));
    CarryOut(1 - end, ends_[1 - end].OnReady(kRelay, now_));
  }
  // The first words of a conversation reach the other end.
  void Meet(size_t end, size_t way) {
    const size_t link = Link(end, way);
    if (!Stands(link)) return;
    const size_t other = 1 - end;
    const size_t theirs = link == 2 ? kRelay : way == kDial ? kAccept : kDial;
    const bool fresh = theirs == kAccept && std::exchange(fresh_[link], false);
    const auto heard = ends_[other].OnMeeting(theirs, fresh, now_);
    CarryOut(other, heard.actions);
    // The target answers the source's word by its own over the same way.
    if (heard.is_for_line && other == kTarget) Meet(kTarget, theirs);
  }
  void HangUp(size_t end, size_t way) {
    const size_t link = Link(end, way);
    if (link == 2) {
      joined_[end] = false;
      if (joined_[1 - end]) CarryOut(1 - end, ends_[1 - end].OnParted(kRelay, Broken(), now_));
    } else if (std::exchange(stands_[link], false) && way == kAccept) {
      Lose(1 - end, kDial);
    }
  }

  SeededRandom random_;
  absl::Duration now_ = absl::Seconds(1);
  std::vector<LineWays> ends_;
  std::deque<bool> reachable_ = {true, true, true};
  std::deque<bool> stands_ = {false, false};
  std::deque<bool> fresh_ = {false, false};
  std::deque<bool> joined_ = {false, false};
  std::vector<int> silent_ = {0, 0};
  std::string trace_;
};

TEST(LineWaysHistoryTest, WhateverBreaksBothEndsComeToOneDirectWayWhenAllIsHealed) {
  constexpr uint64_t kHistories = 2'000;
  size_t moved = 0;
  for (uint64_t seed = 1; seed <= kHistories; ++seed) {
    TwoEnds ends(seed);
    ends.Run(60);
    ASSERT_TRUE(ends.Agree()) << "seed " << seed << ": " << ends.trace();
    if (ends.trace().find("hang up 2") != std::string::npos) ++moved;
  }
  EXPECT_GT(moved, kHistories / 100) << "too few histories in which a line leaves the relay";
}

TEST(LineWaysHistoryTest, TheSameSeedIsTheSameHistory) {
  TwoEnds first(7);
  TwoEnds second(7);
  first.Run(60);
  second.Run(60);
  EXPECT_EQ(first.trace(), second.trace());
}

}  // namespace
}  // namespace sluice::transfer
