// JSON as a hostile stranger may send it: one meaning or none.
//
// Beyond RFC 8259 this refuses what parsers disagree about: duplicate fields, numbers that are not
// integers within ±(2^53 - 1), NUL, a byte order mark, anything after the value. Size and depth
// have limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice {

inline constexpr int64_t kJsonIntegerMax = (int64_t{1} << 53) - 1;
inline constexpr size_t kJsonBytesMax = 64 * 1024;  // unless a format has another limit
inline constexpr int kJsonDepthMax = 8;

struct JsonLimits {
  size_t bytes_max = kJsonBytesMax;
  int depth_max = kJsonDepthMax;
};

// The value, an object. InvalidArgument by name: json-too-large, json-too-deep, json-malformed,
// json-duplicate-field, json-number (not an integer within the limits), json-not-an-object.
StatusOr<nlohmann::json> ParseStrictJson(std::string_view text, const JsonLimits& limits = {});

// One text for one value: no blanks, fields in byte order. What is signed is this text, kept as it
// is and never made again from the value.
std::string FormatJson(const nlohmann::json& value);

}  // namespace sluice
