// The launcher's program as bytes, so that whoever exports an image needs no second file.
#pragma once

#include <string_view>

namespace sluice::image::launcher {

// The statically linked program for the architecture that this build is for.
std::string_view LauncherBytes();

}  // namespace sluice::image::launcher
