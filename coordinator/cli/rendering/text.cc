#include "coordinator/cli/rendering/text.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/status.h"

namespace sluice::cli {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the UTF-8 sequence that begins `text`, or 0 when there is none. Over-long forms and
// surrogates (RFC 3629 section 3) are let through: they show wrongly, and harm nothing.
size_t SequenceLength(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  return length;
}

// U+0080 to U+009F are control characters too, and some terminals obey them.
bool IsControl(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  if (name.size() <= prefix.size()) return "unknown";
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0 || IsControl(text.substr(0, length))) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (const char c : text) width += IsContinuation(c) ? 0 : 1;
  return width;
}

std::string WithPlace(std::string_view place, std::string_view what) {
  if (what.substr(0, place.size()) == place) return std::string(what);
  return absl::StrCat(ToAbsl(place), ": ", ToAbsl(what));
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  if (unit == 0) return absl::StrCat(bytes, " B");
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string FormatRate(double bytes_per_second) {
  return absl::StrCat(FormatBytes(static_cast<uint64_t>(bytes_per_second)), "/s");
}

std::string FormatSeconds(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 10) return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(duration));
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
}

std::string FormatMilliseconds(int64_t since_1970) {
  return since_1970 == 0 ? "-" : sluice::FormatTime(absl::FromUnixMillis(since_1970));
}

std::string StateName(v1::PromotionState state) {
  return WithoutPrefix(v1::PromotionState_Name(state), "PROMOTION_STATE_");
}

std::string StateName(v1::TargetState state) {
  return WithoutPrefix(v1::TargetState_Name(state), "TARGET_STATE_");
}

std::string StateName(v1::SourceState state) {
  return WithoutPrefix(v1::SourceState_Name(state), "SOURCE_STATE_");
}

std::string WaitingName(v1::WaitingFor waiting_for) {
  if (waiting_for == v1::WAITING_FOR_UNSPECIFIED) return "";
  return WithoutPrefix(v1::WaitingFor_Name(waiting_for), "WAITING_FOR_");
}

}  // namespace sluice::cli
