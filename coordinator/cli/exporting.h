// `sluice export`: a droplet into a file of the operator's.
#pragma once

#include "common/base/status.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

// Nothing is left of an export that fails, is interrupted or waited for in vain: the source's agent
// is told, and the temporary files are removed. InvalidArgument "export-id-used": the id is that of
// a promotion or of an export that was begun before, whose secret key is gone with its process.
Status RunExport(World& world, const GlobalArguments& global, const ExportArguments& arguments);

}  // namespace sluice::cli
