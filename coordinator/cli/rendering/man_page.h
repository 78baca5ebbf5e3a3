// The manual page, from the command table.
#pragma once

#include <string>

namespace sluice::cli {

// sluice(1) in man(7) macros; deploy/man/sluice.1 is this text.
std::string ManPage();

}  // namespace sluice::cli
