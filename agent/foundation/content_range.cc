#include "agent/foundation/content_range.h"

#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace sluice::foundation {
namespace {

constexpr std::string_view kUnit = "bytes ";

// Digits up to `end`, which is taken too; an empty `end` stands for the end of the text.
std::optional<uint64_t> TakeNumber(std::string_view& text, std::string_view end) {
  const size_t at = end.empty() ? text.size() : text.find(end);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const std::string_view digits = text.substr(0, at);
  uint64_t number = 0;
  if (digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(ToAbsl(digits), &number)) {
    return std::nullopt;
  }
  text.remove_prefix(at + end.size());
  return number;
}

}  // namespace

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const auto first = TakeNumber(text, "-");
  const auto last = first ? TakeNumber(text, "/") : std::nullopt;
  const auto total = last ? TakeNumber(text, "") : std::nullopt;
  if (!total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = *total};
}

}  // namespace sluice::foundation
