#include "common/base/units.h"

#include <charconv>
#include <string>

namespace sluice {
namespace {

// Parses the whole of `text`; false when it is no plain decimal number that fits.
template <typename Number>
StatusOr<Number> ParseWhole(std::string_view text, std::string_view name, std::string_view wanted) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const bool padded = digits.size() > 1 && digits.front() == '0';
  if (error != std::errc() || end != text.data() + text.size() || padded || text == "-0") {
    return NamedError(StatusCode::kInvalidArgument, name, wanted);
  }
  return number;
}

}  // namespace

StatusOr<uint64_t> ParseSize(std::string_view text) {
  constexpr std::string_view kWanted = "a size is a number with an optional K, M, G or T, as 10M";
  constexpr std::string_view kSuffixes = "KMGT";
  int shift = 0;
  if (!text.empty()) {
    const size_t found = kSuffixes.find(text.back());
    if (found != std::string_view::npos) {
      shift = 10 * (static_cast<int>(found) + 1);
      text.remove_suffix(1);
    }
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t number, ParseWhole<uint64_t>(text, "bad-size", kWanted));
  if (number > UINT64_MAX >> shift) {
    return NamedError(StatusCode::kInvalidArgument, "bad-size", kWanted);
  }
  return number << shift;
}

StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(ToAbsl(text), &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return NamedError(StatusCode::kInvalidArgument, "bad-duration",
                      "a duration is a number with a unit, as 250ms, 30s or 1h30m");
  }
  return duration;
}

StatusOr<int64_t> ParseInteger(std::string_view text) {
  return ParseWhole<int64_t>(text, "bad-integer", "not a whole number");
}

}  // namespace sluice
