#include "common/transfer/line_ways.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::transfer {
namespace {

constexpr int kRedialDoublingsMax = 5;

bool IsDialled(WayKind kind) { return kind != WayKind::kAccepted; }
// Lower is better: direct ways are as good as each other.
int Rank(WayKind kind) { return kind == WayKind::kRelay ? 1 : 0; }

// What broke it is known there alone; here no sign of it had come yet.
Status LostByTheOtherEnd(std::string_view what_it_did) {
  return NamedError(
      StatusCode::kUnavailable, "lost-by-other-end",
      absl::StrCat("the other end had lost the connection and ", ToAbsl(what_it_did)));
}

}  // namespace

const char* PathOf(WayKind kind) { return kind == WayKind::kRelay ? "relay" : "direct"; }

LineWays::LineWays(const std::vector<WayKind>& kinds, LineEnd end, Random& random)
    : chooses_(end == LineEnd::kChooses), random_(random), ways_(kinds.size()) {
  for (size_t way = 0; way < kinds.size(); ++way) ways_[way].account.kind = kinds[way];
}

LineWays::Actions LineWays::OnBegin(absl::Duration now) {
  head_start_until_ = now + kDirectHeadStart;
  for (Way& way : ways_) {
    if (IsDialled(way.account.kind)) way.redial_at = now;
  }
  return OnTime(now);
}

LineWays::Actions LineWays::OnTime(absl::Duration now) {
  Actions actions;
  for (size_t i = 0; i < ways_.size(); ++i) {
    Way& way = ways_[i];
    if (!way.redial_at || *way.redial_at > now) continue;
    way.redial_at.reset();
    way.account.state = State::kTrying;
    ++way.account.tries;
    ++way.attempts;
    actions.push_back(Dial{i});
  }
  Choose(now, actions);
  return actions;
}

std::optional<absl::Duration> LineWays::due_at() const {
  std::optional<absl::Duration> due;
  for (const Way& way : ways_) {
    if (way.redial_at && (!due || *way.redial_at < *due)) due = way.redial_at;
    const bool held_back =
        !carrying_ && way.account.kind == WayKind::kRelay && way.account.state == State::kReady;
    if (held_back && (!due || head_start_until_ < *due)) due = head_start_until_;
  }
  return due;
}

LineWays::Actions LineWays::OnReady(size_t number, absl::Duration now) {
  Actions actions;
  SetReady(number);
  Choose(now, actions);
  if (!chooses_ && carrying_ && carrying_ != number && IsDialled(ways_[number].account.kind)) {
    actions.push_back(MakeKnown{number});
  }
  return actions;
}

void LineWays::SetReady(size_t number) {
  Way& way = ways_[number];
  way.account.state = State::kReady;
  ++way.account.times_ready;
  way.refusals = 0;
  way.tried = true;
  way.announced = false;
  way.redial_at.reset();
}

LineWays::Actions LineWays::OnLost(size_t number, const Status& why, absl::Duration now) {
  Actions actions;
  Break(number, why, now, actions);
  return actions;
}

void LineWays::Break(size_t number, const Status& why, absl::Duration now, Actions& actions) {
  Way& way = ways_[number];
  way.account.why = why;
  way.account.state = State::kWaiting;
  way.tried = true;
  // A handshake may break with its connection; one that fails again and again is a refusal.
  way.refusals = ErrorName(why) == "peer-not-admitted" ? way.refusals + 1 : 0;
  const bool useless = why.code() == StatusCode::kInvalidArgument;
  if (IsDialled(way.account.kind) && (useless || way.refusals >= kRefusalsMax)) {
    way.account.state = State::kGivenUp;
    way.redial_at.reset();
  } else if (IsDialled(way.account.kind)) {
    const absl::Duration ceiling =
        std::min(kRedialMax, kRedialFirst * (1 << std::min(way.attempts, kRedialDoublingsMax)));
    const bool reserve = carrying_ && carrying_ != number;
    way.redial_at = now + (reserve ? Jitter(kReserveRedialMin, kReserveRedialMax)
                                   : Jitter(absl::ZeroDuration(), ceiling));
  }
  if (carrying_ == number) {
    Uncarry(why, now, actions);
  } else if (!carrying_ && AllGivenUp()) {
    actions.push_back(Lost{why, true});
  } else {
    // The last direct way may have been what a ready relay waited for.
    Choose(now, actions);
  }
}

LineWays::Actions LineWays::OnParted(size_t number, const Status& why, absl::Duration now) {
  Actions actions;
  ways_[number].account.why = why;
  ways_[number].account.state = State::kTrying;
  if (carrying_ == number) Uncarry(why, now, actions);
  return actions;
}

void LineWays::Uncarry(const Status& why, absl::Duration now, Actions& actions) {
  carrying_.reset();
  actions.push_back(Lost{why, AllGivenUp()});
  // What was reserve is needed now.
  for (Way& way : ways_) {
    if (way.redial_at && *way.redial_at > now + kRedialMax) {
      way.redial_at = now + Jitter(absl::ZeroDuration(), kRedialMax);
    }
  }
  Choose(now, actions);
}

LineWays::Heard LineWays::OnMeeting(size_t number, bool new_connection, absl::Duration now) {
  Way& way = ways_[number];
  const bool was_ready = way.account.state == State::kReady;
  if (was_ready && new_connection) way.account.why = LostByTheOtherEnd("came back over a new one");
  if (!was_ready || new_connection) SetReady(number);
  const bool known = std::exchange(way.announced, true);
  Heard heard{{}, true};
  if (carrying_ == number) return heard;
  if (!carrying_ || !chooses_) {
    carrying_ = number;
    return heard;
  }
  // Who announces itself once more over a way that was known has left the other.
  const bool better = Rank(way.account.kind) < Rank(ways_[*carrying_].account.kind);
  if (!better && !known) return {{}, false};
  if (!better) ways_[*carrying_].account.why = LostByTheOtherEnd("went on over another way");
  Retire(*carrying_, now, heard.actions);
  carrying_ = number;
  return heard;
}

void LineWays::Retire(size_t number, absl::Duration now, Actions& actions) {
  Way& way = ways_[number];
  way.account.state = State::kWaiting;
  if (IsDialled(way.account.kind)) {
    way.redial_at = now + Jitter(kReserveRedialMin, kReserveRedialMax);
  }
  actions.push_back(HangUp{number});
}

void LineWays::Choose(absl::Duration now, Actions& actions) {
  const std::optional<size_t> best = BestReady(now);
  if (!best || best == carrying_) return;
  if (carrying_) {
    const bool better = Rank(ways_[*best].account.kind) < Rank(ways_[*carrying_].account.kind);
    if (!chooses_ || !better) return;
    // Hung up, so that nothing said over it before can be heard after this.
    Retire(*carrying_, now, actions);
  }
  carrying_ = best;
  actions.push_back(Carry{*best});
}

std::optional<size_t> LineWays::BestReady(absl::Duration now) const {
  std::optional<size_t> best;
  for (size_t i = 0; i < ways_.size(); ++i) {
    const Account& account = ways_[i].account;
    if (account.state != State::kReady) continue;
    if (!best || Rank(account.kind) < Rank(ways_[*best].account.kind)) best = i;
  }
  const bool held_back = best && ways_[*best].account.kind == WayKind::kRelay &&
                         now < head_start_until_ && DirectMayStillCome();
  return held_back ? std::nullopt : best;
}

bool LineWays::DirectMayStillCome() const {
  return std::any_of(ways_.begin(), ways_.end(), [](const Way& way) {
    return way.account.kind != WayKind::kRelay && !way.tried;
  });
}

bool LineWays::AllGivenUp() const {
  return std::all_of(ways_.begin(), ways_.end(),
                     [](const Way& way) { return way.account.state == State::kGivenUp; });
}

// Full jitter: many that lost the same agent do not come back in step.
absl::Duration LineWays::Jitter(absl::Duration least, absl::Duration ceiling) {
  return least + absl::Milliseconds(static_cast<int64_t>(random_.Below(
                     static_cast<uint64_t>(absl::ToInt64Milliseconds(ceiling - least)))));
}

std::vector<LineWays::Account> LineWays::accounts() const {
  std::vector<Account> accounts;
  for (const Way& way : ways_) accounts.push_back(way.account);
  return accounts;
}

}  // namespace sluice::transfer
