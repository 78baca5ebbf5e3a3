#include "coordinator/cli/watching.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/rendering/progress.h"

namespace sluice::cli {
namespace {

constexpr absl::Duration kAnswerWait = absl::Seconds(30);
constexpr absl::Duration kLineEvery = absl::Seconds(10);
// The coordinator may be restarting: it goes on with the promotion by its ledger.
constexpr absl::Duration kReconnectWait = absl::Minutes(1);
constexpr absl::Duration kListenMax = absl::Seconds(60);

// Draws what the tracker knows: over the bars drawn before, or as lines for a log.
class ProgressDisplay {
 public:
  ProgressDisplay(World& world, bool color)
      : world_(world), redraw_(world.terminal.CanRedraw()), color_(color) {}

  void Show(const std::vector<TargetProgress>& targets) {
    if (redraw_) {
      Redraw(targets);
      return;
    }
    const absl::Duration now = world_.clock.Monotonic();
    const bool due = now >= next_line_;
    for (const TargetProgress& target : targets) {
      std::string& shown = shown_[target.target];
      const std::string said = absl::StrCat(target.state, " ", target.retries);
      if (said == shown && !(due && !target.ended)) continue;
      shown = said;
      world_.terminal.Note(RenderProgressLine(target, world_.clock.Now()));
    }
    if (due) next_line_ = now + kLineEvery;
  }

  absl::Duration UntilNextLine() const {
    if (redraw_) return kListenMax;
    return std::max(next_line_ - world_.clock.Monotonic(), absl::ZeroDuration());
  }

 private:
  void Redraw(const std::vector<TargetProgress>& targets) {
    std::string out;
    // Up over the lines drawn before, and each cleared to its end.
    if (lines_ > 0) absl::StrAppend(&out, "\x1b[", lines_, "A\x1b[0J");
    const auto rows = static_cast<size_t>(std::max(world_.terminal.Height() - 1, 1));
    absl::StrAppend(&out, RenderBars(targets, world_.terminal.Width() - 1, rows, color_));
    lines_ = std::min(targets.size(), rows);
    world_.terminal.Note(out);
  }

  World& world_;
  const bool redraw_;
  const bool color_;
  size_t lines_ = 0;
  std::map<std::string, std::string> shown_;
  absl::Duration next_line_ = absl::ZeroDuration();
};

class Watcher {
 public:
  Watcher(World& world, CoordinatorLink& link, const GlobalArguments& global,
          const WatchRequest& request)
      : world_(world),
        link_(link),
        request_(request),
        id_(request.id),
        display_(world, global.color) {
    const absl::Duration now = world.clock.Monotonic();
    deadline_ = request.timeout ? now + *request.timeout : absl::InfiniteDuration();
  }

  StatusOr<v1::PromotionDetail> Run() {
    SLUICE_RETURN_IF_ERROR(Begin());
    while (!AtRest(detail_.summary().state())) {
      SLUICE_RETURN_IF_ERROR(Step());
      SLUICE_RETURN_IF_ERROR(problem_);
    }
    return detail_;
  }

 private:
  // Asks for the whole state and for the events after it.
  Status Begin() {
    v1::ControlMessage question;
    question.mutable_watch_promotion()->set_id(id_);
    const absl::Duration wait = std::min(kAnswerWait, UntilDeadline());
    StatusOr<v1::ControlMessage> answer = link_.Ask(question, wait);
    if (!answer.ok()) {
      if (ErrorName(answer.status()) == "interrupted") return Interrupted();
      if (UntilDeadline() <= absl::ZeroDuration()) return TimeoutPassed();
      return answer.status();
    }
    if (!answer->has_promotion_detail()) {
      return NamedError(StatusCode::kInternal, "unexpected-answer",
                        "the coordinator answered something else than was asked");
    }
    lost_since_.reset();
    id_ = answer->promotion_detail().summary().id();
    sequence_ = 0;  // a coordinator that began anew may count anew
    Take(answer->promotion_detail());
    return problem_;
  }

  Status Step() {
    const absl::Duration wait =
        std::min({UntilDeadline(), display_.UntilNextLine(), UntilGivenUp(), kListenMax});
    const Heard heard =
        link_.Listen(wait, [this](const v1::ControlMessage& message) { OnMessage(message); });
    switch (heard) {
      case Heard::kInterrupted:
        return Interrupted();
      case Heard::kConnected:
        return Begin();
      case Heard::kLost:
        if (!lost_since_) {
          world_.terminal.Note("sluice: lost the coordinator; trying again\n");
          lost_since_ = world_.clock.Monotonic();
          tracker_.ForgetRates();  // nobody can say how fast it goes on
        }
        break;
      case Heard::kMessage:
      case Heard::kNothing:
        display_.Show(tracker_.targets());
        break;
    }
    if (UntilDeadline() <= absl::ZeroDuration()) return TimeoutPassed();
    if (UntilGivenUp() <= absl::ZeroDuration()) {
      return Ending(StatusCode::kUnavailable, "coordinator-unreachable",
                    "the coordinator is gone for a minute");
    }
    return absl::OkStatus();
  }

  void OnMessage(const v1::ControlMessage& message) {
    if (message.has_promotion_event() && message.promotion_event().id() == id_) {
      const v1::PromotionEvent& event = message.promotion_event();
      if (event.event_sequence() < sequence_) return;
      Take(event.detail());
    } else if (message.has_job_progress() && message.job_progress().promotion() == id_) {
      tracker_.Update(message.job_progress(), world_.clock.Monotonic());
    }
  }

  void Take(const v1::PromotionDetail& detail) {
    if (request_.check) problem_ = request_.check(detail);
    if (!problem_.ok()) return;
    detail_ = detail;
    sequence_ = detail.event_sequence();
    tracker_.Update(detail, world_.clock.Monotonic());
    display_.Show(tracker_.targets());
  }

  absl::Duration UntilDeadline() const { return deadline_ - world_.clock.Monotonic(); }
  absl::Duration UntilGivenUp() const {
    if (!lost_since_) return absl::InfiniteDuration();
    return *lost_since_ + kReconnectWait - world_.clock.Monotonic();
  }

  Status Ending(StatusCode code, std::string_view name, std::string_view what) const {
    return NamedError(
        code, name,
        absl::StrCat(ToAbsl(what), "; the promotion goes on, watch it with: sluice watch ", id_));
  }
  Status Interrupted() const {
    return Ending(StatusCode::kCancelled, "interrupted", "interrupted");
  }
  Status TimeoutPassed() const {
    const std::string& reason = detail_.summary().reason();
    return Ending(StatusCode::kDeadlineExceeded, "timeout-passed",
                  reason.empty() ? "--timeout has passed"
                                 : absl::StrCat("--timeout has passed (", reason, ")"));
  }

  World& world_;
  CoordinatorLink& link_;
  const WatchRequest& request_;
  std::string id_;
  ProgressDisplay display_;
  ProgressTracker tracker_;
  v1::PromotionDetail detail_;
  uint64_t sequence_ = 0;
  Status problem_;
  absl::Duration deadline_;
  std::optional<absl::Duration> lost_since_;
};

}  // namespace

bool AtRest(v1::PromotionState state) {
  switch (state) {
    case v1::PROMOTION_STATE_WAITING:
    case v1::PROMOTION_STATE_DONE:
    case v1::PROMOTION_STATE_FAILED:
    case v1::PROMOTION_STATE_CANCELLED:
    case v1::PROMOTION_STATE_ROLLED_BACK:
    case v1::PROMOTION_STATE_STUCK:
      return true;
    default:
      return false;
  }
}

StatusOr<v1::PromotionDetail> Watch(World& world, CoordinatorLink& link,
                                    const GlobalArguments& global, const WatchRequest& request) {
  return Watcher(world, link, global, request).Run();
}

}  // namespace sluice::cli
