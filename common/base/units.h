// Amounts as operators write them, in configuration and on the command line.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice {

// "4096", "64K", "10M", "2G", "1T": powers of 1024, as cf's manifests have them.
// InvalidArgument "bad-size".
StatusOr<uint64_t> ParseSize(std::string_view text);

// "250ms", "30s", "1h30m"; never negative nor endless, and never a bare number but "0".
// InvalidArgument "bad-duration".
StatusOr<absl::Duration> ParseDuration(std::string_view text);

// Decimal digits with an optional minus; no leading zeros, which others read as octal.
// InvalidArgument "bad-integer".
StatusOr<int64_t> ParseInteger(std::string_view text);

}  // namespace sluice
