// Where an entry of a droplet goes in an image, and what is not let in: one entry at a time, pure.
//
// A droplet's entries live below "/home/vcap" (cloudfoundry/diego-release: it is unpacked there).
// What a layer cannot hold, or what would escape that folder, is refused by name and never mended.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/image/tar_entry.h"

namespace sluice::image {

// Where a droplet lives in an image: as in a layer, without a leading slash.
inline constexpr std::string_view kHome = "home/vcap";
inline constexpr uint32_t kVcap = 2000;        // user and group, in every stack
inline constexpr size_t kPathBytesMax = 4096;  // PATH_MAX of Linux
inline constexpr size_t kNameBytesMax = 255;   // NAME_MAX: no container engine could make the file

// Dependencies change seldom, the app with every version: apart, versions share most bytes.
enum class DropletLayer { kDependencies, kApp };

struct PlacedEntry {
  TarEntry entry;  // path and a hard link's target begin with kHome
  DropletLayer layer = DropletLayer::kApp;
};

// nullopt for the droplet's root, which the image has of its own. FailedPrecondition:
//   absolute-path, parent-in-path, empty-path-component, nul-in-path, path-too-long
//   whiteout-name   a component begins with ".wh.", which a layer reads as a deletion
//   special-file    device, FIFO, socket
StatusOr<std::optional<PlacedEntry>> PlaceEntry(const TarEntry& entry);

}  // namespace sluice::image
