#include "coordinator/cli/rendering/progress.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "coordinator/cli/rendering/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr absl::Duration kRateWindow = absl::Seconds(10);
constexpr absl::Duration kRateSpanLeast = absl::Milliseconds(500);
constexpr size_t kSamplesMax = 256;
constexpr int kBarColumns = 20;
constexpr int kBarColumnsLeast = 4;  // a shorter one says nothing
// Of what is said beside a bar: "60%  50.0 MiB/s  0.8s left  direct".
constexpr int kBriefColumns = 40;
constexpr int kNameColumnsLeast = 12;  // of a target
constexpr uint64_t kPercent = 100;

bool Ended(v1::TargetState state) {
  switch (state) {
    case v1::TARGET_STATE_VERIFIED:
    case v1::TARGET_STATE_REFUSED:
    case v1::TARGET_STATE_FAILED:
    case v1::TARGET_STATE_CANCELLED:
    case v1::TARGET_STATE_ROLLED_BACK:
    case v1::TARGET_STATE_STUCK:
      return true;
    default:
      return false;
  }
}

bool Uploaded(v1::TargetState state) {
  return state == v1::TARGET_STATE_UPLOADED || state == v1::TARGET_STATE_ACTIVATING ||
         state == v1::TARGET_STATE_ACTIVE || state == v1::TARGET_STATE_VERIFIED ||
         state == v1::TARGET_STATE_ROLLED_BACK;
}

// Nothing is transferred: the target's foundation had the droplet.
bool WasThere(const std::string& path) { return path == "stored" || path == "copied"; }

std::string StateText(const v1::TargetDetail& target) {
  const std::string waiting = WaitingName(target.waiting_for());
  if (!waiting.empty()) return absl::StrCat("waiting for ", waiting);
  return StateName(target.state());
}

uint64_t Percent(const TargetProgress& target) {
  if (target.bytes_total == 0) return 0;
  return std::min(target.bytes_done, target.bytes_total) * kPercent / target.bytes_total;
}

// State, amounts, rate, time left, path, retries: what both forms say after the target's name. In
// brief of a transfer only how far, how fast, how long and by which path.
enum class Length { kFull, kBrief };
std::string Details(const TargetProgress& target, Length length = Length::kFull) {
  std::vector<std::string> parts;
  const bool begun = target.bytes_done > 0 || target.state == "transferring";
  const bool moving =
      target.bytes_total > 0 && begun && !target.uploaded && !target.undoing && !target.ended;
  const bool brief = moving && length == Length::kBrief;
  if (!brief) parts.push_back(Printable(target.state));
  if (moving) parts.push_back(absl::StrCat(Percent(target), "%"));
  if (moving && !brief) {
    parts.push_back(
        absl::StrCat(FormatBytes(target.bytes_done), " of ", FormatBytes(target.bytes_total)));
  }
  if (moving && target.bytes_done < target.bytes_total && target.bytes_per_second > 0) {
    parts.push_back(FormatRate(target.bytes_per_second));
    if (const auto left = TimeLeft(target)) {
      parts.push_back(absl::StrCat(FormatSeconds(*left), " left"));
    }
  }
  // What went on before the undo says nothing of it.
  const bool of_now = !target.undoing || absl::StartsWith(target.phase, "undo ");
  if (!target.phase.empty() && of_now && !target.ended && !brief) {
    parts.push_back(Printable(target.phase));
  }
  if (!target.path.empty()) parts.push_back(Printable(target.path));
  if (target.retries > 0) parts.push_back(absl::StrCat("retry ", target.retries));
  return absl::StrJoin(parts, "  ");
}

std::string Cut(const std::string& text, int width) {
  if (width <= 0 || DisplayWidth(text) <= static_cast<size_t>(width)) return text;
  std::string out;
  size_t columns = 0;
  for (size_t i = 0; i < text.size() && columns < static_cast<size_t>(width);) {
    size_t next = i + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    out += text.substr(i, next - i);
    ++columns;
    i = next;
  }
  return out;
}

std::string Bar(const TargetProgress& target, int columns) {
  const auto all = static_cast<uint64_t>(columns);
  const uint64_t full = target.uploaded ? all : Percent(target) * all / kPercent;
  return absl::StrCat("[", std::string(full, '#'), std::string(all - full, '.'), "]");
}

// The bar's columns depend on the name and the terminal alone, so that it stands still while what
// is said beside it grows and shrinks. What does not fit beside it is said in brief; where there is
// no room for a bar the end of the name goes, too.
std::string BarLine(const TargetProgress& target, int width) {
  const std::string name = Printable(target.target);
  const std::string full = Details(target, Length::kFull);
  if (width <= 0) return absl::StrCat(name, " ", Bar(target, kBarColumns), " ", full);
  const auto fits = [width](std::string_view line) {
    return DisplayWidth(line) <= static_cast<size_t>(width);
  };
  const std::string brief = Details(target, Length::kBrief);
  const int name_columns = static_cast<int>(DisplayWidth(name));
  const int bar_columns = std::min(kBarColumns, width - name_columns - kBriefColumns - 4);
  if (bar_columns >= kBarColumnsLeast) {
    const std::string begin = absl::StrCat(name, " ", Bar(target, bar_columns), " ");
    return Cut(begin + (fits(begin + full) ? full : brief), width);
  }
  const int room = width - static_cast<int>(DisplayWidth(brief)) - 1;
  return Cut(absl::StrCat(Cut(name, std::max(kNameColumnsLeast, room)), " ", brief), width);
}

// For what is shown first: bytes that are still to come before an activation, and that before what
// has ended.
uint64_t LeftToDo(const TargetProgress& target) {
  if (target.ended) return 0;
  if (target.uploaded) return 1;
  return 2 + target.bytes_total - std::min(target.bytes_done, target.bytes_total);
}

}  // namespace

void ProgressTracker::Update(const v1::PromotionDetail& detail, absl::Duration now) {
  if (!detail.summary().recipient().empty()) return TakeExport(detail, now);
  const auto count = static_cast<size_t>(detail.targets_size());
  targets_.resize(std::max(targets_.size(), count));
  histories_.resize(targets_.size());
  for (size_t i = 0; i < count; ++i) {
    const v1::TargetDetail& from = detail.targets(static_cast<int>(i));
    TargetProgress& target = targets_[i];
    target.target = from.target();
    target.ended = Ended(from.state());
    target.undoing = detail.summary().state() == v1::PROMOTION_STATE_UNDOING && !target.ended;
    target.state = target.undoing ? "undoing" : StateText(from);
    target.uploaded = Uploaded(from.state());
    if (!from.path().empty()) target.path = from.path();
    if (target.bytes_total == 0 && !WasThere(from.path())) target.bytes_total = detail.size_bytes();
    // A detail without figures is older than what the agent has shown meanwhile, and no step back.
    if (from.progress().bytes_total() > 0) Take(i, from.progress(), now);
  }
}

void ProgressTracker::Update(const v1::JobProgress& progress, absl::Duration now) {
  if (exports_ != (progress.role() == v1::JOB_ROLE_SOURCE) ||
      progress.target_index() >= targets_.size())
    return;
  Take(progress.target_index(), progress.progress(), now);
}

void ProgressTracker::TakeExport(const v1::PromotionDetail& detail, absl::Duration now) {
  exports_ = true;
  targets_.resize(1);
  histories_.resize(1);
  TargetProgress& row = targets_.front();
  const v1::PromotionState state = detail.summary().state();
  row.target = detail.summary().source();
  row.state = StateName(state);
  row.uploaded = state == v1::PROMOTION_STATE_DONE;
  row.ended =
      row.uploaded || state == v1::PROMOTION_STATE_FAILED || state == v1::PROMOTION_STATE_CANCELLED;
  row.bytes_total = detail.size_bytes();
  if (detail.source_progress().bytes_total() > 0) Take(0, detail.source_progress(), now);
}

void ProgressTracker::ForgetRates() {
  for (TargetProgress& target : targets_) target.bytes_per_second = 0;
  for (History& history : histories_) history.samples.clear();
}

void ProgressTracker::Take(size_t index, const v1::Progress& progress, absl::Duration now) {
  TargetProgress& target = targets_[index];
  History& history = histories_[index];
  if (!progress.phase().empty()) target.phase = progress.phase();
  if (progress.bytes_total() > 0) target.bytes_total = progress.bytes_total();
  const uint64_t bytes = progress.bytes_done();
  if (bytes < history.last_bytes) {
    if (!history.retrying) ++target.retries;
    history.retrying = true;
    history.samples.clear();  // what was measured before says nothing about now
  }
  if (bytes >= target.bytes_done) history.retrying = false;
  history.last_bytes = bytes;
  target.bytes_done = std::max(target.bytes_done, bytes);
  history.samples.emplace_back(now, bytes);
  while (history.samples.size() > kSamplesMax ||
         (history.samples.size() > 2 && now - history.samples.front().first > kRateWindow)) {
    history.samples.pop_front();
  }
  const absl::Duration span = now - history.samples.front().first;
  if (span < kRateSpanLeast) return;
  target.bytes_per_second =
      static_cast<double>(bytes - history.samples.front().second) / absl::ToDoubleSeconds(span);
}

std::optional<absl::Duration> TimeLeft(const TargetProgress& target) {
  if (target.bytes_per_second <= 0 || target.bytes_done >= target.bytes_total) return std::nullopt;
  return absl::Seconds(static_cast<double>(target.bytes_total - target.bytes_done) /
                       target.bytes_per_second);
}

std::string RenderBars(const std::vector<TargetProgress>& targets, int width, size_t rows,
                       bool color) {
  std::vector<const TargetProgress*> shown;
  for (const TargetProgress& target : targets) shown.push_back(&target);
  std::string rest;
  if (shown.size() > rows && rows > 0) {
    std::stable_sort(shown.begin(), shown.end(), [](const auto* one, const auto* other) {
      return LeftToDo(*one) > LeftToDo(*other);
    });
    shown.resize(rows - 1);
    rest = Cut(absl::StrCat("... and ", targets.size() - shown.size(), " more"), width);
    rest += "\n";
  }
  std::string out;
  for (const TargetProgress* target : shown) {
    std::string line = BarLine(*target, width);
    if (color && target->ended) {
      const bool good = target->state == "verified" || target->state == "done";
      line = absl::StrCat(good ? "\x1b[32m" : "\x1b[31m", line, "\x1b[0m");
    }
    absl::StrAppend(&out, line, "\n");
  }
  return absl::StrCat(out, rest);
}

std::string RenderProgressLine(const TargetProgress& target, absl::Time now) {
  return absl::StrCat(sluice::FormatTime(now), "  ", Printable(target.target), "  ",
                      Details(target), "\n");
}

}  // namespace sluice::cli
