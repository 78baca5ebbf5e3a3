// The program from its words to its exit code.
#pragma once

#include <string>
#include <vector>

#include "coordinator/cli/world.h"

namespace sluice::cli {

int Run(World& world, const std::vector<std::string>& words);

}  // namespace sluice::cli
