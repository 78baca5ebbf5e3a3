// A droplet's stream becomes the two layers of an image that hold it: one pass, constant memory.
#pragma once

#include <optional>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/image/byte_stream.h"
#include "common/image/layer_writer.h"

namespace sluice::image {

// What a droplet may expand to: far above what a cell gives an app, far below what fills a disk
// unnoticed.
inline constexpr uint64_t kExpandedBytesMax = uint64_t{64} << 30;
// Hard links from one layer to the other are remembered until the end.
inline constexpr size_t kLinksAcrossLayersMax = 10'000;
// After the tar's end: GNU tar pads to 10 KiB, others to a tape's block.
inline constexpr size_t kPaddingBytesMax = size_t{1} << 20;

struct DropletLayers {
  std::optional<LayerBlob> dependencies;  // deps/ and profile.d/; none if the droplet has neither
  LayerBlob app;                          // all else, and the launch record
};

// Reads the droplet to its end and writes both layers into `folder`. `launch_record` is the content
// of /sluice/launch.json.
//
// DataLoss "digest-mismatch" when the bytes are not those of `digest`, whatever else is wrong with
// them; FailedPrecondition by the names of droplet_entry.h, droplet_paths.h, gzip.h, tar_reader.h
// and "expanded-too-large", "too-many-links-across-layers", "bytes-after-archive",
// "droplet-without-app". After a failure
// nothing of it is left in the folder.
StatusOr<DropletLayers> ConvertDroplet(ByteReader droplet, const crypto::Sha256Digest& digest,
                                       const std::string& launch_record, Files& files,
                                       const std::string& folder);

}  // namespace sluice::image
