// The header field Content-Range of a partial response (RFC 9110 section 14.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::foundation {

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;  // inclusive
  uint64_t total = 0;
};

// "bytes 0-0/1234". Nothing for any other form: an unknown total ("*") is of no use here.
std::optional<ContentRange> ParseContentRange(std::string_view text);

}  // namespace sluice::foundation
