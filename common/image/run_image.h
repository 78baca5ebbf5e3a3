// The image that an exported one stands on: looked at as a whole before a byte of it is used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/image/image_layer.h"
#include "common/image/run_image_config.h"

namespace sluice::image {

// What all layers of a base may expand to: cflinuxfs4 has about 2 GiB.
inline constexpr uint64_t kRunImageBytesMax = uint64_t{64} << 30;

// A layer as somebody wrote it, gzip or plain tar; nothing about it is proven.
struct UnprovenLayer {
  std::optional<crypto::Sha256Digest> digest;  // what its bytes are said to have
  FileRange range;
};

// A base as it was found in an archive, or pulled from a registry into a folder.
struct RunImageParts {
  std::string name;  // as the operator would call it; may be empty
  std::optional<crypto::Sha256Digest> manifest_digest;
  std::string config;  // JSON
  std::vector<UnprovenLayer> layers;
};

struct RunImage {
  std::string name;
  std::optional<crypto::Sha256Digest> manifest_digest;
  RunImageConfig config;
  std::vector<ImageLayer> layers;
};

struct RunImageRequirements {
  std::string stack;  // the droplet's
  // What the operator says that the base is, for a base that does not say so itself; else empty.
  std::string stated_stack;
};

// The stack that a base says it is: by its label io.buildpacks.stack.id (Cloud Native Buildpacks,
// platform specification), else by the last part of its name, as in cloudfoundry/cflinuxfs4:1.0.
// Empty if by nothing.
std::string StackOf(const RunImageConfig& config, std::string_view name);

// Reads every layer and compares what it is with what it is said to be. Layers that are plain tars
// are compressed into `folder`; the others stay where they are.
//
// FailedPrecondition, besides the names of run_image_config.h and gzip.h:
//   base-for-another-system, base-for-another-architecture, base-for-another-stack,
//   base-stack-unknown
//   base-too-large
// DataLoss "base-layer-mismatch".
StatusOr<RunImage> ProveRunImage(const RunImageParts& parts,
                                 const RunImageRequirements& requirements, Files& files,
                                 const std::string& folder);

}  // namespace sluice::image
