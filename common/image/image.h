// A droplet as a runnable image: the base's layers, the launcher's, the droplet's, and the
// documents that hold them together.
#pragma once

#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/image/byte_stream.h"
#include "common/image/image_layer.h"
#include "common/image/image_recipe.h"
#include "common/image/run_image.h"

namespace sluice::image {

struct Image {
  ImageFormat format = ImageFormat::kOci;
  std::string manifest;         // JSON
  crypto::Sha256Digest digest;  // of the manifest: the image's identity
  std::string config;           // JSON
  crypto::Sha256Digest config_digest;
  std::vector<ImageLayer> layers;  // lowest first
};

// Reads the droplet to its end and writes our layers into `folder`; the base's stay where they are.
// Nothing depends on a clock, a name of a file or the pieces that the droplet comes in: the same
// droplet, base, launcher and recipe give the same digest.
//
// As CheckRecipe() and ConvertDroplet() say; FailedPrecondition "image-too-many-layers". After a
// failure the folder, which is the caller's to remove, may hold the launcher's layer.
StatusOr<Image> BuildImage(const ImageRecipe& recipe, const RunImage& base, ByteReader droplet,
                           Files& files, const std::string& folder);

}  // namespace sluice::image
