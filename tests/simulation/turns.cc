#include "tests/simulation/turns.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/check.h"

namespace sluice::simulation {
namespace {

// A process that is killed unwinds within so many turns, or it never will.
constexpr int kTurnsWhileWaitingMax = 200'000;

}  // namespace

Turns::Turns(const Clock& clock, Random& random) : clock_(clock), random_(random) { Join(this); }

Turns::~Turns() {
  SLUICE_CHECK(members_.empty());
  Join(nullptr);
}

bool Turns::GiveTurn() {
  std::vector<Member*> ready;
  for (const auto& [number, member] : members_) {
    if (member->ready && !member->ended) ready.push_back(member.get());
  }
  if (ready.empty()) return false;
  running_ = ready[random_.Below(ready.size())];
  process_ = running_->process;
  running_->go.Give();
  loops_turn_.Await();
  running_ = nullptr;
  return true;
}

void Turns::WakeDue() {
  for (const auto& [number, member] : members_) {
    if (!member->ready && member->due <= clock_.Monotonic()) member->ready = true;
  }
}

std::optional<absl::Duration> Turns::NextDue() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [number, member] : members_) {
    if (!member->ready && !member->ended) next = std::min(next, member->due);
  }
  if (next == absl::InfiniteDuration()) return std::nullopt;
  return next;
}

void Turns::Kill(ProcessNumber process) {
  for (const auto& [number, member] : members_) {
    if (member->process != process) continue;
    member->dead = true;
    member->ready = true;
  }
}

bool Turns::Wait(const void* condition, absl::Duration timeout) {
  if (running_ == nullptr) {
    loops_condition_ = condition;
    loops_notified_ = false;
    GiveTurnsUntil([this] { return loops_notified_; });
    return true;
  }
  Member& self = *running_;
  self.condition = condition;
  self.notified = false;
  self.ready = self.dead;
  self.due = timeout == absl::InfiniteDuration() ? timeout : clock_.Monotonic() + timeout;
  loops_turn_.Give();
  self.go.Await();
  self.condition = nullptr;
  self.due = absl::InfiniteDuration();
  return self.notified;
}

void Turns::Sleep(absl::Duration duration) {
  if (running_ != nullptr) Wait(&duration, duration);
}

void Turns::Notify(const void* condition) {
  if (loops_condition_ == condition) loops_notified_ = true;
  for (const auto& [number, member] : members_) {
    if (member->condition != condition || member->ready) continue;
    member->notified = true;
    member->ready = true;
  }
}

std::function<void()> Turns::Enrol(std::function<void()> body, uint64_t& number) {
  number = ++last_number_;
  Member& member = *(members_[number] = std::make_unique<Member>());
  member.process = process_;
  return [this, &member, body = std::move(body)] { Run(member, body); };
}

void Turns::Run(Member& member, const std::function<void()>& body) {
  Join(this);
  member.go.Await();
  body();
  member.ended = true;
  Notify(&member);
  loops_turn_.Give();
}

void Turns::AwaitEnd(uint64_t number) {
  Member& member = *members_.at(number);
  if (running_ == nullptr) {
    GiveTurnsUntil([&member] { return member.ended; });
  } else {
    while (!member.ended) Wait(&member, absl::InfiniteDuration());
  }
  members_.erase(number);
}

void Turns::GiveTurnsUntil(const std::function<bool()>& done) {
  for (int turns = 0; !done(); ++turns) {
    SLUICE_CHECK(turns < kTurnsWhileWaitingMax);
    GiveTurn();
    after_turn_();
  }
}

}  // namespace sluice::simulation
