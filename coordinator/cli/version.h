// The version as the build names it.
#pragma once

#include <string_view>

namespace sluice::cli {

inline constexpr std::string_view kVersion = SLUICE_VERSION;

}  // namespace sluice::cli
