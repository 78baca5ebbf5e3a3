#include "common/image/launcher/launcher_bytes.h"

// Of embedded_launcher.S.
extern "C" const char sluice_launcher_begin[];
extern "C" const char sluice_launcher_end[];

namespace sluice::image::launcher {

std::string_view LauncherBytes() { return {sluice_launcher_begin, sluice_launcher_end}; }

}  // namespace sluice::image::launcher
