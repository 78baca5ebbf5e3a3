// The layer that holds the launcher: the same for every app, so that a registry keeps it once.
#pragma once

#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/image/layer_writer.h"

namespace sluice::image {

// The image's entrypoint.
inline constexpr std::string_view kLauncherPath = "/sluice/launcher";

// What the launcher runs on, as an image's config calls it; a base must be of the same.
std::string_view LauncherArchitecture();

// Writes the layer into `folder`. Its bytes follow from this build's launcher alone.
StatusOr<LayerBlob> WriteLauncherLayer(Files& files, const std::string& folder);

}  // namespace sluice::image
