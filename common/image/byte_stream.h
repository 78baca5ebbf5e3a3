// The two ends of a stream inside this room.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "common/base/status.h"

namespace sluice::image {

// Fills a prefix of the bytes and says how long it is; 0 where the stream ends.
using ByteReader = std::function<StatusOr<size_t>(std::span<char>)>;

// Takes all of the bytes, in order, or fails.
using ByteSink = std::function<Status(std::string_view)>;

// What is moved at a time.
inline constexpr size_t kPieceBytes = size_t{64} << 10;

}  // namespace sluice::image
